//! Making a run's work tree, and making it again when it was deleted.
//!
//! Owns the branch's first value and `git worktree add`. Every part may be done twice: after a crash
//! it begins again. Never throws away files of a worktree that was once ready: it sets them aside.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::commit;
use crate::error::Error;
use crate::marker::Marker;
use crate::repository::{self, Head, Untracked, git_dir};
use crate::restore::{put_branch, put_files, refuse_busy};
use crate::spec::Spec;
use crate::workspace::{Standing, Workspace};

/// `git worktree add` does not bear another one that is half made beside it (git 2.47: "failed to
/// read …/commondir"). Other processes are met by trying again, see `git.rs`.
static MAKING: Mutex<()> = Mutex::new(());

/// Makes the branch at the run's base, unless it is there and ours.
pub(crate) fn make_branch(workspace: &Workspace<'_>, marker: &mut Marker) -> Result<(), Error> {
    let (spec, git) = (workspace.spec, workspace.users());
    let branch = spec.branch_ref();
    let tip = commit::resolve(&git, &branch)?;
    if tip.is_some() && marker.branch_made {
        return Ok(());
    }
    let base = commit::head_of(&git, &spec.base)?;
    match tip {
        None => {
            let made = git.call("update-ref").args([&branch, &base, ""]).bytes();
            made.map_err(|error| name_in_the_way(spec, error))?;
        }
        // A crash came between making it and remembering that.
        Some(tip) if tip == base => {}
        Some(tip) => {
            return Err(Error::BranchTaken {
                branch: spec.branch.clone(),
                message: format!("it exists already, at {tip}"),
            });
        }
    }
    marker.branch_made = true;
    marker.save(spec)
}

fn name_in_the_way(spec: &Spec, error: Error) -> Error {
    match error {
        Error::Git { message, .. } if message.contains("cannot create") => Error::BranchTaken {
            branch: spec.branch.clone(),
            message,
        },
        other => other,
    }
}

/// Makes the worktree with the files of `target`, or of the branch. What stands in the way is
/// removed, or set aside when it may hold somebody's work; returns where.
pub(crate) fn make_worktree(
    workspace: &Workspace<'_>,
    target: Option<&str>,
    holds_work: bool,
) -> Result<Option<PathBuf>, Error> {
    let (spec, git) = (workspace.spec, workspace.users());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    refuse_branch_in_use(workspace)?;
    let aside = match holds_work && fs::symlink_metadata(&spec.path).is_ok() {
        true => Some(set_aside(spec)?),
        false => None,
    };
    unregister(workspace)?;
    workspace.drop_index()?;
    let branch = spec.branch_ref();
    let tip = commit::resolve(&git, &branch)?.unwrap_or_else(|| spec.base.clone());
    git.call("worktree")
        .args(["add", "--quiet", "--no-checkout", "--detach"])
        .arg(&spec.path)
        .arg(&tip)
        .bytes()?;
    let target = target.unwrap_or(&tip);
    put_files(workspace, target)?;
    put_branch(workspace, target)?;
    Ok(aside)
}

/// Takes the worktree out of git's list, and away with what is left of it.
pub(crate) fn unregister(workspace: &Workspace<'_>) -> Result<(), Error> {
    let (spec, git) = (workspace.spec, workspace.users());
    // Twice: it may be locked, as it is while git makes it.
    let removed = git
        .call("worktree")
        .args(["remove", "--force", "--force"])
        .arg(&spec.path)
        .bytes();
    match removed {
        Ok(_) | Err(Error::Git { .. }) => {}
        Err(error) => return Err(error),
    }
    if fs::symlink_metadata(&spec.path).is_ok_and(|found| found.is_dir()) {
        fs::remove_dir_all(&spec.path).map_err(Error::io(&spec.path))?;
    } else {
        crate::workspace::remove_if_there(&spec.path)?;
    }
    Ok(())
}

/// A worktree that git no longer knows may still be put right, as when the repository was moved.
pub(crate) fn repair(workspace: &Workspace<'_>) -> Result<bool, Error> {
    let repaired = workspace
        .users()
        .call("worktree")
        .arg("repair")
        .arg(&workspace.spec.path)
        .output()?;
    Ok(repaired.code == Some(0) && workspace.standing()? == Standing::Usable)
}

fn set_aside(spec: &Spec) -> Result<PathBuf, Error> {
    let free = (1..).map(|n| spec.beside(&format!(".aside-{n}")));
    let aside = free
        .into_iter()
        .find(|path| fs::symlink_metadata(path).is_err())
        .unwrap_or_else(|| spec.beside(".aside"));
    fs::rename(&spec.path, &aside).map_err(Error::io(&spec.path))?;
    Ok(aside)
}

fn refuse_branch_in_use(workspace: &Workspace<'_>) -> Result<(), Error> {
    let spec = workspace.spec;
    let ours = spec.work_tree();
    match repository::checkout_of(&workspace.users(), &spec.branch_ref())? {
        Some(at) if at != ours && at.canonicalize().ok() != ours.canonicalize().ok() => {
            Err(Error::BranchInUse {
                branch: spec.branch.clone(),
                at,
            })
        }
        _ => Ok(()),
    }
}

/// Switches the user's checkout to the run's branch.
///
/// # Errors
/// [`Error::Busy`] and [`Error::Dirty`] when that would mix or lose something.
pub(crate) fn switch(workspace: &Workspace<'_>, marker: &mut Marker) -> Result<(), Error> {
    let (spec, git) = (workspace.spec, &workspace.git);
    workspace.refuse_bare()?;
    refuse_busy(spec, &git_dir(git)?)?;
    let files = repository::dirty(git, Untracked::Count)?;
    if !files.is_empty() {
        return Err(Error::Dirty {
            path: spec.root.clone(),
            files,
        });
    }
    make_branch(workspace, marker)?;
    refuse_branch_in_use(workspace)?;
    git.call("checkout")
        .args([
            "-q",
            "--no-guess",
            "--no-overwrite-ignore",
            &spec.branch,
            "--",
        ])
        .bytes()
        .map(drop)
}

/// Refuses a checkout of the user's that left the run's branch.
pub(crate) fn require_own_branch(workspace: &Workspace<'_>) -> Result<(), Error> {
    let spec = workspace.spec;
    let found = match repository::head(&workspace.git)? {
        Head::Branch(branch, _) | Head::Unborn(branch) if branch == spec.branch => return Ok(()),
        Head::Branch(branch, _) | Head::Unborn(branch) => branch,
        Head::Detached(commit) => commit,
    };
    Err(Error::SwitchedAway {
        path: spec.root.clone(),
        expected: spec.branch.clone(),
        found,
    })
}
