//! The thread of a run (document 4): said, done and told live; with the real binary and agents that
//! are real processes.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../support/fakes.rs"]
mod fakes;
#[path = "../server_support/mod.rs"]
mod server_support;
#[path = "../live/socket.rs"]
#[allow(dead_code)]
mod socket;

mod answers;
mod comments;
mod crash;
mod criteria;
mod example;
mod flows;
mod office;
mod pauses;
mod reading;
mod redirects;
mod refusals;
