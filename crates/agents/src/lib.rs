//! The agents' protocols. A [`Driver`] turns an agent's lines into activities and facts, and a
//! host's wishes into the agent's lines. Nothing here starts a process, reads a file or knows the
//! time: lines come in, [`Output`]s go out, and the same lines give the same outputs again, which is
//! how a session is taken back after a crash of the host.
//!
//! `claude/`, `codex/`, `gemini/`, `acp/` and `command/` hold one agent each: `options` (the command
//! line), `wire` (its messages), `normalize` (to activities). What an agent cannot do is said in its
//! [`Capabilities`], never faked.

mod acp;
mod bounded;
mod claude;
mod codex;
mod command;
mod diff;
mod driver;
mod gemini;
mod kind;
mod lean;
mod outcome;
mod prices;
mod setup;

pub use acp::acp;
pub use claude::claude;
pub use codex::{codex, codex_exec, native_candidates};
pub use command::command;
pub use driver::{Capabilities, Driver, Exit, Order, Output};
pub use gemini::{gemini, gemini_stream};
pub use kind::{AgentKind, driver};
pub use outcome::{Failure, FailureKind, Turn};
pub use setup::{OWN_MCP, Permission, Refused, Setup, Start};
