//! What Baton tells others, and what others start: webhooks out, webhooks in, schedules. The real
//! binary, real sockets, no sleeps.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../server_support/mod.rs"]
mod server_support;

mod endpoint;
mod inbound;
mod outgoing;
mod schedules;
