//! Traces reach a collector: a real host, a fake collector that takes OTLP over HTTP apart.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../support/fakes.rs"]
mod fakes;
#[path = "../server_support/mod.rs"]
mod server_support;

mod collector;
mod tree;
mod trouble;
