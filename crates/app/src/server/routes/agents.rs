//! The agents on the host's machine: `GET /api/agents`.

use std::sync::Arc;

use axum::Json;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::describe::{Agent, List};
use super::super::error::Answer;
use super::super::{State, find};
use crate::host::{Host, agents};

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(all))
}

/// As the host itself would find them; a run has the environment it was started with.
#[utoipa::path(
    get,
    path = "/api/agents",
    tag = "Host",
    operation_id = "list_agents",
    responses((status = 200, description = "The agents that definitions can name.", body = List<Agent>))
)]
async fn all(State(host): State) -> Answer<Json<Value>> {
    let found = find::blocking(&host, |host| {
        Ok(agents::all(&agents::own_environment(), &host.data_dir))
    })
    .await?;
    let data: Vec<Value> = found.iter().map(agents::Found::to_json).collect();
    Ok(Json(json!({"data": data})))
}
