//! Runs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Artifact, Comment, RunDefinition, Step, StepSummary};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Pending,
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
}

/// Limits; null is none.
#[derive(Serialize, ToSchema)]
pub struct Budget {
    /// US dollars.
    usd: Option<f64>,
    /// In and out.
    tokens: Option<u64>,
    /// Of running, not of waiting.
    minutes: Option<f64>,
}

/// A run as lists show it.
#[derive(Serialize, ToSchema)]
pub struct Run {
    #[serde(flatten)]
    facts: RunFacts,
    /// At most 100, in file order. Of a run with more: those that have not ended, those that failed,
    /// those that ended last, and those that come next.
    steps: Vec<StepSummary>,
    /// How many steps and items the run has.
    steps_total: u64,
}

/// A run with all that belongs to it.
#[derive(Serialize, ToSchema)]
pub struct RunDetail {
    #[serde(flatten)]
    facts: RunFacts,
    steps: Vec<Step>,
    /// The newest 200 of its thread, oldest first; all of them are at `/comments`.
    comments: Vec<Comment>,
    checkpoints: Vec<Checkpoint>,
    /// Child runs and forks, oldest first.
    children: Vec<Child>,
    artifacts: Vec<Artifact>,
}

/// What a run is and how it stands.
#[derive(Serialize, ToSchema)]
pub struct RunFacts {
    /// `run_` and 32 hex digits.
    id: String,
    /// Rises within the server; accepted wherever a run's id is.
    number: u64,
    project_id: String,
    user_id: String,
    workflow_definition_id: String,
    name: String,
    /// As the definition's schema filled them in.
    args: Value,
    /// The phase of the earliest running step in file order, else of the next one.
    current_phase: Option<String>,
    /// How many steps have ended.
    current_step_index: u64,
    status: RunStatus,
    /// The run it is a child or fork of.
    parent_run_id: Option<String>,
    /// The parent's step, when it is a child.
    parent_step_id: Option<String>,
    /// What stands at the head of every agent's prompt.
    instruction: Option<String>,
    /// The directory it works in.
    path: String,
    waiting: Option<Waiting>,
    progress: Progress,
    /// Null when it works in the project's own directory.
    worktree: Option<Worktree>,
    /// What parks it when it is used up; null without one.
    budget: Option<Budget>,
    cost_usd: Option<f64>,
    cost_is_estimate: bool,
    usage: Tokens,
    /// Messages the user has not read.
    unread: u64,
    started_at: Option<String>,
    created_at: String,
    updated_at: String,
    workflow_definition: RunDefinition,
    #[serde(rename = "_count")]
    count: Counts,
    error_message: Option<String>,
    completed_at: Option<String>,
    paused_at: Option<String>,
    cancelled_at: Option<String>,
    /// What the definition's `outputs` say, once it has completed.
    outputs: Value,
    pause_requested_at: Option<String>,
    /// `request`, `budget`, `parent`, or what whoever asked said.
    pause_reason: Option<String>,
    cancel_requested_at: Option<String>,
    cancel_reason: Option<String>,
    is_paused: bool,
    /// Only of a failed run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<RunError>,
}

#[derive(Serialize, ToSchema)]
pub struct RunError {
    /// The key of the step that failed.
    step_id: Option<String>,
    message: String,
}

#[derive(Serialize, ToSchema)]
pub struct Counts {
    comments: u64,
    artifacts: u64,
}

/// Why something does not advance.
#[derive(Serialize, ToSchema)]
pub struct Waiting {
    reason: WaitingReason,
    since: String,
    until: Option<String>,
    detail: Option<String>,
    /// Of a step's approval with a timeout: `fail`, `approve` or `reject`, at `until`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    then: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingReason {
    Approval,
    Question,
    UsageLimit,
    Timer,
    Remote,
    Retry,
    Worker,
    Concurrency,
    Child,
    Cancelling,
}

/// How far a run is.
#[derive(Serialize, ToSchema)]
pub struct Progress {
    /// Steps that have ended.
    ended: u64,
    /// Steps that are known.
    known: u64,
    /// Ended of known, 0 to 1; null when none is known.
    ratio: Option<f64>,
    /// The median length of the definition's last completed runs; null without history, and once
    /// the run has ended.
    estimate_ms: Option<u64>,
}

/// Where a run works, when that is not the project's own directory.
#[derive(Serialize, ToSchema)]
pub struct Worktree {
    /// `branch` or `worktree`.
    mode: String,
    path: String,
    branch: Option<String>,
    /// The commit it began from.
    base: String,
    base_branch: Option<String>,
    /// `keep`, `merge` or `review`.
    finish: String,
    /// It works on the files of the run it belongs to.
    is_shared: bool,
    finished: Option<Finished>,
}

/// What became of a run's branch.
#[derive(Serialize, ToSchema)]
pub struct Finished {
    branch: Option<String>,
    commit: Option<String>,
    merged_into: Option<String>,
    conflicts: Vec<String>,
    detail: Option<String>,
}

/// Tokens, in and out.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

/// A place a run can go back to.
#[derive(Serialize, ToSchema)]
pub struct Checkpoint {
    number: u32,
    /// The key of the step after which it was taken.
    step_id: String,
    created_at: String,
    /// Other steps were at work.
    partial: bool,
    /// The commit of the run's files, where it has files of its own.
    commit: Option<String>,
}

/// A child or fork, as its parent shows it.
#[derive(Serialize, ToSchema)]
pub struct Child {
    id: String,
    number: u64,
    name: String,
    /// The parent's step; null of a fork.
    step_id: Option<String>,
    status: RunStatus,
    current_phase: Option<String>,
    progress: ChildProgress,
    created_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct ChildProgress {
    ended: u64,
    known: u64,
    ratio: Option<f64>,
}

/// What going back would undo.
#[derive(Serialize, ToSchema)]
pub struct RewindPreview {
    steps: Vec<StepSummary>,
    /// At most 1000 of them are named.
    files: Vec<ChangedFile>,
    files_count: u64,
    restores_files: bool,
    detail: String,
}

#[derive(Serialize, ToSchema)]
pub struct ChangedFile {
    path: String,
    old_path: Option<String>,
    /// `added`, `deleted`, `modified`, `renamed` or `type_changed`.
    change: String,
    insertions: Option<u64>,
    deletions: Option<u64>,
}

/// An event of a run's journal, as clients may see it.
#[derive(Serialize, ToSchema)]
pub struct JournalEvent {
    /// The commit's number within the run.
    seq: u64,
    /// Orders everything committed on the server.
    pos: u64,
    at: String,
    r#type: String,
    /// What belongs to an event of this type.
    data: BTreeMap<String, Value>,
}

/// What its reader has not read.
#[derive(Serialize, ToSchema)]
pub struct Unread {
    /// The run.
    id: String,
    unread: u64,
}

/// How a recorded run goes with its definition as it is now.
#[derive(Serialize, ToSchema)]
pub struct Replay {
    /// Calls that were gone through.
    calls: u64,
    diverges: bool,
    /// Where and how it goes another way.
    divergence: Option<String>,
}
