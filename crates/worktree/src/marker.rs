//! The state file beside a worktree: how far it has got, so that nothing is done twice.
//!
//! Owns `<worktree>.json`, which is replaced as a whole and synced. Never kept in the work tree.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::spec::Spec;

/// How far a worktree has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    v: u32,
    /// It was made completely: from now on an attempt may have changed files in it.
    pub(crate) ready: bool,
    /// It was ready once and is being made again: what is left of it may hold somebody's work.
    #[serde(default)]
    pub(crate) again: bool,
    /// The branch is ours: it was not there before.
    pub(crate) branch_made: bool,
    /// The newest generation its files were brought to.
    pub(crate) generation: u32,
    /// The setup command has succeeded in it.
    pub(crate) setup_done: bool,
    /// Copied files that git does not ignore, relative to its top: never in a checkpoint.
    pub(crate) copied: Vec<String>,
}

impl Default for Marker {
    fn default() -> Self {
        Marker {
            v: 1,
            ready: false,
            again: false,
            branch_made: false,
            generation: 0,
            setup_done: false,
            copied: Vec::new(),
        }
    }
}

impl Marker {
    /// None when there is none, or none that can be read.
    pub(crate) fn load(spec: &Spec) -> Result<Option<Marker>, Error> {
        let path = spec.beside(".json");
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path)(error)),
        }
    }

    pub(crate) fn save(&self, spec: &Spec) -> Result<(), Error> {
        let path = spec.beside(".json");
        let new = spec.beside(".json.new");
        let text = serde_json::to_vec(self).map_err(|error| Error::Io {
            path: path.clone(),
            source: error.into(),
        })?;
        let mut file = File::create(&new).map_err(Error::io(&new))?;
        file.write_all(&text).map_err(Error::io(&new))?;
        file.sync_all().map_err(Error::io(&new))?;
        fs::rename(&new, &path).map_err(Error::io(&path))?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        File::open(parent)
            .and_then(|dir| dir.sync_all())
            .map_err(Error::io(parent))
    }
}

/// Whether the setup command has succeeded in this worktree; false again once it was made anew.
///
/// # Errors
/// [`Error::Io`] when the state file cannot be read.
pub fn setup_done(spec: &Spec) -> Result<bool, Error> {
    Ok(Marker::load(spec)?.is_some_and(|marker| marker.setup_done))
}

/// Remembers that the setup command has succeeded.
///
/// # Errors
/// [`Error::Gone`] when [`crate::ensure`] has not prepared the directory, [`Error::Io`].
pub fn mark_setup_done(spec: &Spec) -> Result<(), Error> {
    let _lock = crate::workspace::lock(spec)?;
    let mut marker = Marker::load(spec)?
        .filter(|marker| marker.ready)
        .ok_or_else(|| Error::Gone {
            path: spec.path.clone(),
        })?;
    marker.setup_done = true;
    marker.save(spec)
}
