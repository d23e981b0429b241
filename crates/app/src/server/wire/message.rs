//! Messages: as comments (document 2) and as the thread (document 4). They are the same rows.

use baton_core::ids::{StepId, UserId};
use baton_core::run::event::Actor;
use baton_store::views::MessageRow;
use serde_json::{Value, json};

use super::super::story::{Said, Story};
use super::{artifact, time, word};

/// `user`, `agent` or `system`.
#[must_use]
pub fn kind(by: &Actor) -> &'static str {
    match by {
        Actor::User(_) => "user",
        Actor::Attempt(_) => "agent",
        Actor::System | Actor::Parent(_) => "system",
    }
}

/// A message as a comment.
#[must_use]
pub fn comment(story: &Story, said: &Said) -> Value {
    let run = story.run.created.run;
    let posted = &said.posted;
    let artifacts = artifact::list(story, |found| found.message == Some(posted.message));
    let step = posted
        .step
        .as_ref()
        .map(|key| StepId::of(run, key).to_string());
    let user = match posted.by {
        Actor::User(id) => Some(id),
        _ => None,
    };
    let creator = user.map(|id| {
        let name = if id == UserId::LOCAL {
            "local".to_owned()
        } else {
            id.to_string()
        };
        json!({"id": id.to_string(), "name": name})
    });
    json!({
        "id": said.id.to_string(),
        "workflow_run_id": run.to_string(),
        "workflow_run_step_id": step,
        "step_id": posted.step,
        "text": posted.content,
        "comment_type": kind(&posted.by),
        "created_by": user.map(|id| id.to_string()),
        "creator": creator,
        "action_type": word(&posted.action),
        "action_status": word(&said.status),
        "artifacts": artifacts,
        "created_at": time(said.at),
        "updated_at": time(said.at),
    })
}

/// A message of the thread, as the views hold it.
#[must_use]
pub fn of_row(row: &MessageRow) -> Value {
    json!({
        "id": row.id,
        "message_type": kind(&row.by),
        "agent_type": row.agent,
        "content": row.content,
        "action_type": word(&row.action),
        "action_status": word(&row.status),
        "step_id": row.key,
        "metadata": row.metadata,
        "created_at": time(row.at),
    })
}

/// A message of the thread.
#[must_use]
pub fn message(said: &Said) -> Value {
    let posted = &said.posted;
    json!({
        "id": said.id,
        "message_type": kind(&posted.by),
        "agent_type": said.agent,
        "content": posted.content,
        "action_type": word(&posted.action),
        "action_status": word(&said.status),
        "step_id": posted.step,
        "metadata": posted.metadata,
        "created_at": time(said.at),
    })
}
