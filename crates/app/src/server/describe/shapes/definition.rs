//! Projects and definitions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::RunStatus;

#[derive(Serialize, ToSchema)]
pub struct Project {
    id: String,
    name: String,
    /// Its directory.
    path: String,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DefinitionType {
    Yaml,
    Code,
}

/// A definition file as it is now.
#[derive(Serialize, ToSchema)]
pub struct Definition {
    id: String,
    project_id: String,
    /// Its file's name without the ending.
    key: String,
    name: String,
    description: Option<String>,
    r#type: DefinitionType,
    /// Relative to the project.
    path: String,
    is_template: bool,
    /// In board order.
    phases: Vec<String>,
    /// What people read in place of a phase's name; null of one that has errors.
    phase_labels: Option<BTreeMap<String, String>>,
    /// A JSON Schema.
    args_schema: Value,
    steps: Vec<DefinedStep>,
    hash: Option<String>,
    /// One with errors cannot be run.
    is_valid: bool,
    /// Its file is gone; its runs stay.
    is_archived: bool,
    diagnostics: Vec<Diagnostic>,
    /// What starts runs of it without a person; null of one that has errors.
    triggers: Option<Triggers>,
    stats: Option<Stats>,
    created_at: Option<String>,
    updated_at: Option<String>,
    /// Its text; only of one that is asked for by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Triggers {
    schedule: Option<Schedule>,
    webhook: Option<InboundWebhook>,
}

#[derive(Serialize, ToSchema)]
pub struct Schedule {
    /// Five fields.
    cron: String,
    /// An IANA time zone.
    tz: String,
    /// Of times missed while no host ran: `none`, `one` or `all` start a run.
    catch_up: String,
    /// Null when it never comes due.
    next_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct InboundWebhook {
    /// Where it is sent to.
    path: String,
    /// The secret or environment variable that signatures are checked with.
    secret_env: String,
    /// Whether its `if` lets only some events start a run.
    has_condition: bool,
}

/// How a definition's runs went.
#[derive(Serialize, ToSchema)]
pub struct Stats {
    /// All that were started.
    runs: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    /// Completed of completed and failed ones, 0 to 1; null when there is none.
    success_rate: Option<f64>,
    /// Of the last completed ones.
    median_ms: Option<u64>,
    /// Nine of ten took no longer.
    p90_ms: Option<u64>,
    /// Of the last ended ones that say their cost.
    median_cost_usd: Option<f64>,
    /// The newest, at most 5.
    last_runs: Vec<LastRun>,
}

#[derive(Serialize, ToSchema)]
pub struct LastRun {
    id: String,
    number: u64,
    name: String,
    status: RunStatus,
    created_at: String,
    completed_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct DefinedStep {
    id: String,
    name: String,
    phase: Option<String>,
    r#type: String,
    needs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    workflow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    provider: Option<String>,
}

/// The definition that a run has recorded.
#[derive(Serialize, ToSchema)]
pub struct RunDefinition {
    id: String,
    key: String,
    name: String,
    description: Option<String>,
    r#type: DefinitionType,
    path: String,
    hash: String,
    phases: Vec<String>,
    phase_labels: BTreeMap<String, String>,
}

/// A finding in a definition.
#[derive(Serialize, ToSchema)]
pub struct Diagnostic {
    /// `error` or `warning`.
    severity: String,
    /// Stable, snake_case.
    code: String,
    message: String,
    /// What would be right.
    help: Option<String>,
    file: String,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
    end_line: u32,
    end_column: u32,
    /// The line it starts in.
    excerpt: String,
    excerpt_column: u32,
    /// A JSON pointer to the value meant.
    pointer: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Validation {
    valid: bool,
    diagnostics: Vec<Diagnostic>,
}

/// What the runs of a time came to.
#[derive(Serialize, ToSchema)]
pub struct Insights {
    from: String,
    to: String,
    group: GroupBy,
    #[serde(flatten)]
    sums: Sums,
    groups: Vec<InsightsGroup>,
    /// What runs waited for, the longest first.
    waiting: Vec<Waited>,
    /// False when there were more runs than are summed.
    is_complete: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    Definition,
    Agent,
    Day,
}

/// Sums over runs.
#[derive(Serialize, ToSchema)]
pub struct Sums {
    runs: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    /// Completed of completed and failed ones, 0 to 1; null when there is none.
    success_rate: Option<f64>,
    /// Of completed ones.
    median_ms: Option<u64>,
    p90_ms: Option<u64>,
    cost_usd: f64,
    tokens: u64,
}

#[derive(Serialize, ToSchema)]
pub struct InsightsGroup {
    /// A definition's key, an agent's name, or a day.
    key: String,
    label: String,
    #[serde(flatten)]
    sums: Sums,
}

#[derive(Serialize, ToSchema)]
pub struct Waited {
    /// As `waiting.reason` of a run.
    reason: String,
    ms: u64,
}
