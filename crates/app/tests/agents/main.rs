//! Agent steps over the real binary, on fake agents that are real processes and speak the real
//! protocols (`baton-fakes`). What an agent does is written in its prompt: see `baton_fakes::Act`.
#![allow(clippy::unwrap_used, missing_docs)]

mod apart;
mod bad;
mod code;
mod files;
mod heard;
mod limits;
mod living;
mod named;
mod office;
#[path = "../support/mod.rs"]
mod support;
mod typed;
