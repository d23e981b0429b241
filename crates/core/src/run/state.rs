//! The folded state of a run. Only [`super::apply`] changes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::apart::Apart;
use super::artifact::Artifact;
use super::event::{
    Action, Actor, Cause, Key, PauseReason, RunCreated, RunError, SkipReason, StepError, StepOutput,
};
use super::names::Ended;
use super::outbox::Outbox;
use super::plan::Plan;
use super::program::Program;
use super::redirect::Redirect;
use super::session::{Files, Instruction, Session, Spending};
use crate::definition;
use crate::ids::{ArtifactId, AttemptId, RunId, StepId};
use crate::time::Timestamp;

/// A step of a run: its index among the declared steps and, for one item of a `foreach`, the
/// item's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct At {
    /// Index into [`Run::steps`].
    pub step: usize,
    /// Index into [`Step::items`].
    pub item: Option<usize>,
}

/// A run as its journal tells it.
#[derive(Debug, Clone)]
pub struct Run {
    /// What it depends on.
    pub created: Arc<RunCreated>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When something last happened.
    pub updated_at: Timestamp,
    /// When it first went on to running.
    pub started_at: Option<Timestamp>,
    /// Its definition and graph.
    pub plan: Arc<Plan>,
    /// Its parsed args.
    pub args: Value,
    /// Where it stands.
    pub status: Status,
    /// How it stands with its concurrency key.
    pub slot: Slot,
    /// The number of the message that last asked for a place.
    pub slot_request: Option<u32>,
    /// Its steps, in file order.
    pub steps: Vec<Step>,
    /// Steps that could start now, did nothing hold them.
    pub ready: BTreeSet<At>,
    /// Steps that have started and not ended.
    pub active: BTreeSet<At>,
    /// When waiting steps want attention.
    pub timers: BTreeSet<(Timestamp, At)>,
    /// For each declared step, how many of its needs have not ended.
    pub open_needs: Vec<usize>,
    /// How many declared steps have ended.
    pub ended: usize,
    /// How many ends there were, for the order of ends.
    pub ends: u64,
    /// Ended steps as expressions see them, by their name in expressions.
    pub values: Arc<HashMap<String, Arc<Ended>>>,
    /// Checkpoints that can be gone back to, by number.
    pub checkpoints: BTreeMap<u32, Checkpoint>,
    /// The next checkpoint's number: never used twice, also after a rewind.
    pub next_checkpoint: u32,
    /// Child runs that were given up and have not ended: nothing new of their steps starts.
    pub leaving: BTreeMap<RunId, Leaving>,
    /// What is to be told to other aggregates.
    pub outbox: Outbox,
    /// How many messages were posted.
    pub messages: u32,
    /// Messages whose action is not yet done.
    pub open_messages: BTreeMap<u32, Action>,
    /// Instructions that are not done, by message number.
    pub instructions: BTreeMap<u32, Instruction>,
    /// The run that is to take its place.
    pub redirect: Option<Redirect>,
    /// It waits until nothing of the run whose place it takes runs any more.
    pub held: bool,
    /// The files that belong to its steps.
    pub artifacts: BTreeMap<ArtifactId, Artifact>,
    /// How its files stand.
    pub files: Files,
    /// How far its money and tokens have come.
    pub spending: Spending,
    /// Milliseconds during which at least one process ran, up to `running_since`.
    pub running_ms: u64,
    /// Since when at least one process runs without a break.
    pub running_since: Option<Timestamp>,
    /// Its program, when its definition is one.
    pub program: Option<Program>,
}

/// A child run that its step has given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The step it was.
    pub key: Key,
    /// Its index among the declared steps.
    pub step: usize,
    /// Since when it is told to end.
    pub since: Timestamp,
}

/// Where a run stands. There is no variant that is paused and executes, or has finished without an
/// outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Status {
    /// Not begun.
    Pending {
        /// A pause that is reached in the same commit.
        pause: Option<Pause>,
    },
    /// Going on.
    Running(Running),
    /// Nothing runs and nothing will start.
    Paused(Pause),
    /// Its processes are being ended.
    Cancelling(Cancelling),
    /// Ended well.
    Completed {
        /// When.
        at: Timestamp,
        /// Its result.
        outputs: Value,
    },
    /// Ended badly.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        error: RunError,
    },
    /// Ended by somebody; nothing runs any more.
    Cancelled {
        /// When.
        at: Timestamp,
        /// Why, if they said.
        reason: Option<String>,
    },
}

impl Status {
    /// The status's word on the wire.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Running(_) | Self::Cancelling(_) => "running",
            Self::Paused(_) => "paused",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Whether the run has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(
            self,
            Self::Completed { .. } | Self::Failed { .. } | Self::Cancelled { .. }
        )
    }
}

/// How a run stands with its concurrency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    /// It needs none, or has given it back.
    None,
    /// It has asked for a place.
    Waiting {
        /// Since when.
        since: Timestamp,
    },
    /// It holds a place.
    Held,
}

/// A running run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Running {
    /// The attempts whose processes may run.
    pub in_flight: BTreeMap<AttemptId, At>,
    /// A pause that is not yet reached.
    pub pause: Option<Pause>,
    /// The first step that failed and fails the run: nothing new starts.
    pub failing: Option<At>,
}

/// A pause, asked for or reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub reason: PauseReason,
    /// In words.
    pub detail: Option<String>,
    /// Who.
    pub by: Actor,
    /// Since when it is asked for; once paused, since when it is paused.
    pub since: Timestamp,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Agents are interrupted.
    #[serde(default)]
    pub immediate: bool,
    /// Its policy for long pauses has acted.
    pub timed_out: bool,
    /// The step that will fail the run once it goes on.
    pub failing: Option<At>,
}

/// A run whose processes are being ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cancelling {
    /// The attempts whose processes may still run.
    pub in_flight: BTreeMap<AttemptId, At>,
    /// Since when.
    pub since: Timestamp,
    /// Why, if they said.
    pub reason: Option<String>,
    /// Who.
    pub by: Actor,
}

/// A step of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Its key.
    pub key: Key,
    /// Its id.
    pub id: StepId,
    /// Where it stands.
    pub state: State,
    /// Attempts ever started.
    pub tries: u32,
    /// Failed attempts since the last reset.
    pub failures: Vec<StepError>,
    /// Attempts lost one after another.
    pub lost: u32,
    /// Attempts lost one after another before anything of them ran.
    pub never_started: u32,
    /// Attempts that met a usage limit one after another.
    #[serde(default)]
    pub usage_limits: u32,
    /// Why the next attempt will be started.
    pub next_cause: Cause,
    /// The last attempt.
    pub last_attempt: Option<AttemptId>,
    /// When that was decided on.
    #[serde(default)]
    pub attempt_since: Option<Timestamp>,
    /// What the last attempt that ended gave.
    pub last_output: StepOutput,
    /// When it first started since the last reset.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its place in the order of ends.
    pub order: u64,
    /// The item it is for.
    pub item: Option<Value>,
    /// The children of a `foreach`.
    pub items: Vec<Step>,
    /// An agent's session.
    #[serde(default)]
    pub session: Option<Box<Session>>,
    /// The commit that holds the run's files as its last attempt left them.
    #[serde(default)]
    pub commit: Option<String>,
    /// The worktree that an isolated item has to itself.
    #[serde(default)]
    pub apart: Option<Box<Apart>>,
    /// Attempts ever started of items that were undone, by index: numbers are not used twice.
    pub item_tries: Vec<u32>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// Not started, or to be started again.
    Pending,
    /// A process is decided on and may run.
    Working {
        /// The one attempt.
        attempt: AttemptId,
    },
    /// What it was waiting for has ended; what follows is decided in the same commit, or when the
    /// run is cancelled.
    Settling,
    /// Failed at least once, tried again at that time.
    Backoff {
        /// When.
        until: Timestamp,
        /// Since when it waits.
        since: Timestamp,
    },
    /// An agent waits for its usage limit to be reset.
    UsageLimit {
        /// When.
        until: Timestamp,
        /// Since when it waits.
        since: Timestamp,
        /// In the agent's words.
        detail: String,
    },
    /// Waits for a person.
    Approval {
        /// The question.
        message: String,
        /// When the timeout acts.
        expires: Option<Timestamp>,
        /// Since when it waits.
        since: Timestamp,
    },
    /// A lost attempt waits for a person's word.
    AskLost {
        /// Since when it waits.
        since: Timestamp,
    },
    /// Waits for a point in time.
    Timer {
        /// When.
        until: Timestamp,
        /// Since when it waits.
        since: Timestamp,
    },
    /// Is a child run.
    Child {
        /// The child.
        run: RunId,
        /// The definition's key.
        workflow: String,
        /// When the timeout acts.
        expires: Option<Timestamp>,
        /// Since when it waits.
        since: Timestamp,
    },
    /// Has one child per item.
    Items {
        /// The next item that has not been made ready.
        next: usize,
        /// Items that have not ended.
        open: usize,
        /// An item failed: no more are started.
        failed: bool,
    },
    /// An isolated item has done its work, which is to be merged after that of the items before it.
    AwaitsMerge {
        /// Since when.
        since: Timestamp,
    },
    /// Its work is being merged into the run's files.
    Merging {
        /// Since when.
        since: Timestamp,
    },
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed(StepError),
    /// Passed over.
    Skipped(SkipReason),
    /// Was running when its run was cancelled.
    Cancelled,
}

impl State {
    /// The status's word on the wire.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Working { .. }
            | Self::Settling
            | Self::Backoff { .. }
            | Self::UsageLimit { .. }
            | Self::Approval { .. }
            | Self::AskLost { .. }
            | Self::Timer { .. }
            | Self::Child { .. }
            | Self::Items { .. }
            | Self::AwaitsMerge { .. }
            | Self::Merging { .. } => "running",
            Self::Completed => "completed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the step has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed(_) | Self::Skipped(_) | Self::Cancelled
        )
    }

    /// When the state wants attention by itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Backoff { until, .. }
            | Self::UsageLimit { until, .. }
            | Self::Timer { until, .. } => Some(*until),
            Self::Approval { expires, .. } | Self::Child { expires, .. } => *expires,
            Self::Pending
            | Self::Working { .. }
            | Self::Settling
            | Self::AskLost { .. }
            | Self::Items { .. }
            | Self::AwaitsMerge { .. }
            | Self::Merging { .. }
            | Self::Completed
            | Self::Failed(_)
            | Self::Skipped(_)
            | Self::Cancelled => None,
        }
    }
}

/// A snapshot after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The step it was taken after.
    pub after: Key,
    /// When.
    pub at: Timestamp,
    /// The number of ends up to it: later ends are undone by going back to it.
    pub ends: u64,
    /// Another step was running: it cannot be gone back to.
    pub partial: bool,
    /// The git commit that holds the files.
    #[serde(default)]
    pub commit: Option<String>,
}

impl Step {
    /// A step that has not started.
    #[must_use]
    pub fn new(run: RunId, key: Key) -> Self {
        Self {
            id: StepId::of(run, &key),
            key,
            state: State::Pending,
            tries: 0,
            failures: Vec::new(),
            lost: 0,
            never_started: 0,
            usage_limits: 0,
            next_cause: Cause::First,
            last_attempt: None,
            attempt_since: None,
            last_output: StepOutput::default(),
            started_at: None,
            ended_at: None,
            order: 0,
            item: None,
            items: Vec::new(),
            session: None,
            commit: None,
            apart: None,
            item_tries: Vec::new(),
        }
    }
}

impl Run {
    /// The step at this place.
    #[must_use]
    pub fn step(&self, at: At) -> Option<&Step> {
        let step = self.steps.get(at.step)?;
        match at.item {
            Some(item) => step.items.get(item),
            None => Some(step),
        }
    }

    /// Where the step of this key is.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<At> {
        if let Some(&step) = self.plan.index.get(key) {
            return Some(At { step, item: None });
        }
        let (id, item) = key.rsplit_once('.')?;
        let step = *self.plan.index.get(id)?;
        let item = item.parse().ok()?;
        (item < self.steps.get(step)?.items.len()).then_some(At {
            step,
            item: Some(item),
        })
    }

    /// Where the step of this id is.
    #[must_use]
    pub fn find_id(&self, id: StepId) -> Option<At> {
        self.all().find(|(_, step)| step.id == id).map(|(at, _)| at)
    }

    /// All steps and items, in file order.
    pub fn all(&self) -> impl Iterator<Item = (At, &Step)> {
        self.steps.iter().enumerate().flat_map(|(index, step)| {
            std::iter::once((
                At {
                    step: index,
                    item: None,
                },
                step,
            ))
            .chain(step.items.iter().enumerate().map(move |(item, step)| {
                (
                    At {
                        step: index,
                        item: Some(item),
                    },
                    step,
                )
            }))
        })
    }

    /// The step as the definition has it.
    #[must_use]
    pub fn declared(&self, at: At) -> &definition::Step {
        &self.plan.definition.steps[at.step]
    }

    /// The attempts whose processes may run.
    #[must_use]
    pub fn in_flight(&self) -> Option<&BTreeMap<AttemptId, At>> {
        match &self.status {
            Status::Running(running) => Some(&running.in_flight),
            Status::Cancelling(cancelling) => Some(&cancelling.in_flight),
            Status::Pending { .. }
            | Status::Paused(_)
            | Status::Completed { .. }
            | Status::Failed { .. }
            | Status::Cancelled { .. } => None,
        }
    }

    /// The number of ended steps.
    #[must_use]
    pub fn current_step_index(&self) -> usize {
        self.ended
    }

    /// The phase of the earliest running step in file order, else of the next one, else of the
    /// last.
    #[must_use]
    pub fn current_phase(&self) -> Option<&str> {
        let running = self.active.iter().next().map(|at| at.step);
        let next = || self.steps.iter().position(|step| !step.state.is_ended());
        let step = running
            .or_else(next)
            .or_else(|| self.steps.len().checked_sub(1))?;
        self.plan.definition.steps.get(step)?.phase.as_deref()
    }
}
