//! What goes wrong, through the command line: each is a clear error with the documented exit code,
//! and nothing is lost or half-written. (A clock that jumps: the simulations of `baton-testkit`.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../server_support/mod.rs"]
mod server_support;

mod args;
mod definitions;
mod hosts;
mod logs;
mod processes;
mod states;
mod watching;
