//! Who did what, newest first.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::asking::Params;
use super::super::error::{Answer, Problem};
use super::super::wire::time;
use super::super::{State, find};
use crate::host::Host;

pub fn routes() -> Router<Arc<Host>> {
    Router::new().route("/api/audit", get(list))
}

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
