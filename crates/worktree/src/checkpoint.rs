//! Checkpoints: all files of a run as a commit that no branch shows, and the ref that keeps it.
//!
//! Never touches the checkout's index, branch or files.

use std::path::Path;

use crate::commit;
use crate::error::Error;
use crate::git::Git;
use crate::spec::{self, Mode, Spec};
use crate::workspace::Workspace;

/// A commit of all files of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The commit; nothing holds it until [`keep`] does.
    pub commit: String,
    /// The commit that was checked out.
    pub head: String,
    /// How many files differ from the parent.
    pub files_changed: usize,
    /// What is not in it, for people.
    pub warnings: Vec<String>,
}

/// Makes a commit of all files, tracked and untracked, without those that are ignored. `message`
/// becomes its subject; `parent` is the checkpoint before, else the commit checked out.
/// None with [`Mode::Stay`]: it holds no files.
///
/// May run while steps work on the files; each file is then in it as it was at some moment.
///
/// # Errors
/// [`Error::Gone`] when the worktree is not there, [`Error::SwitchedAway`] when the user's checkout
/// left the run's branch, [`Error::Filter`] when a filter fails, [`Error::UnknownCommit`] for the
/// parent, and those of git.
pub fn checkpoint(
    spec: &Spec,
    message: &str,
    parent: Option<&str>,
) -> Result<Option<Checkpoint>, Error> {
    if spec.mode == Mode::Stay {
        return Ok(None);
    }
    let workspace = Workspace::open_standing(spec)?;
    if spec.mode == Mode::Branch {
        crate::make::require_own_branch(&workspace)?;
    }
    take(&workspace, message, parent).map(Some)
}

/// The same with the run's files already opened.
pub(crate) fn take(
    workspace: &Workspace<'_>,
    message: &str,
    parent: Option<&str>,
) -> Result<Checkpoint, Error> {
    let git = &workspace.private;
    let head = workspace.head()?;
    let parent = match parent {
        Some(parent) => commit::known(git, parent)?,
        None => &head,
    };
    let staged = workspace.snapshot()?;
    let message = commit::message(message, &workspace.spec.run, &head);
    // The commit checked out is a parent too: so it lives as long as the checkpoint.
    let commit = commit::make(git, &staged.tree, &[parent, &head], message)?;
    let changed = git
        .call("diff-tree")
        .args(["-r", "-z", "--name-only", parent, &commit, "--"])
        .parts()?;
    Ok(Checkpoint {
        commit,
        head,
        files_changed: changed.len(),
        warnings: staged.warnings,
    })
}

/// Keeps a checkpoint's commit as `refs/baton/<run>/<n>`. Saying it again changes nothing.
///
/// # Errors
/// [`Error::Invalid`] for a run id that is none, [`Error::UnknownCommit`], and those of git.
pub fn keep(root: &Path, run: &str, n: u64, commit: &str) -> Result<(), Error> {
    keep_as(&Git::at(root), run, &n.to_string(), commit)
}

pub(crate) fn keep_as(git: &Git, run: &str, name: &str, commit: &str) -> Result<(), Error> {
    spec::check_run(run)?;
    let commit = commit::known(git, commit)?;
    git.call("update-ref")
        .args([&format!("refs/baton/{run}/{name}"), commit])
        .bytes()
        .map(drop)
}
