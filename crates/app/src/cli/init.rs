//! `baton init`: writes working examples. Asks nothing.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::context::{Context, print, print_json, print_line};
use super::exit::{Exit, Failure};
use crate::config;
use crate::examples::{self, NotWritten};

/// Write example definitions into this directory.
#[derive(Debug, Args)]
pub struct Init {
    /// Print the default baton.toml, with every key explained, and write nothing.
    #[arg(long)]
    config: bool,
    /// Write a TypeScript definition, and what editors need to check it.
    #[arg(long)]
    ts: bool,
}

impl Init {
    /// Carries it out.
    pub fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        if self.config {
            print(config::DEFAULT);
            return Ok(Exit::Done);
        }
        let examples = match self.ts {
            true => examples::TYPESCRIPT,
            false => examples::YAML,
        };
        let files = examples::write(&context.directory, examples).map_err(|error| match error {
            NotWritten::Exists(path) => {
                let path = shown(&path, context);
                Failure::wrong_state(NotWritten::Exists(path).to_string())
            }
            error @ NotWritten::Disk { .. } => Failure::disk(error.to_string()),
        })?;
        let mut written: Vec<PathBuf> = files.iter().map(|path| shown(path, context)).collect();
        if self.ts {
            written.extend(super::types::write(context)?);
        }
        if context.json {
            print_json(&json!({"written": written}));
            return Ok(Exit::Done);
        }
        for path in &written {
            print_line(&format!("wrote {}", path.display()));
        }
        print(match self.ts {
            true => {
                "\nNext:\n  baton run hello-ts\n  baton run hello-ts --arg name=Ada\n  baton validate\n"
            }
            false => {
                "\nNext:\n  baton run hello\n  baton run hello --arg name=Ada\n  baton run tour\n  baton validate\n"
            }
        });
        Ok(Exit::Done)
    }
}

fn shown(path: &Path, context: &Context) -> PathBuf {
    path.strip_prefix(&context.directory)
        .unwrap_or(path)
        .to_owned()
}
