//! The HTTP API (api.md): requests to commands, state to JSON.
//!
//! Owns paths, shapes and status codes. Decides nothing about runs: every change goes through the
//! engine. One file per noun in `routes/`; `error` alone maps refusals to HTTP; `wire` alone knows
//! the JSON of each thing.

mod asking;
mod error;
mod find;
mod list;
mod live;
mod repeats;
mod routes;
mod start;
mod story;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::host::Host;

/// What every handler gets.
pub struct State(pub Arc<Host>);

impl FromRequestParts<Arc<Host>> for State {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, host: &Arc<Host>) -> Result<Self, Infallible> {
        Ok(Self(host.clone()))
    }
}

/// All endpoints over this host.
pub fn router(host: Arc<Host>) -> Router {
    let repeats = axum::middleware::from_fn_with_state(host.clone(), repeats::know);
    routes::all().layer(repeats).with_state(host)
}
