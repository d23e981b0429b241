//! Who did what, newest first.

use std::sync::Arc;

use axum::Json;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::Params;
use super::super::describe::{Deed, NumberedPageParams, Page};
use super::super::error::{Answer, Problem};
use super::super::wire::time;
use super::super::{State, find};
use crate::host::Host;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(list))
}

#[utoipa::path(
    get,
    path = "/api/audit",
    tag = "Access",
    operation_id = "list_audit",
    params(NumberedPageParams),
    responses((status = 200, description = "Newest first.", body = Page<Deed>))
)]
async fn list(State(host): State, params: Params) -> Answer<Json<Value>> {
    let limit = params.limit()?;
    let wrong = |_| Problem::bad_request("bad_cursor", "this is no cursor of this list");
    let before = params
        .get("cursor")
        .map(str::parse)
        .transpose()
        .map_err(wrong)?;
    let deeds = find::blocking(&host, move |host| {
        let deeds = host.access.deeds(before, limit);
        deeds.map_err(|error| Problem::disk(&error))
    })
    .await?;
    let full = deeds.len() == limit;
    let next = deeds.last().filter(|_| full).map(|(id, ..)| id.to_string());
    let deed = |(id, at, data): &(u64, _, String)| {
        let mut deed: Value = serde_json::from_str(data).unwrap_or_default();
        deed["id"] = id.to_string().into();
        deed["at"] = time(*at);
        deed
    };
    let data: Vec<Value> = deeds.iter().map(deed).collect();
    Ok(Json(json!({"data": data, "next_cursor": next})))
}
