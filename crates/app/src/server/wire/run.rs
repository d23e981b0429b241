//! Runs (document 2, with the members that api.md adds).

use std::collections::HashMap;
use std::time::Duration;

use baton_core::definition::Budget;
use baton_core::ids::{DefinitionId, ProjectId, RunId, StepId, UserId};
use baton_core::run::Waiting;
use baton_core::run::event::{Actor, PauseReason, RunCreated};
use baton_store::views::{
    ArtifactRow, AttemptRow, CheckpointRow, MessageRow, PauseRow, RunRow, StepRow,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::own_files;
use super::{At, artifact, definition, maybe_time, message, step, time, word};
use crate::host::access::Access;
use crate::host::millis;

/// What the run itself does not know.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Processes that will not end.
    pub stuck: Vec<u32>,
    /// How long such a run usually takes.
    pub estimate: Option<Duration>,
    /// Messages that whoever asks has not read.
    pub unread: u64,
}

/// A run as lists show it.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    #[serde(flatten)]
    facts: Facts<'a>,
    /// Its steps in file order.
    pub steps: Vec<step::Row<'a>>,
    /// Of how many these are.
    steps_total: usize,
}

impl<'a> Row<'a> {
    /// With these steps of its.
    #[must_use]
    pub fn of(run: &'a RunRow, steps: &'a [StepRow], beside: &Beside) -> Self {
        Self {
            facts: Facts::of(run, beside),
            steps: steps.iter().map(|step| step::Row::of(run, step)).collect(),
            steps_total: run.known,
        }
    }
}

/// All that belongs to a run.
#[derive(Debug)]
pub struct Whole {
    /// Itself.
    pub run: RunRow,
    /// Its steps, in file order.
    pub steps: Vec<StepRow>,
    /// All attempts of all of them.
    pub attempts: Attempts,
    /// The end of its thread, oldest first.
    pub messages: Vec<MessageRow>,
    /// All its artifacts.
    pub artifacts: Vec<ArtifactRow>,
    /// Its checkpoints, oldest first.
    pub checkpoints: Vec<CheckpointRow>,
    /// Its children and forks.
    pub children: Vec<Value>,
}

/// Attempts, to be found by their steps.
#[derive(Debug)]
pub struct Attempts {
    /// Oldest first.
    all: Vec<AttemptRow>,
    /// Their places, in the order of their steps.
    by_step: Vec<(StepId, usize)>,
}

impl Attempts {
    /// These, oldest first.
    #[must_use]
    pub fn of(all: Vec<AttemptRow>) -> Self {
        let by_step = all.iter().enumerate();
        let mut by_step: Vec<_> = by_step.map(|(at, tried)| (tried.step, at)).collect();
        by_step.sort_unstable();
        Self { all, by_step }
    }

    /// Whether this step was read later, and knows of one that is not among them.
    #[must_use]
    pub fn are_behind(&self, step: &StepRow) -> bool {
        let newest = self.of_step(step.id).last();
        newest.map_or(0, |tried| tried.number) < step.attempts
    }

    /// Those of a step, oldest first.
    pub fn of_step(&self, step: StepId) -> impl Iterator<Item = &AttemptRow> {
        let from = self.by_step.partition_point(|(of, _)| *of < step);
        let own = self.by_step[from..].iter();
        let own = own.take_while(move |(of, _)| *of == step);
        own.filter_map(|(_, at)| self.all.get(*at))
    }
}

/// A run with all that belongs to it. Of steps there may be very many: they are made and written one by one,
/// apart from the rest.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    #[serde(flatten)]
    facts: Facts<'a>,
    /// Of its steps.
    #[serde(skip)]
    attempts: &'a Attempts,
    #[serde(skip)]
    by_step: HashMap<&'a str, Vec<ArtifactRow>>,
    comments: Vec<Value>,
    checkpoints: Vec<Value>,
    children: &'a [Value],
    artifacts: Vec<Value>,
}

impl<'a> Shown<'a> {
    /// All that belongs to a run.
    #[must_use]
    pub fn of(whole: &'a Whole, beside: &Beside, access: &Access) -> Self {
        let run = &whole.run;
        let mut by_step: HashMap<&str, Vec<ArtifactRow>> = HashMap::new();
        let mut by_comment: HashMap<u64, Vec<ArtifactRow>> = HashMap::new();
        for found in &whole.artifacts {
            let of_step = by_step.entry(&found.artifact.step).or_default();
            of_step.push(found.clone());
            if let Some(comment) = found.comment {
                by_comment.entry(comment).or_default().push(found.clone());
            }
        }
        let comments = whole.messages.iter().map(|message| {
            let artifacts = by_comment.remove(&message.id).unwrap_or_default();
            message::comment(message, artifact::list(artifacts), access)
        });
        Self {
            facts: Facts::of(run, beside),
            attempts: &whole.attempts,
            by_step,
            comments: comments.collect(),
            checkpoints: whole.checkpoints.iter().map(checkpoint).collect(),
            children: &whole.children,
            artifacts: artifact::list(whole.artifacts.clone()),
        }
    }

    /// One of its steps, as it is shown by itself.
    #[must_use]
    pub fn step(&self, run: &RunRow, step: &'a StepRow) -> step::Whole<'a> {
        let attempts = self.attempts.of_step(step.id);
        let artifacts = self.by_step.get(step.key.as_str());
        step::Whole::of(run, step, attempts, artifacts.cloned().unwrap_or_default())
    }
}

/// What is said of a run wherever it is shown. A list has many of them, so they are written from the
/// rows as they are.
#[derive(Debug, Serialize)]
struct Facts<'a> {
    id: RunId,
    number: u64,
    project_id: ProjectId,
    user_id: UserId,
    workflow_definition_id: DefinitionId,
    name: &'a str,
    args: &'a Value,
    current_phase: Option<&'a str>,
    current_step_index: usize,
    status: &'a str,
    parent_run_id: Option<RunId>,
    parent_step_id: Option<&'a str>,
    instruction: Option<&'a str>,
    path: &'a str,
    waiting: Value,
    progress: Progress,
    worktree: Value,
    budget: Option<Budget>,
    cost_usd: Option<f64>,
    cost_is_estimate: bool,
    usage: step::Tokens,
    unread: u64,
    started_at: Option<At>,
    completed_at: Option<At>,
    paused_at: Option<At>,
    cancelled_at: Option<At>,
    created_at: At,
    updated_at: At,
    error_message: Option<&'a str>,
    outputs: Option<&'a Value>,
    is_paused: bool,
    pause_requested_at: Option<At>,
    pause_reason: Option<Value>,
    cancel_requested_at: Option<At>,
    cancel_reason: Option<&'a str>,
    workflow_definition: definition::OfRun<'a>,
    _count: Count,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
}

#[derive(Debug, Serialize)]
struct Count {
    comments: u32,
    artifacts: usize,
}

#[derive(Debug, Serialize)]
struct Error<'a> {
    step_id: Option<&'a str>,
    message: &'a str,
}

impl<'a> Facts<'a> {
    fn of(run: &'a RunRow, beside: &Beside) -> Self {
        let is_cancelled = run.cancel_requested_at.is_some();
        Self {
            id: run.id,
            number: run.number,
            project_id: run.project,
            user_id: user(&run.by),
            workflow_definition_id: run.definition,
            name: &run.name,
            args: &run.args,
            current_phase: run.current_phase.as_deref(),
            current_step_index: run.ended,
            status: &run.status,
            parent_run_id: run.parent,
            parent_step_id: run.parent_step.as_deref(),
            instruction: run.instruction.as_deref(),
            path: &run.directory,
            waiting: waiting_of(run.waiting.as_ref(), is_cancelled, &beside.stuck),
            progress: with_estimate(run, beside.estimate),
            worktree: own_files::worktree(run),
            // What parks the run when it is used up; null without one.
            budget: Some(run.budget).filter(|budget| *budget != Budget::default()),
            cost_usd: run.usage.cost_usd,
            cost_is_estimate: run.usage.estimate,
            usage: step::tokens(&run.usage),
            unread: beside.unread,
            started_at: run.started_at.map(At),
            completed_at: run.completed_at.or(run.cancelled_at).map(At),
            paused_at: run.paused_at.map(At),
            cancelled_at: run.cancelled_at.map(At),
            created_at: At(run.created_at),
            updated_at: At(run.updated_at),
            error_message: run.error.as_ref().map(|error| error.message.as_str()),
            outputs: run.outputs.as_ref(),
            is_paused: run.status == "paused",
            pause_requested_at: run.pause.as_ref().map(|pause| At(pause.requested_at)),
            pause_reason: run.pause.as_ref().map(pause_reason),
            cancel_requested_at: run.cancel_requested_at.map(At),
            cancel_reason: run.cancel_reason.as_deref(),
            workflow_definition: definition::OfRun::of(run),
            _count: Count {
                comments: run.messages,
                artifacts: run.artifacts,
            },
            error: run.error.as_ref().map(|error| Error {
                step_id: error.step.as_deref(),
                message: &error.message,
            }),
        }
    }
}

fn pause_reason(pause: &PauseRow) -> Value {
    match (pause.reason, &pause.detail) {
        (PauseReason::Request, Some(detail)) => detail.as_str().into(),
        (reason, _) => word(&reason),
    }
}

/// Why a run does not advance. Names the processes that will not end.
fn waiting_of(why: Option<&Waiting>, is_cancelled: bool, stuck: &[u32]) -> Value {
    let mut value = waiting(why);
    if let Some(waiting) = why
        && !stuck.is_empty()
        && is_cancelled
    {
        let pids: Vec<String> = stuck.iter().map(u32::to_string).collect();
        let pids = pids.join(", ");
        let detail = &waiting.detail;
        value["detail"] = format!("{detail}: these processes do not end: {pids}").into();
    }
    value
}

/// Why a run does not advance.
#[must_use]
pub fn waiting(waiting: Option<&Waiting>) -> Value {
    let Some(waiting) = waiting else {
        return Value::Null;
    };
    json!({
        "reason": waiting.reason.word(),
        "since": time(waiting.since),
        "until": maybe_time(waiting.until),
        "detail": waiting.detail,
    })
}

/// How far a run is: its declared steps that have ended, of those that are known.
#[derive(Debug, Serialize)]
pub struct Progress {
    ended: usize,
    known: usize,
    ratio: Option<f64>,
    /// How long such a run usually takes, where that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate_ms: Option<Option<u64>>,
}

/// How far a run is.
#[must_use]
pub fn progress(ended: usize, known: usize) -> Progress {
    Progress {
        ended,
        known,
        ratio: (known > 0).then(|| ended as f64 / known as f64),
        estimate_ms: None,
    }
}

/// With the usual length of such a run, which says nothing about one that is over.
fn with_estimate(run: &RunRow, estimate: Option<Duration>) -> Progress {
    let is_ended = run.completed_at.is_some() || run.cancelled_at.is_some();
    let estimate = estimate.filter(|_| !is_ended);
    Progress {
        estimate_ms: Some(estimate.map(millis)),
        ..progress(run.ended, run.total)
    }
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
        "progress": progress(row.ended, row.total),
        "created_at": time(row.created_at),
    })
}

/// What is told of a run that is there no more.
#[must_use]
pub fn deleted(created: &RunCreated) -> Value {
    json!({
        "execution_id": created.run.to_string(),
        "number": created.number,
        "project_id": created.project.id.to_string(),
    })
}

/// A checkpoint.
#[must_use]
pub fn checkpoint(row: &CheckpointRow) -> Value {
    json!({
        "number": row.number,
        "step_id": row.after,
        "created_at": time(row.at),
        "partial": row.partial,
        "commit": row.commit,
    })
}

/// The user that owns what somebody did.
#[must_use]
pub fn user(by: &Actor) -> UserId {
    match by {
        Actor::User(id) => *id,
        Actor::System | Actor::Attempt(_) | Actor::Parent(_) => UserId::LOCAL,
    }
}

#[cfg(test)]
mod tests {
    use baton_core::run::WaitReason;
    use baton_core::time::Timestamp;

    use super::*;

    #[test]
    fn processes_that_do_not_end_are_named_to_who_has_cancelled() {
        let why = Waiting {
            reason: WaitReason::Cancelling,
            since: Timestamp::from_millis(0),
            until: None,
            detail: "ending the process of one step".into(),
        };
        let detail = |is_cancelled, stuck: &[u32]| {
            let value = waiting_of(Some(&why), is_cancelled, stuck);
            value["detail"].as_str().unwrap_or_default().to_owned()
        };
        let named = "ending the process of one step: these processes do not end: 41, 42";
        assert_eq!(detail(true, &[41, 42]), named);
        assert_eq!(detail(true, &[]), why.detail);
        assert_eq!(detail(false, &[41]), why.detail);
        assert_eq!(waiting_of(None, true, &[41]), Value::Null);
    }
}
