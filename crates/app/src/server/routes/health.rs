//! Whether the host is there, and asking it to make room for a newer one.

use std::sync::Arc;

use axum::Json;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::State;
use super::super::describe::{Health, Leaving, Readiness};
use super::super::error::{Answer, Problem};
use crate::host::{Host, PROTOCOL};

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(hand_over))
}

#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Host",
    operation_id = "get_health",
    security(()),
    responses((status = 200, description = "It is there.", body = Health))
)]
async fn health(State(host): State) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": PROTOCOL,
        "pid": std::process::id(),
        "generation": host.generation,
        "background": host.background,
        "listen": host.address(),
    }))
}

/// Not before it shows all that there was, and not once it leaves: what balances load asks this.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Host",
    operation_id = "get_readiness",
    security(()),
    responses((status = 200, description = "It takes work.", body = Readiness))
)]
async fn ready(State(host): State) -> Answer<Json<Value>> {
    if *host.leaving().borrow() {
        return Err(Problem::stopping());
    }
    match host.is_ready() {
        true => Ok(Json(json!({"status": "ok"}))),
        false => Err(Problem::starting()),
    }
}

#[utoipa::path(
    post,
    path = "/api/host/hand-over",
    tag = "Host",
    operation_id = "hand_over",
    responses((status = 200, description = "It leaves.", body = Leaving))
)]
pub async fn hand_over(State(host): State) -> Json<Value> {
    tracing::info!("a newer host takes over");
    host.hand_over();
    Json(json!({"status": "leaving", "pid": std::process::id()}))
}
