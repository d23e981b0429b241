//! Steps, their sessions, attempts, logs and activities.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Artifact, Comment, Tokens, Waiting};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Pending,
    Running,
    Completed,
    Failed,
    Skipped,
    Cancelled,
}

/// A step as lists show it.
#[derive(Serialize, ToSchema)]
pub struct StepSummary {
    id: String,
    workflow_run_id: String,
    /// Its key: the id in the definition, with the item's index for one of a `foreach`.
    step_id: String,
    name: String,
    phase: Option<String>,
    /// `script`, `agent`, `approval`, `wait`, `workflow`, `remote`, …
    r#type: String,
    /// Of an agent step: which agent, as its definition names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agent: Option<String>,
    status: StepStatus,
    /// Keys of the steps it comes after.
    needs: Vec<String>,
    log_directory_path: String,
    /// The agent's own id of its session.
    agent_session_id: Option<String>,
    /// Only of agent steps that have begun.
    session: Option<Session>,
    error_message: Option<String>,
    /// Attempts started.
    attempt: u32,
    max_attempts: u32,
    started_at: Option<String>,
    completed_at: Option<String>,
    created_at: String,
    updated_at: String,
    waiting: Option<Waiting>,
    /// Of an item of a `foreach`: the step it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parent_step_id: Option<String>,
    /// Of an item of a `foreach`: its index.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    item: Option<u64>,
    /// While its child run is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    child_run_id: Option<String>,
    /// The definition of that child run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    workflow: Option<String>,
    /// Of a skipped one: `condition`, `needs_skipped` or `redirected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    skip_reason: Option<String>,
}

/// A step with its results and attempts.
#[derive(Serialize, ToSchema)]
pub struct Step {
    #[serde(flatten)]
    summary: StepSummary,
    error: Option<Failure>,
    /// What it gave, as text.
    result: Option<String>,
    /// What it gave, when that is JSON.
    data: Value,
    outputs: Value,
    exit_code: Option<i32>,
    /// The end of it.
    stderr: Option<String>,
    warnings: Vec<String>,
    attempts: Vec<Attempt>,
    artifacts: Vec<Artifact>,
    /// Only of a step that is asked for by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    comments: Option<Vec<Comment>>,
}

/// Why something failed.
#[derive(Serialize, ToSchema)]
pub struct Failure {
    /// Stable, snake_case.
    code: String,
    message: String,
}

#[derive(Serialize, ToSchema)]
pub struct Attempt {
    id: String,
    number: u32,
    /// `first`, `retry`, `lost`, `parked`, `usage_limit` or `session_lost`.
    cause: String,
    status: AttemptStatus,
    error: Option<Failure>,
    exit_code: Option<i32>,
    started_at: String,
    ended_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    Running,
    Completed,
    Failed,
    Lost,
    Stopped,
    Parked,
    UsageLimit,
    SessionLost,
}

/// An agent's session.
#[derive(Serialize, ToSchema)]
pub struct Session {
    id: String,
    agent: String,
    native_session_id: Option<String>,
    model: Option<String>,
    /// `running`, `waiting` (for an answer), `idle`, or the step's status once that has ended.
    status: String,
    usage: Tokens,
    cost_usd: Option<f64>,
    cost_is_estimate: bool,
    /// Tokens of its context that are used.
    context_used: Option<u64>,
    transcript_path: Option<String>,
    questions: Vec<Question>,
    /// Null where they were not read, or it keeps none.
    todos: Option<Vec<Todo>>,
    /// The tool it uses now, as its activity `tool_use` has it.
    #[schema(value_type = Option<Object>)]
    tool: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub struct Todo {
    content: String,
    /// `pending`, `in_progress` or `completed`.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_form: Option<String>,
}

/// What an agent asks or asked.
#[derive(Serialize, ToSchema)]
pub struct Question {
    id: String,
    text: String,
    /// `{asks: "permission", tool, input, can_remember}`, `{asks: "plan", plan}` or
    /// `{asks: "choices", items}`.
    #[schema(value_type = Object)]
    ask: Value,
    since: String,
    answered: bool,
}

/// A part of a log.
#[derive(Serialize, ToSchema)]
pub struct LogPart {
    r#type: String,
    step_id: String,
    content: String,
    /// Where `content` begins, in bytes.
    offset: u64,
    /// Where what follows begins; null at the end.
    next_offset: Option<u64>,
    /// All of it, in bytes.
    total: u64,
}

/// Something a session did.
#[derive(Serialize, ToSchema)]
pub struct Activity {
    attempt: String,
    /// Its byte in the events log: with the attempt it names the activity.
    offset: u64,
    at: Option<String>,
    /// The sub-agent that did it.
    parent: Option<String>,
    /// Where in the raw log it was said.
    raw_offset: Option<u64>,
    /// `kind`, and what belongs to one of that kind.
    activity: ActivityBody,
}

#[derive(Serialize, ToSchema)]
pub struct ActivityBody {
    kind: String,
}
