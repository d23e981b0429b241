//! The rows readers get: plain structs, made from a folded run. How they look on the wire is the
//! app's part.

use baton_core::ids::{AttemptId, DefinitionId, ProjectId, RunId, StepId};
use baton_core::run::event::{
    Action, ActionStatus, Actor, AttemptEnd, Cause, MessagePosted, PauseReason, RunError, StepError,
};
use baton_core::run::{Run, Waiting};
use baton_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A run as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunRow {
    pub id: RunId,
    pub number: u64,
    pub name: String,
    pub project: ProjectId,
    pub definition: DefinitionId,
    pub definition_key: String,
    pub definition_name: String,
    pub definition_hash: String,
    pub by: Actor,
    /// The run it is a child or fork of.
    pub parent: Option<RunId>,
    /// The step of the parent, when it is a child.
    pub parent_step: Option<String>,
    /// The run's own directory.
    pub directory: String,
    /// The status's word.
    pub status: String,
    pub current_phase: Option<String>,
    /// Declared steps that have ended.
    pub ended: usize,
    /// Declared steps.
    pub total: usize,
    pub waiting: Option<Waiting>,
    /// The pause that is asked for or reached.
    pub pause: Option<PauseRow>,
    pub cancel_requested_at: Option<Timestamp>,
    pub error: Option<RunError>,
    /// Its result, once it has completed.
    pub outputs: Option<Value>,
    pub messages: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub paused_at: Option<Timestamp>,
    pub cancelled_at: Option<Timestamp>,
}

/// A pause of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PauseRow {
    pub reason: PauseReason,
    pub detail: Option<String>,
    pub by: Actor,
    pub requested_at: Timestamp,
}

impl RunRow {
    /// How much of it is done, from 0 to 1: ended of known steps.
    #[must_use]
    pub fn progress(&self) -> f64 {
        match self.total {
            0 if self.completed_at.is_some() => 1.0,
            0 => 0.0,
            total => self.ended as f64 / total as f64,
        }
    }

    /// How long it took, once it has completed.
    #[must_use]
    pub fn length_ms(&self) -> Option<u64> {
        let end = self.completed_at.filter(|_| self.status == "completed")?;
        let length = end.since(self.started_at.unwrap_or(self.created_at));
        u64::try_from(length.as_millis()).ok()
    }
}

/// A step, or one item of a `foreach`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct StepRow {
    pub id: StepId,
    pub run: RunId,
    pub key: String,
    pub name: String,
    pub phase: Option<String>,
    /// The type's word.
    pub kind: String,
    /// The status's word.
    pub status: String,
    /// Index among the declared steps, in file order.
    pub index: usize,
    /// The item's index, for one item of a `foreach`.
    pub item: Option<usize>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    /// What it waits for, when it waits.
    pub until: Option<Timestamp>,
    /// The question, when it waits for an approval.
    pub question: Option<String>,
    /// The child run, while there is one.
    pub child: Option<RunId>,
    pub error: Option<StepError>,
    pub result: Option<String>,
    /// JSON.
    pub data: Option<Value>,
    /// JSON.
    pub outputs: Option<Value>,
    pub exit_code: Option<i32>,
    pub stderr: Option<String>,
    /// Attempts ever started.
    pub attempts: u32,
    /// Relative to the project; `None` for steps that have none.
    pub log_directory: Option<String>,
}

/// One try of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AttemptRow {
    pub id: AttemptId,
    pub step: StepId,
    pub key: String,
    pub number: u32,
    pub cause: Cause,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// `succeeded failed lost stopped parked usage_limit session_lost`, once it has ended.
    pub how: Option<String>,
    pub error: Option<StepError>,
    pub exit_code: Option<i32>,
}

impl AttemptRow {
    pub(super) fn end(&mut self, end: &AttemptEnd, at: Timestamp) {
        self.ended_at = Some(at);
        let (how, error, exit_code) = match end {
            AttemptEnd::Succeeded { output } => ("succeeded", None, output.exit_code),
            AttemptEnd::Failed { error, output } => {
                ("failed", Some(error.clone()), output.exit_code)
            }
            AttemptEnd::Lost { .. } => ("lost", None, None),
            AttemptEnd::Stopped {} => ("stopped", None, None),
            AttemptEnd::Parked {} => ("parked", None, None),
            AttemptEnd::UsageLimit { .. } => ("usage_limit", None, None),
            AttemptEnd::SessionLost { .. } => ("session_lost", None, None),
        };
        self.how = Some(how.to_owned());
        self.error = error;
        self.exit_code = exit_code;
    }
}

/// An entry of a run's thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct MessageRow {
    /// The wire id.
    pub id: u64,
    /// Counts the run's messages from 0.
    pub n: u32,
    pub run: RunId,
    pub by: Actor,
    pub content: String,
    pub action: Action,
    pub status: ActionStatus,
    pub step: Option<StepId>,
    /// The key of that step.
    #[serde(default)]
    pub key: Option<String>,
    /// The agent of that step, when an agent wrote.
    #[serde(default)]
    pub agent: Option<String>,
    pub metadata: Option<Value>,
    pub at: Timestamp,
}

impl MessageRow {
    pub(super) fn of(run: &Run, id: u64, at: Timestamp, posted: &MessagePosted) -> Self {
        let agent = run.agent_of(posted).map(str::to_owned);
        let run = run.created.run;
        Self {
            key: posted.step.clone(),
            agent,
            id,
            n: posted.message,
            run,
            by: posted.by.clone(),
            content: posted.content.clone(),
            action: posted.action,
            status: posted.status,
            step: posted.step.as_deref().map(|key| StepId::of(run, key)),
            metadata: posted.metadata.clone(),
            at,
        }
    }
}

/// A snapshot after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CheckpointRow {
    pub number: u32,
    pub after: String,
    pub at: Timestamp,
    pub partial: bool,
}

/// The stable word of an enum that is stored as one.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
