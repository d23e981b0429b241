//! Journal events as the live events of api.md, "Live".

use std::sync::Arc;

use baton_core::ids::StepId;
use baton_core::run::Run;
use baton_core::run::event::{Actor, AttemptEnd, Event};
use baton_core::time::Timestamp;
use baton_engine::Plans;
use baton_engine::ports::{Aggregate, Journal, Position, ReadError, Stored};
use serde_json::{Value, json};

use crate::folds::{Folds, Look, Skip};

/// One live event.
#[derive(Debug, Clone, PartialEq)]
pub struct WireEvent {
    /// Its name on the wire.
    pub kind: &'static str,
    /// Its payload; holds `execution_id` and `project_id`.
    pub data: Value,
    /// Its wire position: [`Position::of_event`] of the n-th live event of its commit.
    pub pos: u64,
    /// When.
    pub ts: Timestamp,
}

/// The live events of what was committed after a wire position, oldest first, from at most `limit`
/// commits, and the wire position to go on after; for a client that comes back after a gap.
///
/// # Errors
/// [`ReadError`].
pub fn wire_since(
    journal: &Arc<dyn Journal>,
    plans: &Arc<Plans>,
    after: u64,
    limit: usize,
) -> Result<(Vec<WireEvent>, u64), ReadError> {
    let mut folds = Folds::new(journal.clone(), plans.clone());
    let (position, _) = Position::from_wire(after);
    // The commit of `after` itself may have events that were not sent yet.
    let from = Position(position.0.saturating_sub(1));
    let mut found = Vec::new();
    let mut end = after;
    for commit in journal.since(from, limit)? {
        match wire_events(&mut folds, &commit) {
            Ok(events) => found.extend(events.into_iter().filter(|event| event.pos > after)),
            Err(Skip::Read(error)) => return Err(error),
            Err(Skip::Never(_)) => {}
        }
        end = end.max(commit.position.of_event(Position::STRIDE as usize - 1));
    }
    Ok((found, end))
}

fn wire_events(folds: &mut Folds, commit: &Stored) -> Result<Vec<WireEvent>, Skip> {
    let Aggregate::Run(run) = commit.aggregate else {
        return Ok(Vec::new());
    };
    let mut wire = Wire::new(commit);
    folds.advance(run, commit, |index, event, before, after| {
        wire.event(index, event, before, after);
    })?;
    if let Some(run) = folds.get(run) {
        wire.end(run);
    }
    Ok(wire.events)
}

/// Collects the live events of one commit.
pub(super) struct Wire<'c> {
    commit: &'c Stored,
    first: Option<Look>,
    changes_wait: bool,
    pub(super) events: Vec<WireEvent>,
}

impl<'c> Wire<'c> {
    pub(super) fn new(commit: &'c Stored) -> Self {
        Self {
            commit,
            first: None,
            changes_wait: false,
            events: Vec::new(),
        }
    }

    fn push(&mut self, run: &Run, kind: &'static str, mut data: Value) {
        data["execution_id"] = json!(run.created.run);
        data["project_id"] = json!(run.created.project.id);
        let n = self.events.len().min(Position::STRIDE as usize - 1);
        self.events.push(WireEvent {
            kind,
            data,
            pos: self.commit.position.of_event(n),
            ts: self.commit.at,
        });
    }

    pub(super) fn event(&mut self, index: usize, event: &Event, before: Option<&Look>, run: &Run) {
        if self.first.is_none() {
            self.first = before.cloned();
        }
        self.of_event(index, event, run);
        let now = Look::at(run);
        let was = before.map_or("", |look| look.status);
        if was != now.status {
            self.push(
                run,
                "workflow.execution.status_changed",
                json!({"status": now.status}),
            );
            let number = run.created.number;
            if now.status == "paused" {
                let data = json!({"workflowId": number});
                self.push(run, "workflow:paused", data);
            } else if was == "paused" {
                let data = json!({"workflowId": number});
                self.push(run, "workflow:unpaused", data);
            }
        }
        if before.is_some_and(|look| look.phase != now.phase) {
            let data = json!({"current_phase": run.current_phase()});
            self.push(run, "workflow.execution.phase_changed", data);
        }
    }

    /// What is told once per commit.
    pub(super) fn end(&mut self, run: &Run) {
        let ended = self.first.as_ref().map_or(0, |look| look.ended);
        if ended != run.ended {
            let (ended, total) = (run.ended, run.steps.len());
            let data = json!({"ended": ended, "total": total,
                "progress": ended as f64 / total.max(1) as f64});
            self.push(run, "workflow.run.progress", data);
        }
        if self.changes_wait {
            let data = json!({"waiting": run.waiting()});
            self.push(run, "workflow.run.waiting", data);
        }
    }

    fn of_event(&mut self, index: usize, event: &Event, run: &Run) {
        match event {
            Event::AttemptStarted {
                key,
                attempt,
                number,
                cause,
            } => {
                self.changes_wait = true;
                let data = json!({"step_id": step_id(run, key), "attempt": attempt,
                    "number": number, "cause": cause, "status": "running"});
                self.push(run, "workflow.step.attempt", data);
                if *number == 1 {
                    self.started(run, key);
                }
            }
            Event::AttemptEnded { key, attempt, end } => {
                self.changes_wait = true;
                let status = match end {
                    AttemptEnd::Succeeded { .. } => "succeeded",
                    AttemptEnd::Failed { .. } => "failed",
                    AttemptEnd::Lost { .. } => "lost",
                    AttemptEnd::Stopped {} => "stopped",
                    AttemptEnd::Parked {} => "parked",
                };
                let data = json!({"step_id": step_id(run, key), "attempt": attempt,
                    "status": status});
                self.push(run, "workflow.step.attempt", data);
            }
            Event::ApprovalRequested { key, .. }
            | Event::WaitStarted { key, .. }
            | Event::ChildStarted { key, .. }
            | Event::ItemsListed { key, .. } => {
                self.changes_wait = true;
                self.started(run, key);
            }
            Event::RetryScheduled { .. }
            | Event::LostAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::ChildEnded { .. }
            | Event::SlotGranted {}
            | Event::CancelRequested { .. }
            | Event::StepRequeued { .. } => self.changes_wait = true,
            Event::StepCompleted { key, .. } => self.completed(run, key, "completed"),
            Event::StepFailed { key, .. } => self.completed(run, key, "failed"),
            Event::StepSkipped { key, .. } => self.completed(run, key, "skipped"),
            Event::RunCancelled {} => {
                let at = self.commit.at;
                let cancelled: Vec<String> = run
                    .all()
                    .filter(|(_, step)| step.state.word() == "cancelled")
                    .filter(|(_, step)| step.ended_at == Some(at))
                    .map(|(_, step)| step.key.clone())
                    .collect();
                for key in cancelled {
                    self.completed(run, &key, "cancelled");
                }
            }
            Event::CheckpointTaken {
                number,
                after,
                partial,
            } => {
                let data = json!({"number": number, "partial": partial,
                    "step_id": step_id(run, after)});
                self.push(run, "workflow.checkpoint.created", data);
            }
            Event::MessagePosted(message) => {
                let id = self.commit.position.of_event(index);
                let step = message.step.as_deref().map(|key| step_id(run, key));
                let data = json!({"comment_id": id.to_string(), "step_id": step});
                self.push(run, "workflow.comment.created", data);
                let data = json!({
                    "workflowId": run.created.number,
                    "id": id,
                    "message_type": message_type(&message.by),
                    "content": message.content,
                    "action_type": message.action,
                    "action_status": message.status,
                    "step_id": step,
                    "metadata": message.metadata,
                    "created_at": self.commit.at.to_string(),
                });
                self.push(run, "message:new", data);
            }
            Event::MessageStatus { message, status } => {
                let data = json!({"workflowId": run.created.number, "message": message,
                    "action_status": status});
                self.push(run, "message:updated", data);
            }
            Event::RunCreated(_)
            | Event::RunStarted {}
            | Event::PauseRequested { .. }
            | Event::PauseWithdrawn { .. }
            | Event::RunPaused {}
            | Event::PauseTimedOut { .. }
            | Event::RunResumed { .. }
            | Event::RunCompleted { .. }
            | Event::RunFailed { .. }
            | Event::StepsReset { .. }
            | Event::Delivered { .. } => {}
        }
    }

    fn started(&mut self, run: &Run, key: &str) {
        let declared = run.find(key).map(|at| run.declared(at));
        let data = json!({"step_id": step_id(run, key),
            "step_name": declared.map(|step| &step.name),
            "phase": declared.and_then(|step| step.phase.as_ref())});
        self.push(run, "workflow.step.started", data);
    }

    fn completed(&mut self, run: &Run, key: &str, status: &str) {
        let data = json!({"step_id": step_id(run, key), "status": status});
        self.push(run, "workflow.step.completed", data);
    }
}

fn step_id(run: &Run, key: &str) -> StepId {
    StepId::of(run.created.run, key)
}

/// Document 4's word for who wrote.
#[must_use]
pub fn message_type(by: &Actor) -> &'static str {
    match by {
        Actor::User(_) => "user",
        Actor::Attempt(_) => "agent",
        Actor::System | Actor::Parent(_) => "system",
    }
}
