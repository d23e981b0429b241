//! What a session did: `GET /api/workflow-steps/:id/activities`.

use std::sync::Arc;

use axum::Json;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::activities::{self, Page, Wanted};
use super::super::asking::{Params, Segment};
use super::super::describe::{Activity, ActivityParams, Page as ListOf};
use super::super::error::{Answer, Problem};
use super::super::wire::activity::{KINDS, UNKNOWN};
use super::super::{State, find};
use crate::host::Host;
use baton_core::definition::StepKind;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(page))
}

/// Those of one attempt (`attempt`, else the current one) behind the one at byte `after`.
#[utoipa::path(
    get,
    path = "/api/workflow-steps/{id}/activities",
    tag = "Steps",
    operation_id = "list_activities",
    params(ActivityParams),
    responses((status = 200, description = "What the session of one attempt did.", body = ListOf<Activity>))
)]
async fn page(State(host): State, Segment(id): Segment, params: Params) -> Answer<Json<Value>> {
    let wanted = Wanted {
        after: params.number("after")?,
        kinds: kinds(&params)?,
        limit: params.limit()?,
    };
    let number = params.number("attempt")?;
    let (run, step) = find::step(&host, &id).await?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let page = find::blocking(&host, move |host| {
        let tried = views.attempts(run.id, step.id)?;
        let mut tried = tried.iter().rev();
        let tried = match number {
            None => tried.next(),
            Some(number) => {
                let found = tried.find(|tried| u64::from(tried.number) == number);
                let none = || {
                    let key = &step.key;
                    Problem::not_found(format!("step `{key}` has no attempt {number}"))
                };
                Some(found.ok_or_else(none)?)
            }
        };
        // Only agents have any.
        let Some(tried) = tried.filter(|_| step.declared.kind == StepKind::Agent) else {
            return Ok(Page::default());
        };
        let paths = activities::paths(host, &run, &step, tried.number);
        let read = activities::open(&paths).and_then(|file| match file {
            Some(file) => activities::page(&file, &tried.id.to_string(), &wanted),
            None => Ok(Page::default()),
        });
        read.map_err(|error| Problem::disk(&error))
    })
    .await?;
    let next = page.next.map(|offset| offset.to_string());
    Ok(Json(json!({"data": page.rows, "next_cursor": next})))
}

fn kinds(params: &Params) -> Answer<Vec<String>> {
    let kinds = params.all("kind");
    let known = |kind: &&str| KINDS.contains(kind) || *kind == UNKNOWN;
    if let Some(wrong) = kinds.iter().find(|kind| !known(kind)) {
        let shown: String = wrong.chars().take(64).collect();
        let detail = format!("`{shown}` is no kind: {}", KINDS.join(", "));
        return Err(Problem::bad_request("bad_query", detail));
    }
    Ok(kinds.into_iter().map(str::to_owned).collect())
}
