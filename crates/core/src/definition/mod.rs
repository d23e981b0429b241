//! Definitions: YAML text to a checked [`Definition`], and the templates inside it.
//!
//! Never reads a file, a clock or the environment; whoever calls brings the text.

mod model;
pub mod template;

pub use model::*;
