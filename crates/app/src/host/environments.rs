//! The environments that runs were started with: `<data dir>/runs/<run>/environment.json`, mode
//! 0600, until the run is deleted. Never in the journal.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use baton_core::ids::RunId;
use baton_core::run::event::ProjectRef;
use baton_engine::ports::Environments;

use super::files;

/// Names and values.
pub type Environment = BTreeMap<String, String>;

/// See the module.
#[derive(Debug)]
pub struct RunEnvironments {
    runs: PathBuf,
    own: Environment,
    allow: Vec<String>,
}

impl RunEnvironments {
    /// The environments kept in this data directory; a run without one has this process's.
    pub fn new(data_dir: &Path, allow: Vec<String>) -> Self {
        let own = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            runs: data_dir.join("runs"),
            own: own.collect(),
            allow,
        }
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.runs.join(run.to_string()).join("environment.json")
    }

    /// Keeps the environment of a run that is about to start.
    pub fn keep(&self, run: RunId, environment: &Environment) -> io::Result<()> {
        files::write_private(&self.path(run), &serde_json::to_vec(environment)?)
    }

    /// The environment of a run.
    pub fn of(&self, run: RunId) -> Environment {
        match std::fs::read(self.path(run)) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::error!(%run, %error, "the run's environment cannot be read");
                Environment::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(%run, %error, "the run's environment cannot be read");
                }
                self.own.clone()
            }
        }
    }

    /// Gives a new run the environment of another.
    pub fn copy(&self, from: RunId, to: RunId) -> io::Result<()> {
        match std::fs::read(self.path(from)) {
            Ok(bytes) => files::write_private(&self.path(to), &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Forgets a run.
    pub fn remove(&self, run: RunId) -> io::Result<()> {
        match std::fs::remove_dir_all(self.runs.join(run.to_string())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// A variable of the host's own environment.
    pub fn own(&self, name: &str) -> Option<&str> {
        self.own.get(name).map(String::as_str)
    }
}

impl Environments for RunEnvironments {
    fn allowed(&self, run: RunId, _project: &ProjectRef) -> Environment {
        if self.allow.is_empty() {
            return Environment::new();
        }
        let mut environment = self.of(run);
        environment.retain(|name, _| self.allow.contains(name));
        environment
    }
}
