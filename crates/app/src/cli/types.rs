//! `baton types`: what editors need to check TypeScript definitions.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};

/// Write types and a tsconfig for TypeScript definitions, for editors.
#[derive(Debug, Args)]
pub struct Types {}

impl Types {
    /// Carries it out.
    pub fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let written = write(context)?;
        if context.json {
            print_json(&json!({"written": written}));
            return Ok(Exit::Done);
        }
        for path in written {
            print_line(&format!("wrote {}", path.display()));
        }
        Ok(Exit::Done)
    }
}

/// Writes them beside the definitions; a tsconfig that is there stays. Gives what is worth telling.
pub fn write(context: &Context) -> Result<Vec<PathBuf>, Failure> {
    let inside = PathBuf::from(crate::host::definitions::DIRECTORY);
    let mut written = Vec::new();
    for (name, text) in baton_script::editor_files() {
        let shown = inside.join(&name);
        let path = context.directory.join(&shown);
        let is_config = name == "tsconfig.json";
        if is_config && path.symlink_metadata().is_ok() {
            continue;
        }
        let failed = |error: std::io::Error| Failure::disk(format!("{}: {error}", path.display()));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::write(&path, text).map_err(failed)?;
        if is_config || name.ends_with("baton.d.ts") {
            written.push(shown);
        }
    }
    Ok(written)
}
