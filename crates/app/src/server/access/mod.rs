//! Who may do what: every request gets an [`Identity`] or is refused here, before any handler.
//!
//! The Unix socket is the user `local`; over the network a token or the web app's cookie is needed.

mod cookie;
mod identity;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Problem;
use crate::host::Host;

pub use cookie::{clear as clear_cookie, session as session_cookie, set as set_cookie};
pub use identity::{Identity, of as identity_of};

/// A request that came over the Unix socket: from whoever may read the data directory.
pub async fn local(mut request: Request, next: Next) -> Result<Response, Problem> {
    let identity = Identity::local().inside(request.headers())?;
    request.extensions_mut().insert(identity);
    Ok(next.run(request).await)
}

/// A request that came over the network: it shows a token or a session, or asks for what is open
/// to all.
pub async fn network(
    State(host): State<Arc<Host>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match known(&host, request.headers()) {
        Some(identity) => {
            let identity = identity.inside(request.headers())?;
            request.extensions_mut().insert(identity);
        }
        None if is_open(request.uri().path()) => {}
        None => return Err(unknown()),
    }
    Ok(next.run(request).await)
}

/// Who these headers show to be asking.
fn known(host: &Host, headers: &HeaderMap) -> Option<Identity> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
    };
    let bearer = text(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let key = headers.get("x-api-key").and_then(|v| v.to_str().ok());
    match bearer.or(key) {
        Some(token) => host.access.token(token).then(Identity::local),
        None => {
            let session = session_cookie(headers)?;
            host.access.session(session).then(Identity::local)
        }
    }
}

/// What answers anybody: signs of life, signing in, what brings its own proof, and the web app,
/// which is everything that is not the API's.
fn is_open(path: &str) -> bool {
    const OPEN: [&str; 4] = ["/healthz", "/readyz", "/api/auth/link", "/api/auth/login"];
    const PROVED: [&str; 2] = ["/api/hooks/", "/api/stakwork/webhook"];
    OPEN.contains(&path) || PROVED.iter().any(|begin| path.starts_with(begin)) || !is_api(path)
}

/// Whether a path is the API's, and so never one of the web app's.
pub fn is_api(path: &str) -> bool {
    const API: [&str; 7] = [
        "/api",
        "/metrics",
        "/mcp",
        "/socket.io",
        "/pusher",
        "/app",
        "/healthz",
    ];
    let below = |begin: &str| {
        let rest = path.strip_prefix(begin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    API.into_iter().any(below)
}

fn unknown() -> Problem {
    let detail =
        "sign in: send `Authorization: Bearer TOKEN`, or open the link that `baton serve` printed";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
}

/// Adds what every answer over the network says, refusals too.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await.into_response();
    let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    if unauthorized {
        let scheme = HeaderValue::from_static("Bearer realm=\"baton\"");
        headers.insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}
