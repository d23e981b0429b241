//! Signing in and out, and who one is.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::State;
use super::super::access::{self, Identity};
use super::super::asking::Body;
use super::super::describe::{Data, Me};
use super::super::error::{Answer, Problem};
use crate::host::Host;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(link))
        .routes(routes!(logout))
}

#[utoipa::path(
    get,
    path = "/api/auth/me",
    tag = "Access",
    operation_id = "get_me",
    responses((status = 200, description = "Who asks.", body = Data<Me>))
)]
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

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = SignIn)]
#[serde(deny_unknown_fields)]
struct Link {
    token: String,
}

/// A one-time link's token, or an access token, for a session.
#[utoipa::path(
    post,
    path = "/api/auth/link",
    tag = "Access",
    operation_id = "sign_in_by_link",
    security(()),
    request_body = Link,
    responses((status = 200, description = "Signed in: the cookie is set.", body = Data<Me>),
        (status = 401, description = "The link was used or is too old."))
)]
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

#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "Access",
    operation_id = "sign_out",
    responses((status = 204, description = "Done."))
)]
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
