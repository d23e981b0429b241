//! Runs (document 2, with the members that api.md adds).

use std::time::Duration;

use baton_core::ids::UserId;
use baton_core::run::event::{Actor, PauseReason};
use baton_core::run::{Pause, Run, Status};
use baton_store::views::RunRow;
use serde_json::{Map, Value, json};

use super::super::own_files;
use super::super::story::Story;
use super::{artifact, definition, maybe_time, message, step, time, word};
use crate::host::millis;

/// What the run itself does not know.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Processes that will not end.
    pub stuck: Vec<u32>,
    /// How long such a run usually takes.
    pub estimate: Option<Duration>,
}

/// A run as lists show it.
#[must_use]
pub fn row(run: &Run, beside: &Beside) -> Value {
    let mut members = facts(run, beside);
    members.insert("steps".into(), step::rows(run).into());
    Value::Object(members)
}

/// A run with all that belongs to it.
#[must_use]
pub fn whole(story: &Story, beside: &Beside, children: Vec<Value>) -> Value {
    let mut members = facts(&story.run, beside);
    members.insert("steps".into(), step::all(story).into());
    let comments = story.thread.iter();
    let comments = comments.map(|said| message::comment(story, said));
    members.insert("comments".into(), comments.collect());
    members.insert("checkpoints".into(), checkpoints(&story.run));
    members.insert("children".into(), children.into());
    members.insert("artifacts".into(), artifact::list(story, |_| true).into());
    let worktree = own_files::worktree(&story.run, story.finished.as_ref());
    members.insert("worktree".into(), worktree);
    Value::Object(members)
}

fn facts(run: &Run, beside: &Beside) -> Map<String, Value> {
    let created = &run.created;
    let usage = run.usage();
    let mut value = json!({
        "id": created.run.to_string(),
        "number": created.number,
        "project_id": created.project.id.to_string(),
        "user_id": user(&created.by),
        "workflow_definition_id": created.definition.id.to_string(),
        "name": created.name,
        "args": run.args,
        "current_phase": run.current_phase(),
        "current_step_index": run.current_step_index(),
        "status": run.status.word(),
        "parent_run_id": created.parent.as_ref().map(|parent| parent.run.to_string()),
        "parent_step_id": created.parent.as_ref().and_then(|parent| parent.step.as_deref()),
        "instruction": created.instruction,
        "path": created.directory,
        "waiting": waiting(run, &beside.stuck),
        "progress": with_estimate(run, beside.estimate),
        "worktree": own_files::worktree(run, None),
        "cost_usd": usage.cost_usd,
        "cost_is_estimate": usage.estimate,
        "usage": step::tokens(&usage),
        "unread": 0,
        "started_at": maybe_time(run.started_at),
        "created_at": time(run.created_at),
        "updated_at": time(run.updated_at),
        "workflow_definition": definition::of_run(run),
        "_count": {"comments": run.messages, "artifacts": run.artifacts.len()},
    });
    match value.as_object_mut() {
        Some(members) => {
            status(members, &run.status);
            std::mem::take(members)
        }
        None => Map::new(),
    }
}

/// What depends on where the run stands.
fn status(members: &mut Map<String, Value>, status: &Status) {
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    for name in [
        "error_message",
        "completed_at",
        "paused_at",
        "cancelled_at",
        "outputs",
    ] {
        set(name, Value::Null);
    }
    for name in [
        "pause_requested_at",
        "pause_reason",
        "cancel_requested_at",
        "cancel_reason",
    ] {
        set(name, Value::Null);
    }
    set("is_paused", matches!(status, Status::Paused(_)).into());
    let pause = match status {
        Status::Pending { pause } => pause.as_ref(),
        Status::Running(running) => running.pause.as_ref(),
        Status::Paused(pause) => {
            set("paused_at", time(pause.since));
            Some(pause)
        }
        Status::Cancelling(cancelling) => {
            set("cancel_requested_at", time(cancelling.since));
            set("cancel_reason", cancelling.reason.as_deref().into());
            None
        }
        Status::Completed { at, outputs } => {
            set("completed_at", time(*at));
            set("outputs", outputs.clone());
            None
        }
        Status::Failed { at, error } => {
            set("completed_at", time(*at));
            set("error_message", error.message.as_str().into());
            set(
                "error",
                json!({"step_id": error.step, "message": error.message}),
            );
            None
        }
        Status::Cancelled { at, reason } => {
            set("completed_at", time(*at));
            set("cancelled_at", time(*at));
            set("cancel_reason", reason.as_deref().into());
            None
        }
    };
    if let Some(pause) = pause {
        set("pause_requested_at", time(pause.requested_at));
        set("pause_reason", pause_reason(pause));
    }
}

fn pause_reason(pause: &Pause) -> Value {
    match (pause.reason, &pause.detail) {
        (PauseReason::Request, Some(detail)) => detail.as_str().into(),
        (reason, _) => word(&reason),
    }
}

/// Why a run does not advance. Names the processes that will not end.
#[must_use]
pub fn waiting(run: &Run, stuck: &[u32]) -> Value {
    let Some(waiting) = run.waiting() else {
        return Value::Null;
    };
    let mut detail = waiting.detail;
    if !stuck.is_empty() && matches!(run.status, Status::Cancelling(_)) {
        let pids: Vec<String> = stuck.iter().map(u32::to_string).collect();
        detail = format!("{detail}: these processes do not end: {}", pids.join(", "));
    }
    json!({
        "reason": waiting.reason.word(),
        "since": time(waiting.since),
        "until": maybe_time(waiting.until),
        "detail": detail,
    })
}

/// How far a run is: its declared steps that have ended, of those that are known.
#[must_use]
pub fn progress(run: &Run) -> Value {
    let (ended, known) = (run.ended, run.steps.len());
    let ratio = (known > 0).then(|| ended as f64 / known as f64);
    json!({"ended": ended, "known": known, "ratio": ratio})
}

/// With the usual length of such a run, which says nothing about one that is over.
fn with_estimate(run: &Run, estimate: Option<Duration>) -> Value {
    let estimate = estimate.filter(|_| !run.status.is_ended());
    let mut progress = progress(run);
    progress["estimate_ms"] = estimate.map(millis).into();
    progress
}

/// A child or fork, as its parent shows it.
#[must_use]
pub fn child(row: &RunRow) -> Value {
    json!({
        "id": row.id.to_string(),
        "number": row.number,
        "name": row.name,
        "step_id": row.parent_step,
        "status": row.status,
        "current_phase": row.current_phase,
        "progress": {
            "ended": row.ended,
            "known": row.total,
            "ratio": (row.total > 0).then(|| row.progress()),
        },
        "created_at": time(row.created_at),
    })
}

/// The checkpoints there are, oldest first.
#[must_use]
pub fn checkpoints(run: &Run) -> Value {
    let one = |(number, checkpoint): (&u32, &baton_core::run::Checkpoint)| {
        json!({
            "number": number,
            "step_id": checkpoint.after,
            "created_at": time(checkpoint.at),
            "partial": checkpoint.partial,
            "commit": checkpoint.commit,
        })
    };
    run.checkpoints.iter().map(one).collect()
}

/// The user that owns what somebody did.
#[must_use]
pub fn user(by: &Actor) -> Value {
    match by {
        Actor::User(id) => id.to_string().into(),
        Actor::System | Actor::Attempt(_) | Actor::Parent(_) => UserId::LOCAL.to_string().into(),
    }
}
