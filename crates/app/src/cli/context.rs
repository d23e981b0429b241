//! What a verb is carried out in: the directories, the config, the host, and the terminal.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::exit::Failure;
use super::{Global, project};
use crate::client::Client;
use crate::config;

/// See the module.
pub struct Context {
    /// The directory that the user works in.
    pub directory: PathBuf,
    /// The data directory.
    pub data_dir: PathBuf,
    /// Whether JSON is printed.
    pub json: bool,
    /// Whether stdout takes colours.
    pub color: bool,
}

impl Context {
    /// From the options given.
    pub fn new(global: Global) -> Result<Self, Failure> {
        let current = std::env::current_dir()
            .map_err(|e| Failure::disk(format!("the current directory: {e}")))?;
        let directory = match global.project {
            Some(dir) => std::fs::canonicalize(current.join(&dir))
                .map_err(|e| Failure::usage(format!("{}: {e}", dir.display())))?,
            None => current.clone(),
        };
        let data_dir = match global.data_dir.filter(|dir| !dir.as_os_str().is_empty()) {
            Some(dir) => current.join(dir),
            None => config::data_dir().ok_or_else(|| {
                Failure::usage("no data directory: set HOME, BATON_DATA_DIR, or give --data-dir")
            })?,
        };
        let plain = global.no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Ok(Self {
            directory,
            data_dir,
            json: global.json,
            color: !plain && std::io::stdout().is_terminal(),
        })
    }

    /// A client that starts a host when none answers.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.data_dir)?)
    }

    /// The project's directory: the nearest parent with `.agent/workflows`.
    pub fn project_dir(&self) -> Result<PathBuf, Failure> {
        project::nearest(&self.directory).ok_or_else(|| {
            Failure::not_found(format!(
                "no project here: neither {} nor a directory above it has .agent/workflows",
                self.directory.display()
            ))
            .hint("`baton init` makes one")
        })
    }

    /// The settings that hold here.
    pub fn config(&self, project: Option<&Path>) -> Result<config::Config, Failure> {
        config::load(project).map_err(Failure::usage)
    }
}

/// Prints to stdout; a reader that has gone away is no error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints one line to stdout.
pub fn print_line(text: &str) {
    print(&format!("{text}\n"));
}

/// Prints a JSON body on one line, or over many on a terminal.
pub fn print_json(value: &Value) {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value).unwrap_or_default()
    } else {
        value.to_string()
    };
    print_line(&text);
}
