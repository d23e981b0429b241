//! What a run can be told: pause, resume, cancel, retry.

use std::sync::Arc;

use axum::Json;
use baton_core::run::decide::{Command, ResumeFrom};
use baton_core::run::event::PauseReason;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Body, Caller, Segment};
use super::super::describe::{Data, Run};
use super::super::error::{Answer, Problem};
use super::super::{State, find, list};
use crate::host::Host;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
        .routes(routes!(retry))
}

/// Tells a run something, and answers how it stands then.
async fn tell(
    host: &Arc<Host>,
    reference: &str,
    caller: Caller,
    command: impl FnOnce(baton_core::run::event::Actor) -> Command,
) -> Answer<Json<Value>> {
    let id = find::run_id(host, reference).await?;
    host.engine
        .send(id, command(caller.by), caller.command)
        .await?;
    Ok(Json(json!({"data": list::row_of(host, id).await?})))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = PauseRun)]
struct Pause {
    reason: Option<String>,
    #[serde(default)]
    immediate: bool,
}

#[utoipa::path(
    post,
    path = "/api/workflow-executions/{id}/pause",
    tag = "Runs",
    operation_id = "pause_run",
    request_body = Pause,
    responses((status = 200, description = "How it stands; `paused` once no step is running.", body = Data<Run>))
)]
async fn pause(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Pause>,
) -> Answer<Json<Value>> {
    tell(&host, &id, caller, |by| Command::Pause {
        immediate: body.immediate,
        detail: body.reason,
        reason: PauseReason::Request,
        by,
    })
    .await
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = ResumeRun)]
struct Resume {
    from_step: Option<String>,
    checkpoint: Option<u32>,
    message: Option<String>,
}

impl Resume {
    fn from(&self) -> Answer<Option<ResumeFrom>> {
        match (&self.from_step, self.checkpoint) {
            (Some(_), Some(_)) => {
                let detail = "give `from_step` or `checkpoint`, not both";
                Err(Problem::field("/checkpoint", detail))
            }
            (Some(step), None) => Ok(Some(ResumeFrom::Step(step.clone()))),
            (None, Some(number)) => Ok(Some(ResumeFrom::Checkpoint(number))),
            (None, None) => Ok(None),
        }
    }
}

#[utoipa::path(
    post,
    path = "/api/workflow-executions/{id}/resume",
    tag = "Runs",
    operation_id = "resume_run",
    request_body = Resume,
    responses((status = 200, description = "It goes on.", body = Data<Run>))
)]
async fn resume(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Resume>,
) -> Answer<Json<Value>> {
    let from = body.from()?;
    tell(&host, &id, caller, |by| Command::Resume {
        from,
        text: body.message,
        by,
    })
    .await
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = CancelRun)]
struct Reason {
    reason: Option<String>,
}

#[utoipa::path(
    post,
    path = "/api/workflow-executions/{id}/cancel",
    tag = "Runs",
    operation_id = "cancel_run",
    request_body = Reason,
    responses((status = 200, description = "How it stands; `cancelled` once nothing runs.", body = Data<Run>))
)]
async fn cancel(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Reason>,
) -> Answer<Json<Value>> {
    tell(&host, &id, caller, |by| Command::Cancel {
        reason: body.reason,
        by,
    })
    .await
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = RetryRun)]
struct Retry {
    message: Option<String>,
}

/// Resume of a failed run; one that stands otherwise is refused.
#[utoipa::path(
    post,
    path = "/api/workflow-executions/{id}/retry",
    tag = "Runs",
    operation_id = "retry_run",
    request_body = Retry,
    responses((status = 200, description = "It goes on with the steps that have not completed.", body = Data<Run>))
)]
async fn retry(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Retry>,
) -> Answer<Json<Value>> {
    let run = find::run_id(&host, &id).await?;
    let is_repeat = match &caller.command {
        Some(command) => {
            let command = command.clone();
            let known = move |host: &Host| {
                use baton_engine::ports::Journal;
                Ok(host.journal.command(&command)?.is_some())
            };
            find::blocking(&host, known).await?
        }
        None => false,
    };
    let status = host
        .engine
        .read(run, |run| (run.status.word(), run.created.number))
        .await?;
    if !is_repeat && !matches!(status.0, "failed" | "cancelled") {
        return Err(baton_core::run::decide::Refusal::InvalidState {
            status: status.0,
            detail: format!(
                "run {} is {}: only a failed run is retried",
                status.1, status.0
            ),
        }
        .into());
    }
    tell(&host, &id, caller, |by| Command::Resume {
        from: None,
        text: body.message,
        by,
    })
    .await
}
