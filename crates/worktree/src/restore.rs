//! Bringing files and branch back to a checkpoint.
//!
//! Never touches ignored files, or a branch that is not the run's. What was there before is kept
//! as a commit first.

use std::fs;
use std::path::Path;

use crate::checkpoint::{self, keep_as};
use crate::commit;
use crate::error::Error;
use crate::make::require_own_branch;
use crate::marker::Marker;
use crate::operation;
use crate::repository::git_dir;
use crate::spec::{Mode, Spec};
use crate::stage;
use crate::submodules;
use crate::workspace::Workspace;

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The commit the branch stands on now.
    pub head: String,
    /// The files as they were before, as a commit kept under `refs/baton/<run>/before-<commit>`.
    pub before: Option<String>,
    /// What is not as it was, for people.
    pub warnings: Vec<String>,
}

/// Brings the files and the branch back to a checkpoint: files that were made since go, changed and
/// deleted ones come back, ignored ones stay. The worktree is on the run's branch afterwards, and an
/// unfinished merge or rebase in it is gone. A commit that is no checkpoint is restored as it is.
/// None with [`Mode::Stay`]: nothing is restored.
///
/// # Errors
/// [`Error::Gone`] without a worktree, [`Error::UnknownCommit`], [`Error::SwitchedAway`] and
/// [`Error::Busy`] about the user's checkout, and those of git. After one of git's the files may
/// be partly restored: call it again.
pub fn restore(spec: &Spec, commit: &str) -> Result<Option<Restored>, Error> {
    if spec.mode == Mode::Stay {
        return Ok(None);
    }
    let workspace = Workspace::open_standing(spec)?;
    bring_back(&workspace, commit).map(Some)
}

/// The same with the run's files already opened.
pub(crate) fn bring_back(workspace: &Workspace<'_>, target: &str) -> Result<Restored, Error> {
    let spec = workspace.spec;
    let target = commit::known(&workspace.git, target)?;
    let dir = git_dir(&workspace.git)?;
    if spec.mode == Mode::Branch {
        refuse_busy(spec, &dir)?;
        require_own_branch(workspace)?;
    } else {
        operation::clear(&dir)?;
    }
    let found = checkpoint::take(workspace, "Before going back", None)?;
    let mut warnings = found.warnings;
    let same =
        commit::tree_of(&workspace.git, target)? == commit::tree_of(&workspace.git, &found.commit)?;
    let before = (!same).then_some(found.commit);
    if let Some(before) = &before {
        let short = before.get(..12).unwrap_or(before);
        keep_as(
            &workspace.git,
            &spec.run,
            &format!("before-{short}"),
            before,
        )?;
    }
    put_files(workspace, target)?;
    let marker = Marker::load(spec)?.unwrap_or_default();
    remove_newer(workspace, &marker.copied, &mut warnings)?;
    let head = put_branch(workspace, target)?;
    submodules::update(&workspace.git, &mut warnings)?;
    Ok(Restored {
        head,
        before,
        warnings,
    })
}

/// Makes the files that the private index knows those of `target`.
pub(crate) fn put_files(workspace: &Workspace<'_>, target: &str) -> Result<(), Error> {
    workspace
        .private
        .call("read-tree")
        .args(["--reset", "-u", target])
        .bytes()?;
    stage::leave_out_executions(&workspace.private)
}

/// Puts the run's branch on the commit that `target` recorded, and the checkout on the branch.
pub(crate) fn put_branch(workspace: &Workspace<'_>, target: &str) -> Result<String, Error> {
    let git = &workspace.git;
    let head = commit::head_of(git, target)?;
    let branch = workspace.spec.branch_ref();
    git.call("update-ref").args([&branch, &head]).bytes()?;
    git.call("symbolic-ref").args(["HEAD", &branch]).bytes()?;
    if workspace.spec.mode == Mode::Worktree {
        workspace.give_index()?;
    }
    git.call("reset")
        .args(["--mixed", "-q", &head, "--"])
        .bytes()?;
    Ok(head)
}

/// A file that the restored `.gitignore` does not ignore, and the checkpoint does not have, was
/// made since: a newer `.gitignore` had hidden it.
fn remove_newer(
    workspace: &Workspace<'_>,
    copied: &[String],
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let top = workspace.spec.work_tree();
    for path in stage::untracked(&workspace.private, copied)? {
        let whole = top.join(&path);
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            let shown = path.display();
            warnings.push(format!("{shown} is another git repository: left as it is"));
            continue;
        }
        fs::remove_file(&whole).map_err(Error::io(&whole))?;
        remove_empty(whole.parent(), top);
    }
    Ok(())
}

/// Directories that held nothing else go with their last file.
fn remove_empty(from: Option<&Path>, top: &Path) {
    let mut dir = from;
    while let Some(empty) = dir.filter(|dir| *dir != top && dir.starts_with(top)) {
        if fs::remove_dir(empty).is_err() {
            return;
        }
        dir = empty.parent();
    }
}

/// Refuses a checkout of the user's that is in the middle of something.
pub(crate) fn refuse_busy(spec: &Spec, git_dir: &Path) -> Result<(), Error> {
    match operation::under_way(git_dir) {
        None => Ok(()),
        Some(operation) => Err(Error::Busy {
            path: spec.root.clone(),
            operation,
        }),
    }
}
