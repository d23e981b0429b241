//! The list of runs.

use axum::Json;
use serde_json::{Value, json};

use super::State;
use super::asking::Params;
use super::error::Answer;

/// `GET /api/workflow-executions`.
pub async fn list(State(_host): State, params: Params) -> Answer<Json<Value>> {
    params.limit()?;
    Ok(Json(json!({"data": [], "next_cursor": null})))
}
