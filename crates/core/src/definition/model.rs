//! What a checked definition is. Only [`super::validate`] makes one from a draft.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::template::{Command, Expression, Text, ValueTemplate};

/// A checked definition: everything a run needs to know what comes next.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The file stem; unique in a project.
    pub key: String,
    /// The name for people.
    pub name: String,
    /// What it does, for people.
    pub description: Option<String>,
    /// The phases, in board order; empty when none are declared.
    pub phases: Vec<Phase>,
    /// The JSON Schema (2020-12) of its args, if any.
    pub args_schema: Option<Value>,
    /// Environment of every child process of its runs.
    pub env: BTreeMap<String, Text>,
    /// Where runs work, when said.
    pub worktree: Option<Worktree>,
    /// The run's result: names to templates.
    pub outputs: BTreeMap<String, ValueTemplate>,
    /// The concurrency key, if any.
    pub concurrency: Option<Concurrency>,
    /// What parks a run when reached.
    pub budget: Budget,
    /// What starts runs by itself.
    pub triggers: Triggers,
    /// The steps, in file order.
    pub steps: Vec<Step>,
    /// Whether any step said `needs`: then the steps form a graph, else they run in order.
    pub is_graph: bool,
    /// What a TypeScript definition has beside; its `steps` are those that a run has asked for.
    pub program: Option<ProgramHead>,
    /// SHA-256 of the source text, 64 hex digits: the definition's version.
    pub hash: String,
}

/// What is known of a TypeScript definition without running it.
#[derive(Debug, Clone, Default)]
pub struct ProgramHead {
    /// Its `defaults`, as written.
    pub defaults: Option<Value>,
    /// The steps whose ids stand in its text, in text order.
    pub outline: Vec<OutlineStep>,
    /// Its args are read by its own zod schema, which may change them.
    pub reads_args: bool,
}

/// A step as far as the text of a TypeScript definition tells.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OutlineStep {
    /// Its id.
    pub id: String,
    /// What it does, where that is written out.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<StepKind>,
    /// Its name for people, where that is written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its phase, where that is written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

/// A named stage; a column of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// The id that steps name.
    pub id: String,
    /// The label for people; the id when none was given.
    pub label: String,
}

/// Where a run works and what becomes of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// In the user's checkout, on a branch of it, or in a worktree of its own.
    pub mode: WorktreeMode,
    /// Globs of untracked files to copy in.
    pub copy: Vec<String>,
    /// A shell command run once in a new worktree.
    pub setup: Option<String>,
    /// What becomes of the branch at the end.
    pub finish: Finish,
}

/// See [`Worktree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorktreeMode {
    /// The user's directory as it is.
    Stay,
    /// The user's checkout, switched to a branch.
    Branch,
    /// A git worktree of the run's own.
    Worktree,
}

/// See [`Worktree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The branch stays.
    Keep,
    /// It is merged when clean.
    Merge,
    /// It waits for a person.
    Review,
}

/// A key of which only `limit` runs may be active per project.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// The key, a template over `args`.
    pub key: Text,
    /// How many runs may hold it at once (at least 1).
    pub limit: u32,
    /// What happens to a run that finds it full.
    pub on_full: OnFull,
}

/// See [`Concurrency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// It waits its turn.
    Queue,
    /// It is refused.
    Reject,
    /// The oldest holder is cancelled, and it waits for that.
    CancelOldest,
}

/// What parks a run when reached; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Budget {
    /// US dollars.
    pub usd: Option<f64>,
    /// Tokens, in and out.
    pub tokens: Option<u64>,
    /// Minutes of running time (not of waiting).
    pub minutes: Option<f64>,
}

/// What starts runs without a person.
#[derive(Debug, Clone, Default)]
pub struct Triggers {
    /// A cron schedule.
    pub schedule: Option<Schedule>,
    /// An inbound webhook.
    pub webhook: Option<Webhook>,
}

/// A cron schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Five fields.
    pub cron: String,
    /// IANA time zone; UTC when not given.
    pub tz: String,
    /// What happens to times missed while no host ran.
    pub catch_up: CatchUp,
    /// Args of the runs it starts.
    pub args: BTreeMap<String, Value>,
}

/// See [`Schedule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// Missed times are skipped.
    None,
    /// One run for all of them.
    One,
    /// A run for each.
    All,
}

/// An inbound webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The environment variable or secret that holds the signing secret.
    pub secret_env: String,
    /// Only events for which this is true.
    pub condition: Option<Expression>,
    /// Args of the runs it starts, over `event`.
    pub args: BTreeMap<String, ValueTemplate>,
}

/// One step as written.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in the definition.
    pub id: String,
    /// The name for people; the id when none was given.
    pub name: String,
    /// The phase it belongs to; `None` only when no phases are declared.
    pub phase: Option<String>,
    /// Indices into [`Definition::steps`] of what must have ended first. Without a graph: the step
    /// before it.
    pub needs: Vec<usize>,
    /// Skipped when this is false.
    pub condition: Option<Expression>,
    /// Per attempt of running time; of wall time on approval, remote and workflow steps.
    pub timeout: Option<Duration>,
    /// How failures are retried.
    pub retry: Retry,
    /// A lost script attempt: again, fail or ask.
    pub on_lost: OnLost,
    /// A usage limit: wait for the reset, or fail.
    pub on_usage_limit: OnUsageLimit,
    /// A failure does not fail the run.
    pub continue_on_error: bool,
    /// Environment over the definition's.
    pub env: BTreeMap<String, Text>,
    /// Named outputs over `stdout`, `stderr`, `exit_code` (scripts).
    pub outputs: BTreeMap<String, Expression>,
    /// Globs of files to keep, relative to the run's directory.
    pub artifacts: Vec<String>,
    /// One child per item.
    pub foreach: Option<Foreach>,
    /// What it does.
    pub action: Action,
}

/// One child of the step per item of a list.
#[derive(Debug, Clone)]
pub struct Foreach {
    /// Where the items come from.
    pub items: Items,
    /// How many children at once (at least 1).
    pub max_parallel: u32,
    /// Each child has a worktree of its own.
    pub isolate: bool,
}

/// The items of a [`Foreach`].
#[derive(Debug, Clone)]
pub enum Items {
    /// A template that gives a list, or a list of templates.
    List(ValueTemplate),
    /// The product of these lists, as objects (`matrix`).
    Matrix(BTreeMap<String, Vec<Value>>),
}

/// How failures are retried.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Retry {
    /// Tries in all, the first included (at least 1).
    pub attempts: u32,
    /// The wait before the second try.
    pub backoff: Duration,
    /// What each further wait is multiplied by (at least 1).
    pub factor: f64,
    /// The longest wait.
    pub max: Duration,
    /// Each wait is a random length between half of it and all of it.
    pub jitter: bool,
}

impl Retry {
    /// One try, no more.
    pub const NONE: Self = Self {
        attempts: 1,
        backoff: Duration::from_secs(10),
        factor: 2.0,
        max: Duration::from_secs(300),
        jitter: true,
    };
}

/// What follows when a script's attempt was lost (its shepherd killed, the machine gone).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLost {
    /// A new attempt.
    Rerun,
    /// The step fails.
    Fail,
    /// A person decides.
    Ask,
}

/// What follows when an agent's usage limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUsageLimit {
    /// A durable wait until the reset.
    Wait,
    /// The attempt fails.
    Fail,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// A command in a child process.
    Script(Script),
    /// A coding agent.
    Agent(Box<Agent>),
    /// An external workflow service.
    Remote(Remote),
    /// A person's yes or no.
    Approval(Approval),
    /// A length of time, or a point in time.
    Wait(Wait),
    /// A child run.
    Workflow(Workflow),
    /// A function of a TypeScript definition: it has run when it is asked for.
    Function,
}

impl Action {
    /// The step type's word in the language and on the wire.
    #[must_use]
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Script(_) => StepKind::Script,
            Self::Agent(_) => StepKind::Agent,
            Self::Remote(_) => StepKind::Remote,
            Self::Approval(_) => StepKind::Approval,
            Self::Wait(_) => StepKind::Wait,
            Self::Workflow(_) => StepKind::Workflow,
            Self::Function => StepKind::Function,
        }
    }
}

/// The kinds of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StepKind {
    Agent,
    Script,
    Function,
    Remote,
    Approval,
    Wait,
    Workflow,
}

impl StepKind {
    /// Its word in definitions and on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Script => "script",
            Self::Function => "function",
            Self::Remote => "remote",
            Self::Approval => "approval",
            Self::Wait => "wait",
            Self::Workflow => "workflow",
        }
    }
}

/// A command in a child process.
#[derive(Debug, Clone)]
pub struct Script {
    /// A shell text or words without a shell.
    pub command: Command,
    /// Relative to the run's directory.
    pub cwd: Option<Text>,
}

/// A coding agent (run from part 2 on).
#[derive(Debug, Clone)]
pub struct Agent {
    /// `claude`, `codex`, `gemini`, `acp:<command>`, `command:<command>` or a name from the settings.
    pub agent: String,
    /// What it is asked.
    pub prompt: Text,
    /// The permission mode, as document 2 names them.
    pub permission: Option<String>,
    /// The model, if said.
    pub model: Option<Text>,
    /// At most this many turns.
    pub max_turns: Option<u32>,
    /// Added to the agent's system prompt.
    pub system_prompt: Option<Text>,
    /// MCP servers handed to it, as written.
    pub mcp: Option<Value>,
    /// `tools {allow, deny}`.
    pub tools: Option<Tools>,
    /// Go on in the session of this earlier step.
    pub session: Option<String>,
    /// The JSON Schema its answer must fit.
    pub output: Option<Value>,
    /// Relative to the run's directory.
    pub cwd: Option<Text>,
}

/// Tools an agent may or may not use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// Only these, when not empty.
    pub allow: Vec<String>,
    /// Never these.
    pub deny: Vec<String>,
}

/// An external workflow service (later part).
#[derive(Debug, Clone)]
pub struct Remote {
    /// The provider's name in the settings.
    pub provider: String,
    /// The service's own workflow id.
    pub workflow_id: Value,
    /// Variables handed over.
    pub vars: BTreeMap<String, ValueTemplate>,
}

/// A person's yes or no.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The question.
    pub message: Text,
    /// What happens when nobody answered in time.
    pub on_timeout: OnTimeout,
    /// What a no does.
    pub on_reject: OnReject,
}

/// See [`Approval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTimeout {
    /// The step fails.
    Fail,
    /// As if approved.
    Approve,
    /// As if rejected.
    Reject,
}

impl OnTimeout {
    /// The word of the language.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

/// See [`Approval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReject {
    /// The step fails, and is never retried.
    Fail,
    /// The step completes with `approved: false`.
    Continue,
}

/// A wait.
#[derive(Debug, Clone)]
pub enum Wait {
    /// This long.
    For(Duration),
    /// Until this point in time (RFC 3339), a template.
    Until(Text),
}

/// A child run.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// The key of the definition to run.
    pub workflow: String,
    /// Its args.
    pub args: BTreeMap<String, ValueTemplate>,
    /// It has a worktree of its own (with `foreach`: see [`Foreach::isolate`]).
    pub isolate: bool,
}
