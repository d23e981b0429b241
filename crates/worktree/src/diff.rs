//! Differences between two commits, as text and as a list of files.
//!
//! Only commits are compared: it works when the worktree is gone. Never runs a diff program or a
//! text filter that the user has configured.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::commit;
use crate::error::Error;
use crate::git::{Call, Git, path_of, split_nul};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// Its content or mode differs.
    Modified,
    /// It has another name, and perhaps another content.
    Renamed,
    /// A file became a link or a submodule, or the other way round.
    TypeChanged,
}

/// A file that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path in the repository.
    pub path: PathBuf,
    /// Its path before, when it was renamed.
    pub old_path: Option<PathBuf>,
    /// What became of it.
    pub change: Change,
    /// Lines added; none for a binary file.
    pub added: Option<u64>,
    /// Lines removed; none for a binary file.
    pub removed: Option<u64>,
}

/// Writes the unified diff between two commits, such as two checkpoints, as it is made. Binary
/// files are only named.
///
/// # Errors
/// [`Error::UnknownCommit`], [`Error::Invalid`], [`Error::Io`] when `to_writer` fails, and git's.
pub fn diff(root: &Path, from: &str, to: &str, to_writer: &mut dyn Write) -> Result<(), Error> {
    let git = Git::at(root);
    compare(&git, from, to)?
        .args(["--patch", from, to, "--"])
        .stream(to_writer)
}

/// The files that differ between two commits, with their numbers of lines.
///
/// # Errors
/// [`Error::UnknownCommit`], [`Error::Invalid`], and git's.
pub fn changed_files(root: &Path, from: &str, to: &str) -> Result<Vec<ChangedFile>, Error> {
    let git = Git::at(root);
    let printed = compare(&git, from, to)?
        .args(["--raw", "--numstat", "-z", from, to, "--"])
        .bytes()?;
    Ok(read(&split_nul(&printed)))
}

fn compare<'a>(git: &'a Git, from: &str, to: &str) -> Result<Call<'a>, Error> {
    commit::known(git, from)?;
    commit::known(git, to)?;
    let call = git.call("diff-tree");
    Ok(call.args(["-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color"]))
}

/// First `:modes ids status\0path\0` (two paths for a rename) for each file, then
/// `added\tremoved\tpath\0` (for a rename an empty path and the two after it) for each.
fn read(parts: &[Vec<u8>]) -> Vec<ChangedFile> {
    let mut files = Vec::new();
    let mut counted = 0;
    let mut parts = parts.iter();
    while let Some(part) = parts.next() {
        if part.first() == Some(&b':') {
            let change = change_of(part);
            let first = parts.next().map(|path| path_of(path)).unwrap_or_default();
            let second = match change {
                Change::Renamed => parts.next().map(|path| path_of(path)),
                _ => None,
            };
            let (path, old_path) = match second {
                Some(new) => (new, Some(first)),
                None => (first, None),
            };
            files.push(ChangedFile {
                path,
                old_path,
                change,
                added: None,
                removed: None,
            });
            continue;
        }
        let mut columns = part.splitn(3, |byte| *byte == b'\t');
        let (added, removed) = (number(columns.next()), number(columns.next()));
        if columns.next().is_some_and(<[u8]>::is_empty) {
            parts.next();
            parts.next();
        }
        if let Some(file) = files.get_mut(counted) {
            (file.added, file.removed) = (added, removed);
        }
        counted += 1;
    }
    files
}

fn change_of(raw: &[u8]) -> Change {
    let status = raw.rsplit(|byte| *byte == b' ').next();
    match status.and_then(<[u8]>::first) {
        Some(b'A') => Change::Added,
        Some(b'D') => Change::Deleted,
        Some(b'R' | b'C') => Change::Renamed,
        Some(b'T') => Change::TypeChanged,
        _ => Change::Modified,
    }
}

fn number(column: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(column?).ok()?.parse().ok()
}
