//! Signing in and out, and who one is.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::{self, From, Identity, Network};
use super::super::asking::Body;
use super::super::describe::{Data, Me, SignInLink};
use super::super::error::{Answer, Problem};
use super::super::{State, find};
use crate::host::Host;
use crate::host::access::{NotIn, Shown};

/// Passwords that are hashed at once: each takes 19 MB and a core.
static HASHING: Semaphore = Semaphore::const_new(2);

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(link))
        .routes(routes!(new_link))
        .routes(routes!(login))
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
        "id": identity.user().to_string(),
        "username": identity.username(),
        "name": identity.username(),
        "role": identity.role(),
    })
}

/// How the network is protected, if the request came over it.
type Over = Option<Extension<Arc<Network>>>;

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = SignInByLink)]
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
        (status = 401, description = "The link was used or is too old."),
        (status = 429, description = "Too many wrong ones: wait as `Retry-After` says."))
)]
async fn link(
    State(host): State,
    Extension(from): Extension<From>,
    over: Over,
    Body(body): Body<Link>,
) -> Answer<Response> {
    let from = address(from);
    let shown = host.access.proven(&body.token, &from);
    let wrong = "this link was used or is too old; `baton serve` prints a new one when it starts";
    let shown = shown.map_err(|error| refused(error, "bad_link", wrong))?;
    signed_in(host, shown, over).await
}

/// A new one-time link for whoever may read the data directory: it is the user `local`'s.
#[utoipa::path(
    post,
    path = "/api/auth/links",
    tag = "Access",
    operation_id = "create_link",
    responses((status = 200, description = "Good once.", body = Data<SignInLink>))
)]
async fn new_link(State(host): State, identity: Identity) -> Answer<Json<Value>> {
    if !identity.is_local() {
        let detail = "links are made on the server's machine: `baton serve` prints one";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let token = host.access.link();
    let url = host.address().map(|base| format!("{base}/#link={token}"));
    Ok(Json(json!({"data": {"token": token, "url": url}})))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = SignIn)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    password: String,
}

#[utoipa::path(
    post,
    path = "/api/auth/login",
    tag = "Access",
    operation_id = "sign_in",
    security(()),
    request_body = Login,
    responses((status = 200, description = "Signed in: the cookie is set.", body = Data<Me>),
        (status = 401, description = "Wrong username or password."),
        (status = 429, description = "Too many wrong ones: wait as `Retry-After` says."))
)]
async fn login(
    State(host): State,
    Extension(from): Extension<From>,
    over: Over,
    Body(body): Body<Login>,
) -> Answer<Response> {
    let from = address(from);
    let turn = HASHING.acquire().await;
    let shown = find::blocking(&host, move |host| {
        let shown = host.access.named(&body.username, &body.password, &from);
        shown.map_err(|error| refused(error, "bad_login", "wrong username or password"))
    })
    .await?;
    drop(turn);
    signed_in(host, shown, over).await
}

async fn signed_in(host: Arc<Host>, shown: Shown, over: Over) -> Answer<Response> {
    let identity = Identity::known(host.access.clone(), shown.clone());
    let (session, lasts) = find::blocking(&host, move |host| {
        host.access
            .sign_in(&shown)
            .map_err(|error| Problem::disk(&error))
    })
    .await?;
    let mut response = Json(json!({"data": wire(&identity)})).into_response();
    let is_secure = over.is_some_and(|Extension(network)| network.tls || network.behind_proxy);
    if let Some(cookie) = access::set_cookie(&session, lasts, is_secure) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn address(From(from): From) -> String {
    from.map_or_else(|| "local".into(), |from| from.to_string())
}

fn refused(error: NotIn, code: &'static str, detail: &str) -> Problem {
    match error {
        NotIn::Wrong => Problem::new(StatusCode::UNAUTHORIZED, code, detail),
        NotIn::Wait(wait) => {
            let seconds = wait.as_secs().max(1);
            let detail = format!("too many wrong attempts; try again in {seconds} s");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail)
                .retry_after(seconds)
        }
    }
}

#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "Access",
    operation_id = "sign_out",
    responses((status = 204, description = "Done."))
)]
async fn logout(State(host): State, headers: HeaderMap) -> Answer<Response> {
    if let Some(session) = access::session_cookie(&headers).map(str::to_owned) {
        find::blocking(&host, move |host| {
            host.access
                .sign_out(&session)
                .map_err(|error| Problem::disk(&error))
        })
        .await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = access::clear_cookie() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
