//! The one binary: command line, host and server.
//!
//! The hidden verbs `shepherd`, `host` and `worker` are told apart before anything else is set up, so that
//! attempts start fast.

mod cli;
mod client;
mod config;
mod examples;
mod host;
mod server;
mod traces;
mod triggers;
mod webhooks;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next().as_deref().and_then(|word| word.to_str()) {
        Some("shepherd") => baton_runner::shepherd_main(words),
        Some("host") => host::main(words),
        Some("worker") => worker(),
        _ => cli::main(),
    }
}

/// Compiles and runs TypeScript definitions for the process that started it.
fn worker() -> ExitCode {
    match baton_script::run_worker() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
