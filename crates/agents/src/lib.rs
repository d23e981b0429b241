//! The agents' protocols. A [`Driver`] turns an agent's lines into activities and facts, and a
//! host's wishes into the agent's lines. Nothing here starts a process, reads a file or knows the
//! time: lines come in, [`Output`]s go out, and the same lines give the same outputs again, which is
//! how a session is taken back after a crash of the host.
//!
//! `claude/`, `codex/`, `gemini/`, `acp/` and `command/` hold one agent each: `options` (the command
//! line), `wire` (its messages), `normalize` (to activities). What an agent cannot do is said in its
//! [`Capabilities`], never faked.

mod claude;
mod driver;
mod outcome;
mod setup;

pub use claude::claude;
pub use driver::{Capabilities, Driver, Exit, Order, Output};
pub use outcome::{Failure, FailureKind, Turn};
pub use setup::{Permission, Refused, Setup, Start};
