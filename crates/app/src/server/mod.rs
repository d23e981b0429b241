//! The HTTP API (api.md): requests to commands, state to JSON.
//!
//! Owns paths, shapes and status codes. Decides nothing about runs: every change goes through the
//! engine. One file per noun in `routes/`; `error` alone maps refusals to HTTP; `wire` alone knows
//! the JSON of each thing.

mod asking;
mod error;
mod find;
mod live;
mod routes;
mod story;
mod wire;

use std::sync::Arc;

use axum::Router;

use crate::host::Host;

/// What every handler gets.
pub type State = axum::extract::State<Arc<Host>>;

/// All endpoints over this host.
pub fn router(host: Arc<Host>) -> Router {
    routes::all().with_state(host)
}
