//! What people see of agents at work, and what they can say to them: through the real binary and its
//! socket, with a fake agent that speaks the real protocol.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod activities;
mod agents;
mod answers;
mod diffs;
mod fake;
#[path = "../support/fakes.rs"]
mod fakes;
mod gaps;
#[path = "../server_support/mod.rs"]
mod server_support;
#[path = "../live/socket.rs"]
#[allow(dead_code)]
mod socket;
