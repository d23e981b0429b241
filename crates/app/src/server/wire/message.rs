//! Messages: as comments (document 2) and as the thread (document 4). They are the same rows.

use baton_core::run::event::Actor;
use baton_store::views::MessageRow;
use serde_json::{Value, json};

use super::{time, word};
use crate::host::access::Access;

/// `user`, `agent` or `system`.
#[must_use]
pub fn kind(by: &Actor) -> &'static str {
    match by {
        Actor::User(_) => "user",
        Actor::Attempt(_) => "agent",
        Actor::System | Actor::Parent(_) => "system",
    }
}

/// The person who wrote it: `{id, name}`, as they are called now.
fn author(row: &MessageRow, access: &Access) -> Value {
    match row.by {
        Actor::User(id) => json!({"id": id.to_string(), "name": access.name(id)}),
        Actor::System | Actor::Attempt(_) | Actor::Parent(_) => Value::Null,
    }
}

/// A message as a comment, with the artifacts that are attached to it.
#[must_use]
pub fn comment(row: &MessageRow, artifacts: Vec<Value>, access: &Access) -> Value {
    let creator = author(row, access);
    json!({
        "id": row.id.to_string(),
        "workflow_run_id": row.run.to_string(),
        "workflow_run_step_id": row.step.map(|step| step.to_string()),
        "step_id": row.key,
        "text": row.content,
        "comment_type": kind(&row.by),
        "created_by": creator["id"],
        "creator": creator,
        "action_type": word(&row.action),
        "action_status": word(&row.status),
        "artifacts": artifacts,
        "created_at": time(row.at),
        "updated_at": time(row.at),
    })
}

/// A message of the thread.
#[must_use]
pub fn message(row: &MessageRow, access: &Access) -> Value {
    json!({
        "id": row.id,
        "message_type": kind(&row.by),
        "author": author(row, access),
        "agent_type": row.agent,
        "content": row.content,
        "action_type": word(&row.action),
        "action_status": word(&row.status),
        "step_id": row.key,
        "metadata": row.metadata,
        "created_at": time(row.at),
    })
}
