//! The MCP server as agents meet it: over real pipes (`baton mcp`) and real HTTP (`/mcp`), from outside
//! and from inside a run.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../support/fakes.rs"]
mod fakes;
#[path = "../server_support/mod.rs"]
mod server_support;

mod inside;
mod outside;
