//! The environments that runs were started with: `<data dir>/runs/<run>/environment.json`, mode
//! 0600, until the run is deleted. Never in the journal.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baton_core::ids::RunId;
use baton_core::run::event::{Event, ProjectRef};
use baton_engine::decode;
use baton_engine::ports::{Aggregate, Environments, Journal};

use super::files;

/// Children of children are looked through so far.
const DEEPEST: usize = 64;

/// Names and values.
pub type Environment = BTreeMap<String, String>;

/// See the module.
pub struct RunEnvironments {
    runs: PathBuf,
    journal: Arc<dyn Journal>,
    own: Environment,
}

impl RunEnvironments {
    /// The environments kept in this data directory; a run without one has this process's.
    pub fn new(data_dir: &Path, journal: Arc<dyn Journal>) -> Self {
        let own = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            runs: data_dir.join("runs"),
            journal,
            own: own.collect(),
        }
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.runs.join(run.to_string()).join("environment.json")
    }

    /// Keeps the environment of a run that is about to start.
    pub fn keep(&self, run: RunId, environment: &Environment) -> io::Result<()> {
        files::write_private(&self.path(run), &serde_json::to_vec(environment)?)
    }

    /// The environment of a run: its own, else that of the run it is a child of, else the host's.
    pub fn of(&self, run: RunId) -> Environment {
        self.of_child(run, None)
    }

    /// As [`Self::of`]; `parent` is what the journal may not know yet.
    fn of_child(&self, run: RunId, mut parent: Option<RunId>) -> Environment {
        let mut run = run;
        for _ in 0..DEEPEST {
            match std::fs::read(self.path(run)) {
                Ok(bytes) => {
                    return serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                        tracing::error!(%run, %error, "the run's environment cannot be read");
                        Environment::new()
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::error!(%run, %error, "the run's environment cannot be read");
                    return Environment::new();
                }
            }
            match parent.take().or_else(|| self.parent(run)) {
                Some(parent) => run = parent,
                None => break,
            }
        }
        self.own.clone()
    }

    /// The run that this one is a child of.
    fn parent(&self, run: RunId) -> Option<RunId> {
        let commits = self.journal.load(&Aggregate::Run(run), 0).ok()?;
        let events = decode(self.journal.as_ref(), commits.first()?).ok()?;
        match events.first()? {
            Event::RunCreated(created) => {
                let parent = created.parent.as_ref()?;
                parent.step.as_ref().map(|_| parent.run)
            }
            _ => None,
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

    /// The runs that an environment is kept for.
    pub fn kept(&self) -> Vec<RunId> {
        let entries = std::fs::read_dir(&self.runs).into_iter().flatten();
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter_map(|name| name.to_str()?.parse().ok())
            .collect()
    }

    /// A variable of the host's own environment.
    pub fn own(&self, name: &str) -> Option<&str> {
        self.own.get(name).map(String::as_str)
    }
}

impl Environments for RunEnvironments {
    fn allowed(&self, run: RunId, parent: Option<RunId>, project: &ProjectRef) -> Environment {
        let allow = match crate::config::load(Some(Path::new(&project.path))) {
            Ok(config) => config.env_allow,
            Err(error) => {
                tracing::warn!(%run, %error, "the project's settings cannot be read");
                return Environment::new();
            }
        };
        if allow.is_empty() {
            return Environment::new();
        }
        let mut environment = self.of_child(run, parent);
        environment.retain(|name, _| allow.contains(name));
        environment
    }
}
