//! Signing in and out, and who one is.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::State;
use super::super::access::{self, Identity};
use super::super::asking::Body;
use super::super::error::{Answer, Problem};
use crate::host::Host;

pub fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/api/auth/me", get(me))
        .route("/api/auth/link", post(link))
        .route("/api/auth/logout", post(logout))
}

async fn me(identity: Identity) -> Json<Value> {
    Json(json!({"data": wire(&identity)}))
}

fn wire(identity: &Identity) -> Value {
    json!({
        "id": identity.user.to_string(),
        "username": identity.username,
        "name": identity.username,
        "role": identity.role,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    token: String,
}

/// A one-time link's token, or an access token, for a session.
async fn link(State(host): State, Body(body): Body<Link>) -> Answer<Response> {
    let Some(session) = host.access.sign_in(&body.token) else {
        let detail =
            "this link was used or is too old; `baton serve` prints a new one when it starts";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "bad_link", detail));
    };
    let body = Json(json!({"data": wire(&Identity::local())}));
    let mut response = body.into_response();
    if let Some(cookie) = access::set_cookie(&session) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn logout(State(host): State, headers: HeaderMap) -> Response {
    if let Some(session) = access::session_cookie(&headers) {
        host.access.sign_out(session);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = access::clear_cookie() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
