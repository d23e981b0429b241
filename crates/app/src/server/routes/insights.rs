//! `GET /api/insights`: what the runs of a time came to.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use baton_core::time::Timestamp;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::Identity;
use super::super::asking::Params;
use super::super::describe::{Data, Insights, InsightsParams};
use super::super::error::{Answer, Problem};
use super::super::figures::{Asked, Group, insights as figures};
use super::super::{State, find};
use crate::host::{Host, now};

/// How far back, when it is not said.
const USUAL: Duration = Duration::from_secs(30 * 24 * 3600);

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(insights))
}

#[utoipa::path(
    get,
    path = "/api/insights",
    tag = "Insights",
    operation_id = "get_insights",
    params(InsightsParams),
    responses(
        (status = 200, description = "Sums over the time's newest 1000 runs.", body = Data<Insights>),
        (status = 422, description = "`from` lies after `to`.")
    )
)]
async fn insights(State(host): State, identity: Identity, params: Params) -> Answer<Json<Value>> {
    let to = time(&params, "to")?.unwrap_or_else(now);
    let usual = u64::try_from(USUAL.as_millis()).unwrap_or(u64::MAX);
    let from = time(&params, "from")?;
    let from = from.unwrap_or_else(|| Timestamp::from_millis(to.millis().saturating_sub(usual)));
    if from > to {
        let detail = "`from` lies after `to`";
        return Err(Problem::unfit("bad_query", detail));
    }
    let group = match params.get("group") {
        None => Group::Definition,
        Some(name) => Group::parse(name).ok_or_else(|| {
            Problem::bad_request("bad_query", "`group` is definition, agent or day")
        })?,
    };
    let project = match params.get("project_id") {
        Some(id) => Some(find::project(&host, id).await?.id),
        None => None,
    };
    let mut asked = Asked {
        project,
        seen: None,
        from,
        to,
        group,
    };
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let data = find::blocking(&host, move |host| {
        asked.seen = identity.seen_projects(host)?;
        figures(&views, &asked)
    })
    .await?;
    Ok(Json(json!({"data": data})))
}

fn time(params: &Params, name: &str) -> Answer<Option<Timestamp>> {
    let parse = |text: &str| {
        Timestamp::parse(text).ok_or_else(|| {
            let detail = format!("`{name}` is a time: 2026-01-31T00:00:00Z");
            Problem::bad_request("bad_query", detail)
        })
    };
    params.given(name).map(parse).transpose()
}
