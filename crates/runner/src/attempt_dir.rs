//! The directory of one attempt, `<data dir>/attempts/<attempt id>/`: its claim, its socket, its
//! exit record and the file behind `$BATON_OUTPUT`.
//!
//! Owns the names in it. It never holds a secret: the specification is not written to disk.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The directory of one attempt. The id in its path is known to be valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptDir(PathBuf);

/// The text is not an attempt id: 1 to 128 of `a-z`, `0-9` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an attempt id (1 to 128 of a-z, 0-9 and _): {0:?}")]
pub struct InvalidAttemptId(pub String);

impl AttemptDir {
    /// The directory of attempt `id` below `data_dir`. Touches no file.
    pub fn new(data_dir: &Path, id: &str) -> Result<Self, InvalidAttemptId> {
        check_id(id)?;
        Ok(Self(data_dir.join("attempts").join(id)))
    }

    /// The directory at `path`, whose last component must be an attempt id. Touches no file.
    pub fn at(path: &Path) -> Result<Self, InvalidAttemptId> {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        check_id(&name)?;
        Ok(Self(path.to_path_buf()))
    }

    /// The attempt's id.
    pub fn id(&self) -> &str {
        self.0
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    /// Where the directory is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the directory (mode 0700) and its parents. One that is there is kept.
    pub fn create(&self) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
    }

    /// The directory was removed. Not being able to look does not count.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(fs::symlink_metadata(&self.0), Err(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Removes the directory and all in it; one that is gone is no error. For the host, once the
    /// attempt's end is in the journal.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// How long ago the attempt was claimed: its child began a moment later. None: not yet.
    pub fn age(&self) -> Option<std::time::Duration> {
        let claimed = std::fs::metadata(self.claim()).and_then(|claim| claim.modified());
        claimed.ok()?.elapsed().ok()
    }

    /// The claim, see [`crate::take_back`].
    pub(crate) fn claim(&self) -> PathBuf {
        self.0.join("claim")
    }

    /// The exit record.
    pub(crate) fn exit(&self) -> PathBuf {
        self.0.join("exit.json")
    }

    /// Where the exit record is prepared, with its space reserved.
    pub(crate) fn exit_draft(&self) -> PathBuf {
        self.0.join("exit.json.tmp")
    }

    /// The shepherd's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("sock")
    }

    /// The file behind `$BATON_OUTPUT`.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.0.join("output")
    }

    /// The identity of the attempt's main child, a help for the sweep after the shepherd's death.
    pub(crate) fn child(&self) -> PathBuf {
        self.0.join("child")
    }

    /// Makes renames and new names in the directory durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// Makes the directory's own name durable.
    pub(crate) fn sync_parent(&self) -> io::Result<()> {
        match self.0.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn check_id(id: &str) -> Result<(), InvalidAttemptId> {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=128).contains(&id.len()) && id.bytes().all(valid) {
        return Ok(());
    }
    Err(InvalidAttemptId(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_leave_the_directory_is_refused() {
        for bad in ["", "..", "a/b", "A", "a-b", "a b", "a\0", &"a".repeat(129)] {
            assert!(AttemptDir::new(Path::new("/d"), bad).is_err(), "{bad:?}");
        }
        assert!(AttemptDir::at(Path::new("/")).is_err());
    }

    #[test]
    fn a_valid_id_is_the_last_part_of_the_path() {
        let dir = AttemptDir::new(Path::new("/d"), "att_01").ok();
        assert_eq!(
            dir.as_ref().map(AttemptDir::path),
            Some(Path::new("/d/attempts/att_01"))
        );
        assert_eq!(dir.as_ref().map(AttemptDir::id), Some("att_01"));
    }
}
