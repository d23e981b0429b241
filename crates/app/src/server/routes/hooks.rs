//! Inbound webhooks: they carry their own proof.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Segments, whole_body};
use super::super::describe::Triggered;
use super::super::error::{Answer, Problem};
use super::super::{State, find};
use crate::host::{Host, definitions};
use crate::triggers::inbound;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(take))
}

/// 201 with the run's id, or 200 without one when the trigger's `if` is false. The same delivery
/// again gives the same run.
#[utoipa::path(
    post,
    path = "/api/hooks/{project}/{definition}",
    tag = "Webhooks",
    operation_id = "trigger_run",
    security(()),
    responses((status = 201, description = "The run it started.", body = Triggered),
        (status = 200, description = "The trigger says not to start one.", body = Triggered),
        (status = 401, description = "The signature is not there or does not fit."))
)]
async fn take(
    State(host): State,
    Segments(project, key): Segments,
    request: Request,
) -> Answer<(StatusCode, Json<Value>)> {
    let project = find::project(&host, &project).await?;
    let (headers, body) = (request.headers().clone(), request.into_body());
    let body = whole_body(body).await?;
    let found = {
        let project = project.clone();
        find::blocking(&host, move |_| {
            let found = definitions::find(project.id, &project.path, &key);
            let shown: String = key.chars().take(64).collect();
            found.ok_or_else(|| Problem::not_found(format!("the project has no `{shown}`")))
        })
        .await?
    };
    Ok(
        match inbound::take(&host, &project, found, &headers, &body).await? {
            Some(run) => (
                StatusCode::CREATED,
                Json(json!({"data": {"run_id": run.to_string()}})),
            ),
            None => (
                StatusCode::OK,
                Json(json!({"data": {"run_id": null}, "detail": "the trigger's `if` is false"})),
            ),
        },
    )
}
