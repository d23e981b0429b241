//! What the host promises to those who watch: over real sockets, with the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../server_support/mod.rs"]
mod server_support;

mod definitions;
mod deleted;
mod ends;
mod restart;
mod slow;
mod socket;
mod topics;
mod words;
