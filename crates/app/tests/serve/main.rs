//! What `baton serve` promises over the network: the real binary, real HTTP over TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../server_support/mod.rs"]
mod server_support;

mod bad_input;
mod compressed;
mod log;
mod members;
mod older;
mod open_files;
mod passwords;
mod people;
mod readiness;
mod repeats;
mod roles;
mod signatures;
mod signing_in;
mod taking_over;
mod tls;
