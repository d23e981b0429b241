//! The agents on the host's machine: `GET /api/agents`.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::error::Answer;
use super::super::{State, find};
use crate::host::{Host, agents};

pub fn routes() -> Router<Arc<Host>> {
    Router::new().route("/api/agents", get(all))
}

/// As the host itself would find them; a run has the environment it was started with.
async fn all(State(host): State) -> Answer<Json<Value>> {
    let found = find::blocking(&host, |host| {
        Ok(agents::all(&agents::own_environment(), &host.data_dir))
    })
    .await?;
    let data: Vec<Value> = found.iter().map(agents::Found::to_json).collect();
    Ok(Json(json!({"data": data})))
}
