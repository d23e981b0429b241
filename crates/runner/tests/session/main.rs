//! The conversation with an agent: a host may come and go, nothing is lost and nothing said twice.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod ends;
mod host;
mod lines;
#[path = "../support/mod.rs"]
mod support;
mod taken_back;
