//! The rows readers get: plain structs, made from a folded run. How they look on the wire is the
//! app's part.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_core::activity::Usage;
use baton_core::definition::Budget;
use baton_core::ids::{AttemptId, DefinitionId, ProjectId, RunId, StepId};
use baton_core::run::event::{
    Action, ActionStatus, Actor, Artifact, AttemptEnd, Cause, Finished, MessagePosted, PauseReason,
    RunError, SkipReason, SourceKind, StepError, Workspace,
};
use baton_core::run::{Run, Session, WaitReason, Waiting};
use baton_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::outline::{Declared, Outline};

/// A run as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunRow {
    pub id: RunId,
    pub number: u64,
    pub name: String,
    pub project: ProjectId,
    /// The project's directory.
    pub project_path: String,
    pub definition: DefinitionId,
    pub definition_key: String,
    pub definition_name: String,
    pub definition_hash: String,
    pub definition_kind: SourceKind,
    /// Relative to the project.
    pub definition_path: String,
    /// What its definition declares: see [`super::Views::outline`].
    #[serde(skip)]
    pub outline: Arc<Outline>,
    pub args: Value,
    /// The standing instruction.
    pub instruction: Option<String>,
    pub workspace: Option<Workspace>,
    pub by: Actor,
    /// The run it is a child or fork of.
    pub parent: Option<RunId>,
    /// The step of the parent, when it is a child.
    pub parent_step: Option<String>,
    /// The run's own directory.
    pub directory: String,
    /// What parks it when it is used up.
    pub budget: Budget,
    /// The status's word.
    pub status: String,
    pub current_phase: Option<String>,
    /// Declared steps that have ended.
    pub ended: usize,
    /// Declared steps.
    pub total: usize,
    /// Steps and items.
    pub known: usize,
    pub waiting: Option<Waiting>,
    /// The pause that is asked for or reached.
    pub pause: Option<PauseRow>,
    pub cancel_requested_at: Option<Timestamp>,
    pub cancel_reason: Option<String>,
    pub error: Option<RunError>,
    /// Its result, once it has completed.
    pub outputs: Option<Value>,
    pub messages: u32,
    pub artifacts: usize,
    /// What its sessions have used.
    pub usage: Usage,
    /// What those of each agent have used.
    #[serde(default)]
    pub agents: BTreeMap<String, Usage>,
    /// How long it had waited for what by its last commit, in milliseconds.
    #[serde(skip)]
    pub waits: BTreeMap<WaitReason, u64>,
    /// What became of its branch.
    #[serde(default)]
    pub finished: Option<Finished>,
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
    /// What its definition declares: its own, or that of the step which it is an item of.
    pub declared: Arc<Declared>,
    /// The status's word.
    pub status: String,
    /// Index among the declared steps, in file order.
    pub index: usize,
    /// The item's index, for one item of a `foreach`.
    pub item: Option<usize>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    /// Why it does not advance, when it waits.
    pub waiting: Option<Waiting>,
    /// An agent's session.
    pub session: Option<Box<Session>>,
    /// The child run, while there is one,
    pub child: Option<RunId>,
    /// and its definition's key.
    pub workflow: Option<String>,
    pub skipped: Option<SkipReason>,
    /// What it failed with, or failed with last when it is to be tried again.
    pub error: Option<StepError>,
    pub result: Option<String>,
    /// JSON.
    pub data: Option<Value>,
    /// JSON.
    pub outputs: Option<Value>,
    pub exit_code: Option<i32>,
    pub stderr: Option<String>,
    pub warnings: Vec<String>,
    /// Attempts ever started.
    pub attempts: u32,
}

impl StepRow {
    /// Where its logs lie or would lie, relative to the project.
    #[must_use]
    pub fn log_directory(&self) -> String {
        let run = self.run.to_string();
        [".agent/workflows/executions/", &run, "/logs/", &self.key].concat()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "running")
    }

    /// Whether a process of its own is decided on and may run.
    #[must_use]
    pub fn is_working(&self) -> bool {
        let asks = |waiting: &Waiting| waiting.reason == WaitReason::Question;
        self.status == "running" && self.waiting.as_ref().is_none_or(asks)
    }
}

/// One try of a step.
#[derive(Debug, Clone, PartialEq)]
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
    /// What there is to say of one that was lost or met a limit.
    pub detail: Option<String>,
    pub exit_code: Option<i32>,
}

impl AttemptRow {
    /// One that is decided on.
    #[must_use]
    pub fn begun(
        id: AttemptId,
        step: StepId,
        key: &str,
        number: u32,
        cause: Cause,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            step,
            key: key.to_owned(),
            number,
            cause,
            started_at: at,
            ended_at: None,
            how: None,
            error: None,
            detail: None,
            exit_code: None,
        }
    }

    /// It has ended.
    pub fn end(&mut self, end: &AttemptEnd, at: Timestamp) {
        self.ended_at = Some(at);
        self.detail = match end {
            AttemptEnd::Lost { detail, .. }
            | AttemptEnd::UsageLimit { detail, .. }
            | AttemptEnd::SessionLost { detail } => Some(detail.clone()),
            AttemptEnd::Succeeded { .. }
            | AttemptEnd::Failed { .. }
            | AttemptEnd::Stopped {}
            | AttemptEnd::Parked {} => None,
        };
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
    /// A message that was posted; `id` is its id on the wire.
    #[must_use]
    pub fn of(run: &Run, id: u64, at: Timestamp, posted: &MessagePosted) -> Self {
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
    pub commit: Option<String>,
}

/// A file that belongs to a step.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct ArtifactRow {
    pub run: RunId,
    pub artifact: Artifact,
    /// The wire id of the message it is attached to.
    pub comment: Option<u64>,
}

/// The stable word of an enum that is stored as one.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
