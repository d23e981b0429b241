//! Whether the host is there, and asking it to make room for a newer one.

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::State;
use crate::host::{Host, PROTOCOL};

pub fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(health))
        .route("/api/host/handover", post(hand_over))
        .route("/api/host/hand-over", post(hand_over))
}

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

async fn hand_over(State(host): State) -> Json<Value> {
    tracing::info!("a newer host takes over");
    host.hand_over();
    Json(json!({"status": "leaving", "pid": std::process::id()}))
}
