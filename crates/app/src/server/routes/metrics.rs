//! `GET /metrics`: what the server counts about itself, for Prometheus.

use std::sync::Arc;

use axum::Extension;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::{Answer, Problem};
use super::super::metrics::Metrics;
use super::super::{State, find};
use crate::host::Host;

/// What Prometheus and others read.
const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Host",
    operation_id = "get_metrics",
    responses((status = 200, description = "Counts as text.", body = String,
        content_type = "application/openmetrics-text"))
)]
async fn metrics(
    State(host): State,
    Extension(metrics): Extension<Arc<Metrics>>,
) -> Answer<impl IntoResponse> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let text = find::blocking(&host, move |_| metrics.text(&views)).await?;
    Ok(([(header::CONTENT_TYPE, KIND)], text))
}
