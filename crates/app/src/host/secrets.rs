//! Secrets: `<data dir>/secrets.json`, mode 0600, of all projects or of one; and those that the
//! settings take from the host's environment.
//!
//! Values are never shown: neither by `Debug` nor by any list.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_core::ids::ProjectId;
use serde::{Deserialize, Serialize};

use super::environments::RunEnvironments;
use super::files;

/// The file's name in the data directory.
const NAME: &str = "secrets.json";

#[derive(Default, Clone, Serialize, Deserialize)]
struct Stored {
    #[serde(default)]
    global: BTreeMap<String, String>,
    /// By project id.
    #[serde(default)]
    projects: BTreeMap<String, BTreeMap<String, String>>,
}

/// See the module.
pub struct Secrets {
    path: PathBuf,
    stored: Mutex<Stored>,
    /// Name to variable of the host's environment.
    variables: BTreeMap<String, String>,
    environments: Arc<RunEnvironments>,
}

/// Where a secret holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// In one project.
    Project(ProjectId),
}

/// A secret's name and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Where it holds.
    pub scope: Scope,
    /// The environment variable it is taken from.
    pub variable: Option<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Whether a text can name a secret.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() <= 128 && name.starts_with(first) && name.chars().all(rest)
}

impl Secrets {
    /// Reads the secrets of this data directory.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(
        data_dir: &Path,
        variables: BTreeMap<String, String>,
        environments: Arc<RunEnvironments>,
    ) -> io::Result<Self> {
        let path = data_dir.join(NAME);
        let stored = match std::fs::read(&path) {
            // The text itself must not get into a message.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let at = format!("line {}, column {}", error.line(), error.column());
                io::Error::new(io::ErrorKind::InvalidData, format!("{NAME}: {at}"))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Stored::default(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path,
            stored: Mutex::new(stored),
            variables,
            environments,
        })
    }

    /// The value that steps of this project get for a name: the project's own, else the global
    /// one, else that of the environment.
    pub fn value(&self, project: ProjectId, name: &str) -> Option<String> {
        let stored = self.lock();
        let own = stored.projects.get(&project.to_string());
        let value = own
            .and_then(|own| own.get(name))
            .or_else(|| stored.global.get(name));
        let variable = || self.environments.own(self.variables.get(name)?);
        value
            .map(String::as_str)
            .or_else(variable)
            .map(str::to_owned)
    }

    /// Every value a step of this project could get hold of: what is masked in its output.
    pub fn values(&self, project: ProjectId) -> Vec<String> {
        let stored = self.lock();
        let own = stored.projects.get(&project.to_string());
        let kept = own.into_iter().flat_map(BTreeMap::values);
        let kept = kept.chain(stored.global.values()).map(String::as_str);
        let variables = self.variables.values();
        let taken = variables.filter_map(|variable| self.environments.own(variable));
        kept.chain(taken).map(str::to_owned).collect()
    }

    /// What there is, without values. With a project: global ones and its own.
    pub fn known(&self, project: Option<ProjectId>) -> Vec<Known> {
        let stored = self.lock();
        let known = |name: &String, scope, variable| Known {
            name: name.clone(),
            scope,
            variable,
        };
        let globals = stored
            .global
            .keys()
            .map(|name| known(name, Scope::Global, None));
        let variables = self
            .variables
            .iter()
            .map(|(name, variable)| known(name, Scope::Global, Some(variable.clone())));
        let mut all: Vec<Known> = globals.chain(variables).collect();
        for (id, secrets) in &stored.projects {
            let Ok(id) = id.parse() else { continue };
            if project.is_none_or(|project| project == id) {
                let scope = Scope::Project(id);
                all.extend(secrets.keys().map(|name| known(name, scope, None)));
            }
        }
        all
    }

    /// Keeps a value, durably.
    ///
    /// # Errors
    /// The disk's; nothing is changed then.
    pub fn set(&self, scope: Scope, name: &str, value: &str) -> io::Result<()> {
        self.change(|stored| {
            let secrets = match scope {
                Scope::Global => &mut stored.global,
                Scope::Project(id) => stored.projects.entry(id.to_string()).or_default(),
            };
            secrets.insert(name.to_owned(), value.to_owned());
            true
        })
        .map(|_| ())
    }

    /// Forgets a value, durably. Whether there was one.
    ///
    /// # Errors
    /// The disk's; nothing is changed then.
    pub fn remove(&self, scope: Scope, name: &str) -> io::Result<bool> {
        self.change(|stored| match scope {
            Scope::Global => stored.global.remove(name).is_some(),
            Scope::Project(id) => {
                let own = stored.projects.get_mut(&id.to_string());
                own.is_some_and(|own| own.remove(name).is_some())
            }
        })
    }

    fn change(&self, change: impl FnOnce(&mut Stored) -> bool) -> io::Result<bool> {
        let mut stored = self.lock();
        let mut next = stored.clone();
        if !change(&mut next) {
            return Ok(false);
        }
        files::write_private(&self.path, &serde_json::to_vec_pretty(&next)?)?;
        *stored = next;
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
