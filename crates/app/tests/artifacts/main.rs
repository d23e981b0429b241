//! Files that belong to steps (document 2): brought, fetched, attached; over a real socket.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../server_support/mod.rs"]
mod server_support;

mod bring;
mod fetch;
mod form;
mod kept;
mod removed;
