//! `baton init`: writes working examples. Asks nothing, overwrites nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::context::{Context, print, print_json, print_line};
use super::exit::{Exit, Failure};
use crate::config;

const HELLO: &str = include_str!("init/hello.yaml");
const HELLO_TS: &str = include_str!("init/hello.ts");
const TOUR: &str = include_str!("init/tour.yaml");

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
        let dir = context.directory.join(".agent/workflows/definitions");
        let files: &[(&str, &str)] = match self.ts {
            true => &[("hello-ts.ts", HELLO_TS)],
            false => &[("hello.yaml", HELLO), ("tour.yaml", TOUR)],
        };
        let files: Vec<(PathBuf, &str)> = files
            .iter()
            .map(|(name, text)| (dir.join(name), *text))
            .collect();
        if let Some((path, _)) = files
            .iter()
            .find(|(path, _)| path.symlink_metadata().is_ok())
        {
            return Err(Failure::wrong_state(format!(
                "{} is already there; nothing was written",
                shown(path, context).display()
            )));
        }
        std::fs::create_dir_all(&dir)
            .map_err(|e| Failure::disk(format!("{}: {e}", dir.display())))?;
        for (path, text) in &files {
            write_new(path, text)?;
        }
        let mut written: Vec<PathBuf> =
            files.iter().map(|(path, _)| shown(path, context)).collect();
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

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| Failure::disk(format!("{}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use baton_core::definition::{Source, parse};

    use super::*;

    #[test]
    fn the_examples_are_valid() {
        for (key, text) in [("hello", HELLO), ("tour", TOUR)] {
            let file = format!("{key}.yaml");
            let parsed = parse(&Source {
                key,
                file: &file,
                text,
            });
            assert_eq!(parsed.diagnostics, []);
            assert!(parsed.definition.is_some());
        }
    }
}
