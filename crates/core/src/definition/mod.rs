//! Definitions: YAML text to a checked [`Definition`], and the templates inside it.
//!
//! Never reads a file, a clock or the environment; whoever calls brings the text.

mod command;
pub mod cron;
mod diagnostic;
mod draft;
mod model;
pub mod schema;
mod suggest;
pub mod template;
mod validate;

pub use diagnostic::{Diagnostic, Severity, render};
pub use draft::MAX_SOURCE;
pub use model::*;
pub use validate::{
    Parsed, Source, parse, parse_bundle, parse_head, parse_step, parse_with_agents, program_fields,
    read_step,
};
