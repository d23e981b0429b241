//! The API's description, and a page that shows it without the internet.

use std::sync::Arc;

use axum::http::{HeaderName, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::describe::document;
use crate::host::Host;

/// The page needs nothing from elsewhere and has no script in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The head of an answer.
type Head = [(HeaderName, &'static str); 2];

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(openapi))
        .routes(routes!(page))
        .route("/api/docs/docs.js", axum::routing::get(script))
        .route("/api/docs/docs.css", axum::routing::get(style))
}

fn head(kind: &'static str) -> Head {
    [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ]
}

#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "Host",
    operation_id = "get_openapi",
    responses((status = 200, description = "This document.", body = serde_json::Value))
)]
async fn openapi() -> (Head, &'static str) {
    (head("application/json"), document())
}

#[utoipa::path(
    get,
    path = "/api/docs",
    tag = "Host",
    operation_id = "get_docs",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html"))
)]
async fn page() -> (Head, &'static str) {
    (head("text/html; charset=utf-8"), include_str!("docs.html"))
}

async fn script() -> (Head, &'static str) {
    let text = include_str!("docs.js");
    (head("text/javascript; charset=utf-8"), text)
}

async fn style() -> (Head, &'static str) {
    (head("text/css; charset=utf-8"), include_str!("docs.css"))
}
