//! The HTTP API (api.md): requests to commands, state to JSON.
//!
//! Owns paths, shapes and status codes. Decides nothing about runs: every change goes through the
//! engine. One file per noun in `routes/`; `error` alone maps refusals to HTTP; `wire` alone knows
//! the JSON of each thing.

mod access;
pub mod activities;
mod answer;
mod asking;
mod describe;
pub mod error;
mod figures;
pub mod find;
mod list;
pub mod live;
mod mcp;
mod metrics;
mod own_files;
mod paging;
mod repeats;
mod routes;
mod serving;
pub mod start;
pub mod story;
mod ui;
mod uploads;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::compression::CompressionLayer;

use crate::host::{Host, watching};
pub use access::Network;
use access::{Gate, Protection};
use error::Problem;
pub use mcp::LEAVING as MCP_LEAVING;

/// Asks the host to leave: also of one that does already.
const HAND_OVER: &str = "/api/host/hand-over";

/// What every handler gets.
pub struct State(pub Arc<Host>);

impl FromRequestParts<Arc<Host>> for State {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, host: &Arc<Host>) -> Result<Self, Infallible> {
        Ok(Self(host.clone()))
    }
}

/// Refuses what may change something once the host is leaving.
async fn let_in(State(host): State, request: Request, next: Next) -> Response {
    if request.method().is_safe() || request.uri().path() == HAND_OVER {
        return next.run(request).await;
    }
    match host.door.enter() {
        Some(_inside) => next.run(request).await,
        None => Problem::stopping().into_response(),
    }
}

/// All endpoints over this host.
pub fn router(host: Arc<Host>) -> Router {
    let repeats = axum::middleware::from_fn_with_state(host.clone(), repeats::know);
    let door = axum::middleware::from_fn_with_state(host.clone(), let_in);
    let hub = live::Hub::start(&host);
    crate::webhooks::start(&host, &hub);
    let of_definitions = hub.clone();
    watching::start(&host, move |changed| {
        let data = wire::definition::changed(&changed);
        of_definitions.tell(changed.project, "workflow.definition.changed", data);
    });
    let metrics = metrics::Metrics::start(&host);
    crate::traces::start(&host, metrics.traces.clone());
    let counted = axum::middleware::from_fn_with_state(metrics.clone(), metrics::count);
    let all = routes::all()
        .layer(axum::Extension(hub))
        .layer(axum::Extension(metrics))
        .layer(repeats)
        .layer(door)
        .layer(counted);
    let all = all.with_state(host.clone());
    all.clone().merge(mcp::routes(&host, all))
}

/// The endpoints as the Unix socket has them: whoever may connect is the user `local`.
pub fn local(router: Router, host: Arc<Host>) -> Router {
    router.layer(axum::middleware::from_fn_with_state(host, access::local))
}

/// The endpoints as the network has them: whoever asks shows who they are. `patience` is how long a
/// request's body may stand still.
pub fn network(router: Router, host: Arc<Host>, network: Network, patience: Duration) -> Router {
    let network = Arc::new(network);
    let gate = Gate {
        host,
        network: network.clone(),
    };
    let protection = Protection { network, patience };
    let gate = axum::middleware::from_fn_with_state(gate, access::network);
    let protect = axum::middleware::from_fn_with_state(protection, access::protect);
    let compress = CompressionLayer::new();
    router.layer(gate).layer(compress).layer(protect)
}
