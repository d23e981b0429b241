//! What queries can say.

use utoipa::IntoParams;

use super::{GroupBy, RunStatus};

/// A page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Rows of a page; 50 when not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of a list whose cursor is a number.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NumberedPageParams {
    /// Rows of a page; 50 when not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{0,18}$")]
    cursor: Option<String>,
}

/// Which runs. What takes several values is repeated or a comma list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunParams {
    project_id: Option<String>,
    status: Option<Vec<RunStatus>>,
    phase: Option<Vec<String>>,
    /// Keys or ids of definitions.
    definition: Option<Vec<String>>,
    /// In names and ids, or a number.
    q: Option<String>,
    parent_run_id: Option<String>,
    feature_id: Option<String>,
    task_id: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProjectParam {
    project_id: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RewindParams {
    /// A step's key or id, or a checkpoint's number.
    #[param(min_length = 1)]
    to: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiffParams {
    /// A checkpoint's number or a step's key; what the run began from when not given.
    from: Option<String>,
    /// The same; the newest when not given.
    to: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventParams {
    /// The `seq` after which to begin.
    #[param(minimum = 0)]
    after: Option<u64>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; it counts instead of `after`.
    #[param(pattern = r"^([0-9]{1,18}(\.[0-9]{1,9})?)?$")]
    cursor: Option<String>,
    /// Only events of these types, with commas between them.
    r#type: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// An earlier attempt's number; the current one when not given.
    #[param(minimum = 0)]
    attempt: Option<u32>,
    /// In bytes.
    #[param(minimum = 0)]
    offset: Option<u64>,
    /// In bytes; at most 1 MiB.
    #[param(minimum = 0)]
    limit: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ActivityParams {
    /// The attempt's number; the current one when not given.
    #[param(minimum = 0)]
    attempt: Option<u32>,
    /// The `offset` after which to begin.
    #[param(minimum = 0)]
    after: Option<u64>,
    /// Kinds of activities, repeated or a comma list; all when not given.
    kind: Option<Vec<ActivityKind>>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ActivityKind {
    Session,
    TurnStarted,
    Message,
    Thinking,
    ToolUse,
    Todos,
    Plan,
    Question,
    QuestionClosed,
    Usage,
    RateLimit,
    ApiRetry,
    Compaction,
    Steered,
    TurnEnded,
    Error,
    Unknown,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StepParam {
    /// A step's key or id.
    step_id: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageParams {
    /// Only those after this message id.
    #[param(minimum = 0)]
    after: Option<u64>,
    #[param(minimum = 0)]
    limit: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LiveParams {
    /// `project:<id>`, `run:<id>`, repeated or a comma list; all when not given.
    topics: Option<Vec<String>>,
    /// The position after which to begin.
    #[param(minimum = 0)]
    after: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InsightsParams {
    project_id: Option<String>,
    /// Runs created from then on; 30 days before `to` when not given.
    #[param(format = DateTime)]
    from: Option<String>,
    /// And before then; now when not given.
    #[param(format = DateTime)]
    to: Option<String>,
    /// `definition` when not given.
    group: Option<GroupBy>,
}
