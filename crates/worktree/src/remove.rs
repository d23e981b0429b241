//! Taking away what a run left in git and on disk.
//!
//! Never removes a branch that is not the run's, or one that is checked out somewhere.

use std::path::Path;

use crate::error::Error;
use crate::git::Git;
use crate::make::unregister;
use crate::marker::Marker;
use crate::repository;
use crate::spec::{self, Mode, Spec};
use crate::workspace::{Workspace, remove_if_there};

/// Removes the run's worktree and the files kept beside it; the branch too, unless `keep_branch`,
/// or it was not made for this run, or it is checked out. Checkpoints stay: see [`forget`].
/// Saying it again changes nothing, and a repository that is gone is no error.
///
/// # Errors
/// [`Error::Io`], and those of git.
pub fn remove(spec: &Spec, keep_branch: bool) -> Result<(), Error> {
    let workspace = Workspace::open(spec)?;
    let git = workspace.users();
    let marker = Marker::load(spec)?.unwrap_or_default();
    if spec.mode == Mode::Worktree {
        match unregister(&workspace) {
            Err(Error::NotARepository { .. }) if spec.path.is_dir() => {
                std::fs::remove_dir_all(&spec.path).map_err(Error::io(&spec.path))?;
            }
            Err(Error::NotARepository { .. }) => {}
            other => other?,
        }
    }
    if spec.mode != Mode::Stay && marker.branch_made && !keep_branch {
        match remove_branch(&git, spec) {
            Err(Error::NotARepository { .. }) => {}
            other => other?,
        }
    }
    workspace.drop_index()?;
    for extension in [".json", ".json.new", ".copy", ".lock"] {
        remove_if_there(&spec.beside(extension))?;
    }
    Ok(())
}

fn remove_branch(git: &Git, spec: &Spec) -> Result<(), Error> {
    let branch = spec.branch_ref();
    if repository::checkout_of(git, &branch)?.is_some() {
        return Ok(());
    }
    git.call("update-ref")
        .args(["-d", &branch])
        .bytes()
        .map(drop)
}

/// Removes the refs of a run's checkpoints; git drops what nothing else holds in its own time.
/// Saying it again changes nothing.
///
/// # Errors
/// [`Error::Invalid`] for a run id that is none, and those of git.
pub fn forget(root: &Path, run: &str) -> Result<(), Error> {
    spec::check_run(run)?;
    let git = Git::at(root);
    let refs = git
        .call("for-each-ref")
        .args(["--format=%(refname)", &format!("refs/baton/{run}/")])
        .line()?;
    if refs.is_empty() {
        return Ok(());
    }
    let deletions: String = refs
        .lines()
        .map(|name| format!("delete {name}\n"))
        .collect();
    git.call("update-ref")
        .arg("--stdin")
        .stdin(deletions.into_bytes())
        .bytes()
        .map(drop)
}
