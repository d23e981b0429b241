//! The environments that runs were started with: `<data dir>/runs/<run>/environment.json`, mode
//! 0600, until the run is deleted. Never in the journal.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use baton_core::ids::RunId;
use baton_core::run::event::{Event, ProjectRef};
use baton_engine::ports::{Aggregate, Environments, Journal};
use baton_engine::{FoldError, decode, walk};

use super::files;

/// Children of children are looked through so far.
const DEEPEST: usize = 64;

/// What tokens are signed with that the server takes.
pub const JWT_SECRET: &str = "JWT_SECRET";

/// Names and values.
pub type Environment = BTreeMap<String, String>;

/// See the module.
pub struct RunEnvironments {
    runs: PathBuf,
    journal: Arc<dyn Journal>,
    own: Environment,
    /// What was last said about runs whose environment cannot be read: once, however often it is
    /// asked for.
    said: Mutex<BTreeMap<RunId, String>>,
}

impl RunEnvironments {
    /// The environments kept in this data directory; a run without one has this process's.
    pub fn new(data_dir: &Path, journal: Arc<dyn Journal>) -> Self {
        let own = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        // Who has it can sign tokens of an admin: no step of a run gets the server's.
        let own = own.filter(|(name, _)| name != JWT_SECRET);
        Self {
            runs: data_dir.join("runs"),
            journal,
            own: own.collect(),
            said: Mutex::default(),
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
    ///
    /// # Errors
    /// A sentence when it cannot be read now: it is to be asked for again.
    pub fn of(&self, run: RunId) -> Result<Environment, String> {
        self.noted(run, self.of_child(run, None))
    }

    /// Logs a reason once, not every time that it is asked again.
    fn noted<T>(&self, run: RunId, read: Result<T, String>) -> Result<T, String> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match &read {
            Ok(_) => said.remove(&run),
            Err(error) => said.insert(run, error.clone()),
        };
        if let Err(error) = &read
            && before.as_ref() != Some(error)
        {
            tracing::error!(%run, %error, "the environment cannot be read; trying again");
        }
        read
    }

    /// As [`Self::of`]; `parent` is what the journal may not know yet.
    fn of_child(&self, run: RunId, mut parent: Option<RunId>) -> Result<Environment, String> {
        let mut run = run;
        let unreadable = |run, error: &dyn std::fmt::Display| {
            format!("the environment of run {run} cannot be read: {error}")
        };
        for _ in 0..DEEPEST {
            match std::fs::read(self.path(run)) {
                Ok(bytes) => {
                    return serde_json::from_slice(&bytes).map_err(|error| unreadable(run, &error));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(run, &error)),
            }
            let above = match parent.take() {
                Some(parent) => Some(parent),
                None => self.parent(run).map_err(|error| unreadable(run, &error))?,
            };
            match above {
                Some(parent) => run = parent,
                None => break,
            }
        }
        Ok(self.own.clone())
    }

    /// The run that this one is a child of.
    fn parent(&self, run: RunId) -> Result<Option<RunId>, FoldError> {
        let journal = self.journal.as_ref();
        let mut parent = None;
        walk(journal, &Aggregate::Run(run), 0, |first| {
            if let Some(Event::RunCreated(created)) = decode(journal, &first)?.first() {
                parent.clone_from(&created.parent);
            }
            Ok::<_, FoldError>(ControlFlow::Break(()))
        })?;
        let of_step = parent.filter(|parent| parent.step.is_some());
        Ok(of_step.map(|parent| parent.run))
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
    fn hand_on(&self, from: RunId, to: RunId) -> Result<(), String> {
        let copied = self.copy(from, to);
        copied.map_err(|error| format!("the run's environment could not be stored: {error}"))
    }

    fn allowed(
        &self,
        run: RunId,
        parent: Option<RunId>,
        project: &ProjectRef,
    ) -> Result<Environment, String> {
        let read = || {
            let config = crate::config::load(Some(Path::new(&project.path)));
            let allow = config.map_err(|error| error.to_string())?.env_allow;
            if allow.is_empty() {
                return Ok(Environment::new());
            }
            let mut environment = self.of_child(run, parent)?;
            environment.retain(|name, _| allow.contains(name));
            Ok(environment)
        };
        self.noted(run, read())
    }
}
