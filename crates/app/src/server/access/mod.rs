//! Who may do what: every request gets an [`Identity`] or is refused here, before any handler.
//!
//! The Unix socket is the user `local`; over the network a token or the web app's cookie is needed.
//! `rights` holds the table of what each endpoint needs.

mod cookie;
mod identity;
mod origin;
mod protection;
mod rights;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use baton_core::run::event::Actor;
use serde_json::json;

use super::asking::Meant;
use super::error::{Answer, Problem};
use crate::host::Host;
use crate::host::access::Role;

pub use cookie::{clear as clear_cookie, session as session_cookie, set as set_cookie};
pub use identity::{Identity, of as identity_of};
pub use protection::{Protection, protect};
pub use rights::is_api;

/// How the network reaches this server.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// The names it is known by.
    pub names: Vec<String>,
    /// A proxy stands in front, which says who asks and speaks TLS.
    pub behind_proxy: bool,
    /// It speaks TLS itself.
    pub tls: bool,
}

/// Where a request is from.
#[derive(Debug, Clone, Copy)]
pub struct From(pub Option<IpAddr>);

/// What the layer needs.
#[derive(Clone)]
pub struct Gate {
    /// The host.
    pub host: Arc<Host>,
    /// How it is reached.
    pub network: Arc<Network>,
}

/// A request that came over the Unix socket: from whoever may read the data directory.
pub async fn local(State(host): State<Arc<Host>>, mut request: Request, next: Next) -> Response {
    let identity = match inside(&host, bearer(request.headers())) {
        Some(inside) => Ok(inside),
        None => Identity::local().inside(request.headers()),
    };
    request.extensions_mut().insert(From(None));
    enter(&host, identity, request, next).await
}

/// A request that came over the network: it shows a token or a session, or asks for what is open
/// to all.
pub async fn network(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let from = from(&gate.network, &request);
    request.extensions_mut().insert(From(from));
    request.extensions_mut().insert(gate.network.clone());
    let identity = known(&gate, &request);
    enter(&gate.host, identity, request, next).await
}

/// What the server asks itself for somebody: their rights are looked at again, and what they change is
/// noted.
pub async fn again(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    let who = identity_of(request.extensions());
    enter(&host, Ok(who), request, next).await
}

/// Lets in or refuses, and notes what was changed.
async fn enter(
    host: &Arc<Host>,
    identity: Answer<Identity>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let From(from) = *request.extensions().get().unwrap_or(&From(None));
    let who = identity
        .as_ref()
        .cloned()
        .unwrap_or_else(|_| Identity::nobody());
    let may = match identity {
        Ok(who) => may(host, &who, &method, &uri).await,
        Err(problem) => Err(problem),
    };
    let mut response = match may {
        Ok(meant) => {
            if let Some(meant) = meant {
                request.extensions_mut().insert(meant);
            }
            request.extensions_mut().insert(who.audience());
            request.extensions_mut().insert(who.clone());
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let status = response.status().as_u16();
    let (user, path) = (who.username(), uri.path());
    if let Some(from) = from {
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let id = protection::identify(&mut response);
        let run = run_of(path);
        tracing::info!(target: "baton::access", request = id, %from, user, %method, path, run, status, ms);
    }
    // What was refused for want of credentials is in the access log: strangers write no trail.
    // What tools of the MCP server do is noted where they do it.
    let says_itself = matches!(path, "/api/host/hand-over" | "/mcp");
    // How far somebody has read is nobody else's business, and would drown the rest.
    let only_read = method == Method::PUT && path.ends_with("/read") && status < 400;
    if !method.is_safe() && who.is_somebody() && !says_itself && !only_read {
        let inside = match who.by {
            Actor::Attempt(attempt) => Some(attempt.to_string()),
            _ => None,
        };
        let deed = json!({
            "user_id": who.user().to_string(),
            "username": user,
            "attempt_id": inside,
            "method": method.as_str(),
            "path": path,
            "status": status,
            "address": from.map(|from| from.to_string()),
        });
        host.access.trail().note(crate::host::now(), &deed);
    }
    response
}

/// The run that a path names.
fn run_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/api/")?;
    let (_, rest) = rest
        .split_once("workflow-executions/")
        .or_else(|| rest.split_once("workflows/"))
        .filter(|(before, _)| before.is_empty())?;
    rest.split('/').next()
}

async fn may(
    host: &Arc<Host>,
    who: &Identity,
    method: &Method,
    uri: &Uri,
) -> Answer<Option<Meant>> {
    let path = uri.path();
    if matches!(who.by, Actor::Attempt(_)) && rights::is_barred_inside(path) {
        let detail = "a step may not ask this";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    rights::check(host, who, method, uri).await
}

/// Who this request shows to be asking.
fn known(gate: &Gate, request: &Request) -> Answer<Identity> {
    let headers = request.headers();
    origin::check_host(headers, request.uri().host(), &gate.network.names)?;
    let bearer = bearer(headers);
    let key = headers.get("x-api-key").and_then(|v| v.to_str().ok());
    let access = &gate.host.access;
    let token = bearer.or(key);
    if let Some(inside) = inside(&gate.host, token) {
        return Ok(inside);
    }
    let session = session_cookie(headers).filter(|_| token.is_none());
    origin::check_origin(request.method(), headers, session.is_some())?;
    let shown = match (token, session) {
        (Some(token), _) => access.token(token),
        (None, Some(session)) => access.session(session),
        (None, None) => None,
    };
    let identity = match shown {
        Some(shown) => Identity::known(access.clone(), shown),
        None => return Ok(Identity::nobody()),
    };
    identity.inside(headers)
}

/// The token of `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who shows an attempt's token.
fn inside(host: &Host, token: Option<&str>) -> Option<Identity> {
    let (run, attempt) = host.attempt_tokens.read(token?)?;
    Some(Identity::attempt(run, attempt))
}

/// Where a request is from: the last address that the proxy in front has added, if there is one.
fn from(network: &Network, request: &Request) -> Option<IpAddr> {
    let forwarded = |headers: &HeaderMap| {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?;
        last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
    };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    match network.behind_proxy {
        true => forwarded(request.headers()).or(peer),
        false => peer,
    }
}

/// Nobody is known to ask.
pub fn unauthenticated() -> Problem {
    let detail =
        "sign in: send `Authorization: Bearer TOKEN`, or open the link that `baton serve` printed";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
}

/// They may not do this.
pub fn forbidden(needed: Role) -> Problem {
    let detail = format!("this needs the role {}", needed.word());
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}
