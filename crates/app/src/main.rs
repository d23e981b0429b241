//! The one binary: command line, host and server.
//!
//! The hidden verbs `shepherd` and `host` are told apart before anything else is set up, so that
//! attempts start fast.

mod cli;
mod client;
mod config;
mod host;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next().as_deref().and_then(|word| word.to_str()) {
        Some("shepherd") => shepherd_main(words),
        Some("host") => host::main(words),
        _ => cli::main(),
    }
}

/// The keeper of one attempt's processes. Runs before any thread is started.
fn shepherd_main(_words: impl Iterator<Item = OsString>) -> ExitCode {
    // Wired to `baton_runner::shepherd_main` when the runner is merged.
    eprintln!("baton shepherd: not part of this build");
    ExitCode::from(70)
}
