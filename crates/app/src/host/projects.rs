//! Registered projects: directories in which definitions live and runs work.

use std::path::Path;
use std::sync::Arc;

use baton_core::ids::{CommandId, Mint, ProjectId};
use baton_core::run::event::ProjectRef;
use baton_core::time::Timestamp;
use baton_engine::ports::ReadError;
use baton_store::{Project, SqliteJournal, WriteError};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

/// The longest name, in characters.
const LONGEST_NAME: usize = 200;

/// The registered projects. Calls block on the disk.
#[derive(Clone)]
pub struct Projects {
    journal: Arc<SqliteJournal>,
    registered: Arc<Notify>,
}

/// Why a directory was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The path is no directory that can be used.
    #[error("{0}")]
    Path(String),
    /// The name cannot be used.
    #[error("a project's name has 1 to {LONGEST_NAME} characters")]
    Name,
    /// The disk said no.
    #[error("{0}")]
    Disk(String),
}

impl From<WriteError> for RegisterError {
    fn from(error: WriteError) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<ReadError> for RegisterError {
    fn from(error: ReadError) -> Self {
        Self::Disk(error.to_string())
    }
}

impl Projects {
    /// The projects of this journal.
    pub fn new(journal: Arc<SqliteJournal>) -> Self {
        Self {
            journal,
            registered: Arc::default(),
        }
    }

    /// Notified when a project was registered.
    pub fn registered(&self) -> Arc<Notify> {
        self.registered.clone()
    }

    /// All, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn all(&self) -> Result<Vec<Project>, ReadError> {
        self.journal.projects()
    }

    /// The project of this id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn get(&self, id: ProjectId) -> Result<Option<Project>, ReadError> {
        self.journal.project(id)
    }

    /// Registers a directory. One that is registered stays the project it is, with a new name if
    /// one is given; the second value says whether it is new, which it also is for a repeat of the
    /// command that has registered it.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn register(
        &self,
        name: Option<&str>,
        path: &str,
        now: Timestamp,
        mint: &mut Mint,
        command: Option<&CommandId>,
    ) -> Result<(Project, bool), RegisterError> {
        let path = usable(path)?;
        let name = name.map(str::trim);
        if name.is_some_and(|name| name.is_empty() || name.chars().count() > LONGEST_NAME) {
            return Err(RegisterError::Name);
        }
        let known = self.journal.projects()?;
        if let Some(mut project) = known.into_iter().find(|project| project.path == path) {
            if command.is_some_and(|command| id_of(command, project.created_at) == project.id) {
                return Ok((project, true));
            }
            if let Some(name) = name.filter(|name| *name != project.name) {
                name.clone_into(&mut project.name);
                self.journal.put_project(project.clone())?;
            }
            return Ok((project, false));
        }
        let stem = Path::new(&path).file_name().map(|n| n.to_string_lossy());
        let name = name.map(str::to_owned);
        let name = name.or_else(|| stem.map(std::borrow::Cow::into_owned));
        let project = Project {
            id: command.map_or_else(|| mint.project(), |command| id_of(command, now)),
            name: name.unwrap_or_else(|| path.clone()),
            path,
            created_at: now,
        };
        match self.journal.put_project(project.clone()) {
            // Somebody registered it at the same time.
            Err(WriteError::PathTaken(path)) => {
                let known = self.journal.projects()?;
                let other = known.into_iter().find(|project| project.path == path);
                other
                    .map(|project| (project, false))
                    .ok_or_else(|| RegisterError::Disk(format!("{path} could not be registered")))
            }
            done => {
                done?;
                self.registered.notify_one();
                Ok((project, true))
            }
        }
    }
}

/// The id of what this command registers at this time: by that it is known again.
fn id_of(command: &CommandId, at: Timestamp) -> ProjectId {
    let hash = Sha256::digest(format!("project of {command}").as_bytes());
    let bytes = hash.iter().take(16);
    let seed = bytes.fold(0, |bits, byte| (bits << 8) | u128::from(*byte));
    Mint::new(at, seed).project()
}

/// A directory's real absolute path.
fn usable(path: &str) -> Result<String, RegisterError> {
    let wrong = |why: &dyn std::fmt::Display| RegisterError::Path(format!("{path}: {why}"));
    if !Path::new(path).is_absolute() {
        return Err(wrong(&"the path must be absolute"));
    }
    let real = std::fs::canonicalize(path).map_err(|error| wrong(&error))?;
    if !real.is_dir() {
        return Err(wrong(&"this is no directory"));
    }
    let real = real.into_os_string().into_string();
    real.map_err(|_| wrong(&"the path is not UTF-8"))
}

/// A project as a run knows it.
#[must_use]
pub fn reference(project: &Project) -> ProjectRef {
    ProjectRef {
        id: project.id,
        name: project.name.clone(),
        path: project.path.clone(),
    }
}
