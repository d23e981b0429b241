//! Gemini CLI (0.61.0): over the Agent Client Protocol, and its one-way JSON stream as a fallback.
//! `options` holds its command lines, `stream` and `events` the fallback.
//!
//! An addition to the system prompt goes before the prompt: `GEMINI_SYSTEM_MD` replaces all of it.

mod events;
mod options;
mod stream;

use crate::acp::Acp;
use crate::driver::{Driver, Exit};
use crate::outcome::{Failure, FailureKind};
use crate::setup::{Refused, Setup, Start};

/// Gemini CLI over `--acp`: it asks, can be interrupted, and takes its sessions back.
///
/// With an MCP server beside it, it does not end when its standard input does (0.61.0): it must be
/// stopped. SIGTERM ends it with exit code 0.
///
/// A session cannot be taken back within the minute in which it began: then 0.61.0 itself empties the session's file
/// (named by that minute) before it reads it, and the session is lost.
///
/// # Errors
/// What it has no way to do: lists of tools, a limit of turns.
pub fn gemini(setup: &Setup) -> Result<(Start, Box<dyn Driver>), Refused> {
    let start = options::acp(setup)?;
    let asked = Setup {
        program: options::program(setup),
        ..setup.clone()
    };
    // Its model is on its command line.
    Ok((start, Box::new(Acp::new(&asked, None)?.gemini())))
}

/// Gemini CLI over `--output-format stream-json`: one prompt, nothing said to it while it works.
/// Its standard output must be a file ([`Start::stdout_to_file`]).
///
/// A stream that breaks and is asked for again says its text again, unmarked: it is in the answer
/// as often as it was said.
///
/// # Errors
/// What it has no way to do: lists of tools, a limit of turns, MCP servers.
pub fn gemini_stream(setup: &Setup) -> Result<(Start, Box<dyn Driver>), Refused> {
    let (start, stdin) = options::stream(setup)?;
    Ok((start, Box::new(stream::Stream::new(setup, stdin))))
}

/// What an exit code says by itself (0.61.0): 41 login, 42 input (a session that does not exist), 52
/// settings, 53 turns, 55 a directory that is not trusted.
pub(crate) fn exit_failure(exit: &Exit) -> Option<Failure> {
    let kind = match exit.code? {
        41 => FailureKind::NotLoggedIn,
        42 if exit.stderr.contains("resuming session") => FailureKind::SessionLost,
        42 | 52 => FailureKind::Other,
        53 => FailureKind::MaxTurns,
        55 => FailureKind::Directory,
        _ => return None,
    };
    let words = crate::bounded::last_lines(&exit.stderr, 5);
    let code = exit.code.unwrap_or_default();
    let message = format!("Gemini CLI ended with exit code {code}; it last said: {words}");
    Some(Failure::new(kind, message))
}
