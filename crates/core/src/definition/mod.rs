//! Definitions: YAML text to a checked [`Definition`], and the templates inside it.
//!
//! Never reads a file, a clock or the environment; whoever calls brings the text.

mod command;
mod model;
mod suggest;
pub mod template;

pub use model::*;
