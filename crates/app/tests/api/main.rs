//! What the API's description promises: every answer is as it says, and nothing a client can send
//! breaks the server. The real binary, real HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../server_support/mod.rs"]
mod server_support;

mod described;
mod document;
mod figures;
mod fuzzed;
mod logs;
mod pages;
mod requests;
