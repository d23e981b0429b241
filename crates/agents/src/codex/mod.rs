//! Codex (measured: codex-cli 0.169.0). `app_server` drives `codex app-server`, the protocol with
//! steering, interrupts, approvals, plans and diffs; `exec` drives `codex exec --json`, the fallback
//! that can do none of these. Both share `normalize` (items), `failure`, `usage` and `options`.

mod app_server;
mod bounds;
mod changes;
mod exec;
mod failure;
mod limits;
mod native;
mod normalize;
mod options;
mod questions;
mod said;
mod schema;
mod shell;
mod toml;
mod usage;
mod wire;

pub use native::native_candidates;

use baton_core::activity::Usage;

use crate::driver::Driver;
use crate::setup::{Refused, Setup, Start};

/// Codex over `codex app-server`.
///
/// # Errors
/// [`Refused`] when a list of tools is asked for (Codex has none), or no program is named.
pub fn codex(setup: &Setup) -> Result<(Start, Box<dyn Driver>), Refused> {
    let start = options::app_server(setup)?;
    Ok((start, Box::new(app_server::AppServer::new(setup))))
}

/// Codex over `codex exec --json`: one turn per process; it never asks, is not steered, and its only
/// interrupt is SIGINT. `before` is what earlier attempts of the resumed session have used: Codex
/// counts on (agents.md 3), so without it the usage of a resumed session is that of the whole
/// session, and marked as an estimate.
///
/// # Errors
/// As [`codex`], and when a fork is asked for.
pub fn codex_exec(
    setup: &Setup,
    before: Option<Usage>,
) -> Result<(Start, Box<dyn Driver>), Refused> {
    let (start, first) = options::exec(setup)?;
    Ok((start, Box::new(exec::Exec::new(setup, first, before))))
}
