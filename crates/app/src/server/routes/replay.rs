//! Replaying a recorded run against its definition as it is now.

use std::sync::Arc;

use axum::Json;
use baton_core::definition::Severity;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::Segment;
use super::super::describe::{Data, Replay};
use super::super::error::{Answer, Problem};
use super::super::{State, find};
use crate::host::{Host, definitions, scripts};

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(replay))
}

/// Nothing of the run changes.
#[utoipa::path(
    post,
    path = "/api/workflow-executions/{id}/replay",
    tag = "Runs",
    operation_id = "replay_run",
    responses((status = 200, description = "Whether it would still go the same way.", body = Data<Replay>))
)]
async fn replay(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let run = find::run(&host, &id).await?;
    let (project, key) = {
        let created = &run.created;
        (created.project.clone(), created.definition.key.clone())
    };
    if run.program.is_none() {
        let detail = "only runs of TypeScript definitions are replayed";
        return Err(Problem::unfit("not_a_program", detail));
    }
    find::blocking(&host, move |_| {
        let found = definitions::find(project.id, &project.path, &key)
            .ok_or_else(|| Problem::not_found(format!("the project has no definition `{key}`")))?;
        let failed = found.diagnostics.iter();
        let failed = failed
            .into_iter()
            .any(|finding| finding.severity == Severity::Error);
        let source = match found.source {
            Some(source) if !failed && found.is_code => source,
            _ => return Err(Problem::definition(&found.key, &found.diagnostics)),
        };
        let replayed = scripts::pool().replay(&run, &source);
        let replayed = replayed.map_err(|error| Problem::disk(&error.to_string()))?;
        let replayed = replayed
            .ok_or_else(|| Problem::unfit("not_a_program", "it has no program to replay"))?;
        Ok(Json(json!({"data": {
            "calls": replayed.calls,
            "diverges": replayed.divergence.is_some(),
            "divergence": replayed.divergence,
        }})))
    })
    .await
}
