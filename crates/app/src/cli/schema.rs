//! `baton schema`: the JSON Schema of definitions, for editors.

use clap::Args;

use super::context::print_json;
use super::exit::{Exit, Failure};

/// Print the JSON Schema of definition files, for editors.
#[derive(Debug, Args)]
pub struct Schema {}

impl Schema {
    /// Carries it out.
    pub fn carry_out(self) -> Result<Exit, Failure> {
        print_json(&baton_core::definition::schema::editor_schema());
        Ok(Exit::Done)
    }
}
