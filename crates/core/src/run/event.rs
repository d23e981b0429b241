//! What can happen to a run, in its stored form. Old variants and fields stay readable: fields are
//! only added, with a default; a snapshot test pins each variant.

use serde::{Deserialize, Serialize};

pub use super::artifact::{Artifact, FileType};
use super::big::Big;
pub use super::created::*;
pub use super::message::{Action, ActionStatus, MessagePosted, Place};
pub use super::pause::{PausePolicy, PauseReason, PauseThen};
use super::program::{Call, ProgramEnd};
pub use super::redirect::{Predecessor, Successor};
use crate::activity::{Answer, Question, Usage};
use crate::ids::{ArtifactId, AttemptId, RunId, UserId};
use crate::time::Timestamp;

/// A step's name within its run: its id in the definition; `id.0` for an item of a `foreach`;
/// `id~2` when a TypeScript run uses an id again.
pub type Key = String;

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Event {
    /// The run exists; always the first.
    RunCreated(Box<RunCreated>),
    /// Its concurrency key lets it go on.
    SlotGranted {},
    /// It goes from pending to running.
    RunStarted {},
    /// A step was passed over.
    StepSkipped { key: Key, reason: SkipReason },
    /// A process was decided on for this step; it is launched when this is durable.
    AttemptStarted {
        key: Key,
        attempt: AttemptId,
        number: u32,
        cause: Cause,
        /// Messages at the head of an agent's prompt.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        heads: Vec<u32>,
        /// From now on the item works in a worktree of its own, from this commit of the run's files.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        isolated: Option<String>,
    },
    /// That process and its whole tree are gone.
    AttemptEnded {
        key: Key,
        attempt: AttemptId,
        end: AttemptEnd,
    },
    /// The step is to be started again at once, not counted as a retry.
    StepRequeued { key: Key, cause: Cause },
    /// The step is tried again at this time.
    RetryScheduled {
        key: Key,
        until: Timestamp,
        failure: StepError,
    },
    /// An agent's usage limit is reached: its session goes on at this time.
    UsageLimitReached {
        key: Key,
        until: Timestamp,
        detail: String,
    },
    /// An agent's own session is known.
    SessionKnown {
        key: Key,
        attempt: AttemptId,
        session: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcript: Option<String>,
    },
    /// The sums of what an attempt's session used so far.
    SessionUsed {
        key: Key,
        attempt: AttemptId,
        usage: Usage,
    },
    /// A session asks, and waits for a person.
    QuestionAsked {
        key: Key,
        attempt: AttemptId,
        question: Box<Question>,
    },
    /// Somebody answered; the session is told.
    QuestionAnswered {
        key: Key,
        question: String,
        answer: Answer,
        by: Actor,
    },
    /// The question needs no answer any more.
    QuestionClosed { key: Key, question: String },
    /// The run's files as an attempt left them.
    FilesKept {
        key: Key,
        attempt: AttemptId,
        commit: String,
    },
    /// An isolated item has done its work, which waits to be merged into the run's files.
    MergeAwaited { key: Key },
    /// That is being done.
    MergeStarted { key: Key },
    /// That is done, or cannot be.
    WorkMerged { key: Key, outcome: Finished },
    /// The ended run's branch was finished as its definition says.
    FilesFinished { outcome: Finished },
    /// 80 % of the budget are used.
    BudgetWarned { detail: String },
    /// The step waits for a person's yes or no.
    ApprovalRequested {
        key: Key,
        message: Big,
        expires: Option<Timestamp>,
    },
    /// Somebody, or the timeout, answered.
    ApprovalAnswered {
        key: Key,
        approved: bool,
        by: Actor,
        message: Option<String>,
    },
    /// The step waits for a point in time.
    WaitStarted { key: Key, until: Timestamp },
    /// The step is a child run from now on.
    ChildStarted {
        key: Key,
        child: RunId,
        workflow: String,
        args: Big,
        expires: Option<Timestamp>,
        /// It has a worktree of its own, from this commit of its parent's files.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        isolated: Option<String>,
    },
    /// The child run ended (or never began).
    ChildEnded {
        key: Key,
        child: RunId,
        outcome: ChildOutcome,
    },
    /// The step has given its child run up (a timeout, a rewind): the child is told to cancel, and
    /// until its end is here nothing new of the step starts and the run neither ends nor is paused.
    ChildAbandoned { key: Key, child: RunId },
    /// The items of a `foreach` are known.
    ItemsListed { key: Key, items: Big, count: u32 },
    /// A lost attempt needs a person's word (`on_lost: ask`).
    LostAsked { key: Key },
    /// The step ended well.
    StepCompleted {
        key: Key,
        #[serde(default, skip_serializing_if = "StepOutput::is_empty")]
        output: StepOutput,
    },
    /// The step ended badly.
    StepFailed {
        key: Key,
        error: StepError,
        #[serde(default, skip_serializing_if = "StepOutput::is_empty")]
        output: StepOutput,
    },
    /// A snapshot of the state after a step.
    CheckpointTaken {
        number: u32,
        after: Key,
        partial: bool,
        /// The git commit that holds the files.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
    /// Nothing new starts; paused when no process runs.
    PauseRequested {
        reason: PauseReason,
        detail: Option<String>,
        by: Actor,
        /// Agents are interrupted; else their steps end first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        immediate: bool,
    },
    /// A pause that was not yet reached is taken back.
    PauseWithdrawn { by: Actor },
    /// It is paused: no process runs.
    RunPaused {},
    /// The pause has lasted as long as its policy allows.
    PauseTimedOut { then: PauseThen },
    /// It goes on.
    RunResumed { by: Actor },
    /// Its processes are being ended.
    CancelRequested { reason: Option<String>, by: Actor },
    /// Nothing runs any more.
    RunCancelled {},
    /// It ended well.
    RunCompleted { outputs: Big },
    /// It ended badly; what was done is kept and `retry` goes on.
    RunFailed { error: RunError },
    /// A finished or paused run goes on; these steps are as if they had never run.
    StepsReset {
        keys: Vec<Key>,
        because: ResetReason,
        by: Actor,
        /// Items of these steps that had completed where the run goes back to: they stay so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kept: Vec<Key>,
    },
    /// Words in the thread.
    MessagePosted(Box<MessagePosted>),
    /// What became of a message's action.
    MessageStatus { message: u32, status: ActionStatus },
    /// A new run is to take this one's place.
    RedirectRequested(Box<Successor>),
    /// It exists; without a number it cannot.
    Redirected {
        run: RunId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u64>,
    },
    /// Nothing of the run whose place this one takes runs any more.
    PredecessorEnded {},
    /// A file belongs to a step.
    ArtifactAdded(Box<Artifact>),
    /// The files that a step's `artifacts` named, in place of those of an earlier attempt.
    ArtifactsKept {
        key: Key,
        attempt: AttemptId,
        files: Vec<Artifact>,
    },
    /// A file is attached to a message, by its number in the run.
    ArtifactAttached { artifact: ArtifactId, message: u32 },
    /// It is not any more.
    ArtifactDetached { artifact: ArtifactId },
    /// A message to another aggregate arrived.
    Delivered { message: u32 },
    /// The run's program made a call; one that asks for a step declares it.
    Called {
        call: Call,
        /// Its options, as JSON text.
        options: Big,
    },
    /// The run's program ended.
    ProgramEnded { end: ProgramEnd },
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person.
    User(UserId),
    /// The engine by itself: a timer, a policy.
    System,
    /// Something that runs inside an attempt; may not decide about its own run.
    Attempt(AttemptId),
    /// The run that this is a child of.
    Parent(RunId),
}

/// Why a step was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Its `if` was false.
    Condition,
    /// All its needs were skipped.
    NeedsSkipped,
    /// A redirect began at a later step.
    Redirected,
}

/// Why there is a new attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The step's first, or the first since it was reset.
    First,
    /// The one before failed.
    Retry,
    /// The one before was lost.
    Lost,
    /// The one before was parked by a pause.
    Parked,
    /// The one before met a usage limit.
    UsageLimit,
    /// The session to go on in was gone: it begins anew.
    SessionLost,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum AttemptEnd {
    /// Well.
    Succeeded {
        #[serde(default, skip_serializing_if = "StepOutput::is_empty")]
        output: StepOutput,
    },
    /// Badly.
    Failed {
        error: StepError,
        #[serde(default, skip_serializing_if = "StepOutput::is_empty")]
        output: StepOutput,
    },
    /// Nobody knows: its shepherd is gone and left no record.
    Lost {
        detail: String,
        /// What is known all the same: nothing of it ever ran.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        never_started: bool,
    },
    /// It was ended because the run was cancelled.
    Stopped {},
    /// It was ended by an immediate pause; an agent's session is kept.
    Parked {},
    /// The agent's usage limit is reached; its session is kept.
    UsageLimit {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resets_at: Option<Timestamp>,
        detail: String,
    },
    /// The session that was to go on does not exist any more.
    SessionLost { detail: String },
}

/// What a step gave.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepOutput {
    /// Text for people and templates (`result`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Big>,
    /// JSON text (`data`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Big>,
    /// JSON text of the named outputs (`outputs`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Big>,
    /// The exit code of a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The last of stderr (at most 4 KB), for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// What went wrong beside the step's own work and did not fail it, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl StepOutput {
    /// Every text of it that may be stored by hash.
    pub fn bigs(&mut self) -> Vec<&mut Big> {
        let all = [&mut self.result, &mut self.data, &mut self.outputs];
        all.into_iter().flatten().collect()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a step or attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// A stable word: see the constants.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

/// Stable words for failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ErrorCode {
    ExitCode,
    Signal,
    SpawnFailed,
    Timeout,
    Lost,
    Template,
    Output,
    Rejected,
    ChildFailed,
    ItemFailed,
    Value,
    Disk,
    Secret,
    /// An agent's CLI is missing.
    AgentMissing,
    /// An agent is not logged in, its key is refused or has no credit.
    AgentLogin,
    /// An agent cannot do what is asked of it (mode, model, directory).
    AgentSetup,
    /// The model's service failed.
    AgentService,
    /// The agent's turns, money or context are used up.
    AgentLimit,
    /// Its usage limit, and the definition says not to wait.
    UsageLimit,
    /// The agent ended without a result, or broke its protocol.
    AgentNoResult,
    /// It was silent for too long.
    AgentSilent,
    /// The run's branch or worktree could not be made or restored.
    Workspace,
    /// A merge would have conflicts.
    MergeConflict,
    /// A function of a TypeScript definition threw.
    Function,
}

impl ErrorCode {
    /// Whether a retry may help. Rejection and template errors are never retried
    /// (definitions.md, "Time and retries").
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            Self::ExitCode
            | Self::Signal
            | Self::SpawnFailed
            | Self::Timeout
            | Self::Output
            | Self::Disk
            | Self::AgentService
            | Self::AgentNoResult
            | Self::AgentSilent
            | Self::Workspace
            | Self::ChildFailed => true,
            Self::Lost
            | Self::Template
            | Self::Rejected
            | Self::ItemFailed
            | Self::Value
            | Self::AgentMissing
            | Self::AgentLogin
            | Self::AgentSetup
            | Self::AgentLimit
            | Self::UsageLimit
            | Self::MergeConflict
            | Self::Function
            | Self::Secret => false,
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// The step that failed, if one did.
    pub step: Option<Key>,
    /// For people.
    pub message: String,
}

/// How a child run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ChildOutcome {
    Completed {
        outputs: Big,
        /// Holds the files of its parent as it left them, if it worked in them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
    Failed {
        message: String,
        /// What the step fails with, if not that its child failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<ErrorCode>,
        /// Holds the files of its parent as it left them, if it worked in them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
    Cancelled {},
}

/// Why steps were reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetReason {
    /// A failed or cancelled run goes on with what has not completed.
    Retry,
    /// Back to before this step.
    Step(Key),
    /// Back to this checkpoint.
    Checkpoint(u32),
}

impl Event {
    /// Every text of this event that may be stored by hash.
    pub fn bigs(&mut self) -> Vec<&mut Big> {
        match self {
            Self::RunCreated(created) => created.bigs(),
            Self::AttemptEnded { end, .. } => match end {
                AttemptEnd::Succeeded { output } | AttemptEnd::Failed { output, .. } => {
                    output.bigs()
                }
                AttemptEnd::Lost { .. }
                | AttemptEnd::Stopped {}
                | AttemptEnd::Parked {}
                | AttemptEnd::UsageLimit { .. }
                | AttemptEnd::SessionLost { .. } => vec![],
            },
            Self::StepCompleted { output, .. } | Self::StepFailed { output, .. } => output.bigs(),
            Self::ApprovalRequested { message, .. } => vec![message],
            Self::ChildStarted { args, .. } => vec![args],
            Self::ChildEnded {
                outcome: ChildOutcome::Completed { outputs, .. },
                ..
            } => vec![outputs],
            Self::ItemsListed { items, .. } => vec![items],
            Self::RunCompleted { outputs } => vec![outputs],
            Self::Called { options, .. } => vec![options],
            Self::ProgramEnded {
                end: ProgramEnd::Returned(outputs),
            } => vec![outputs],
            Self::RedirectRequested(successor) => successor.bigs(),
            Self::ProgramEnded { .. }
            | Self::ChildEnded { .. }
            | Self::SlotGranted {}
            | Self::RunStarted {}
            | Self::StepSkipped { .. }
            | Self::AttemptStarted { .. }
            | Self::StepRequeued { .. }
            | Self::RetryScheduled { .. }
            | Self::UsageLimitReached { .. }
            | Self::SessionKnown { .. }
            | Self::SessionUsed { .. }
            | Self::QuestionAsked { .. }
            | Self::QuestionAnswered { .. }
            | Self::QuestionClosed { .. }
            | Self::FilesKept { .. }
            | Self::MergeAwaited { .. }
            | Self::MergeStarted { .. }
            | Self::WorkMerged { .. }
            | Self::FilesFinished { .. }
            | Self::BudgetWarned { .. }
            | Self::ApprovalAnswered { .. }
            | Self::WaitStarted { .. }
            | Self::LostAsked { .. }
            | Self::ChildAbandoned { .. }
            | Self::CheckpointTaken { .. }
            | Self::PauseRequested { .. }
            | Self::PauseWithdrawn { .. }
            | Self::RunPaused {}
            | Self::PauseTimedOut { .. }
            | Self::RunResumed { .. }
            | Self::CancelRequested { .. }
            | Self::RunCancelled {}
            | Self::RunFailed { .. }
            | Self::StepsReset { .. }
            | Self::MessagePosted(_)
            | Self::MessageStatus { .. }
            | Self::Redirected { .. }
            | Self::PredecessorEnded {}
            | Self::ArtifactAdded(_)
            | Self::ArtifactsKept { .. }
            | Self::ArtifactAttached { .. }
            | Self::ArtifactDetached { .. }
            | Self::Delivered { .. } => vec![],
        }
    }
}
