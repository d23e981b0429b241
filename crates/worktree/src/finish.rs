//! What becomes of a run's work: the rest is committed to its branch, and the branch is kept,
//! merged when that is clean, or left for review.
//!
//! Never forces anything: when a merge does not go, nothing has changed and the answer says why.

use std::path::{Path, PathBuf};

use crate::commit;
use crate::error::Error;
use crate::git::Git;
use crate::make::require_own_branch;
use crate::marker::Marker;
use crate::merge::{self, Outcome};
use crate::operation::{self, Operation};
use crate::repository::{self, Head, Untracked, git_dir};
use crate::spec::{self, Mode, Spec};
use crate::stage;
use crate::workspace::{Standing, Workspace, remove_if_there};

/// What is to become of a run's branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It stays.
    Keep,
    /// It is merged into the branch the run began from; none when it began from a detached head.
    Merge {
        /// That branch, short.
        into: Option<String>,
    },
    /// It stays, for somebody to look at.
    Review,
}

/// What became of a run's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The run's branch.
    pub branch: String,
    /// What it stands on.
    pub commit: String,
    /// Whether it was merged.
    pub merged: Merged,
    /// Why it was not, although that was asked for.
    pub reason: Option<Reason>,
    /// What people should know besides.
    pub notes: Vec<String>,
}

/// Whether a branch was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Not asked for, or not possible: see the reason.
    No,
    /// The other branch has all of it already.
    NothingToDo,
    /// The other branch stands on this branch's commit now.
    FastForward,
    /// The other branch stands on this new commit now.
    MergeCommit(String),
}

/// Why a branch was not merged. Nothing was changed, and the branch stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The run began from a commit without a branch.
    #[error("the run began from a detached head: there is no branch to merge into")]
    Detached,
    /// The other branch is not there any more.
    #[error("the branch {0} is not there any more")]
    BranchGone(String),
    /// Both sides changed the same.
    #[error("both sides changed: {}", .0.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))]
    Conflict(Vec<PathBuf>),
    /// The other branch is checked out, with uncommitted changes.
    #[error("the checkout at {0} has uncommitted changes")]
    Dirty(PathBuf, Vec<PathBuf>),
    /// The checkout of the other branch is in the middle of something.
    #[error("the checkout at {0} is in the middle of a {1}")]
    Busy(PathBuf, Operation),
    /// Git would not write the files of the other branch's checkout, such as over untracked ones.
    #[error("the checkout at {0} was left as it is: {1}")]
    Refused(PathBuf, String),
    /// The other branch was moved meanwhile; again may help.
    #[error("the branch {0} was moved meanwhile")]
    Moved(String),
}

impl Reason {
    /// A name that does not change, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Detached => "detached_start",
            Reason::BranchGone(_) => "base_branch_gone",
            Reason::Conflict(_) => "merge_conflict",
            Reason::Dirty(..) => "dirty_checkout",
            Reason::Busy(..) => "repository_busy",
            Reason::Refused(..) => "checkout_refused",
            Reason::Moved(_) => "base_branch_moved",
        }
    }
}

/// Commits what is uncommitted to the run's branch, with `message`, and does with the branch as
/// asked. None with [`Mode::Stay`]. Saying it again changes nothing. After a merge in
/// [`Mode::Branch`] the user's checkout is on the branch that was merged into.
///
/// # Errors
/// [`Error::Busy`] when the run left a merge or rebase unfinished, [`Error::SwitchedAway`] about
/// the user's checkout, [`Error::Gone`] when neither worktree nor branch is there, and those of git.
pub fn finish(spec: &Spec, how: &How, message: &str) -> Result<Option<Finished>, Error> {
    if spec.mode == Mode::Stay {
        return Ok(None);
    }
    let workspace = Workspace::open(spec)?;
    let mut notes = Vec::new();
    let tip = match workspace.standing()? {
        Standing::Usable => commit_rest(&workspace, message, &mut notes)?,
        Standing::Missing | Standing::Broken => {
            notes.push("The worktree was gone: only what had been committed is there.".to_owned());
            let tip = commit::resolve(&workspace.users(), &spec.branch_ref())?;
            tip.ok_or_else(|| Error::Gone {
                path: spec.path.clone(),
            })?
        }
    };
    let (merged, reason) = match how {
        How::Keep | How::Review => (Merged::No, None),
        How::Merge { into: None } => (Merged::No, Some(Reason::Detached)),
        How::Merge { into: Some(into) } => match merge_into(&workspace, into, &tip)? {
            Ok(merged) => (merged, None),
            Err(reason) => (Merged::No, Some(reason)),
        },
    };
    Ok(Some(Finished {
        branch: spec.branch.clone(),
        commit: tip,
        merged,
        reason,
        notes,
    }))
}

/// Brings all that is in the work tree onto the run's branch, and returns its commit.
fn commit_rest(
    workspace: &Workspace<'_>,
    message: &str,
    notes: &mut Vec<String>,
) -> Result<String, Error> {
    let (spec, git) = (workspace.spec, &workspace.git);
    let dir = git_dir(git)?;
    if let Some(operation) = operation::under_way(&dir) {
        return Err(Error::Busy {
            path: spec.work_tree().to_owned(),
            operation,
        });
    }
    if spec.mode == Mode::Branch {
        require_own_branch(workspace)?;
    } else {
        // Nothing of the run works any more: a lock was left by something that was killed.
        remove_if_there(&dir.join("index.lock"))?;
    }
    let copied = Marker::load(spec)?.unwrap_or_default().copied;
    notes.extend(stage::stage(git, &copied)?);
    let tree = git.call("write-tree").line()?;
    let head = workspace.head()?;
    let work = match tree == commit::tree_of(git, &head)? {
        true => head.clone(),
        false => commit::make(git, &tree, &[&head], format!("{}\n", message.trim()))?,
    };
    let branch = spec.branch_ref();
    let tip = commit::resolve(git, &branch)?;
    let new = match &tip {
        // An agent left the branch for another line of commits: both are kept.
        Some(tip) if !commit::is_ancestor(git, tip, &work)? => {
            commit::make(git, &tree, &[&work, tip], format!("{}\n", message.trim()))?
        }
        _ => work,
    };
    let old = tip.as_deref().unwrap_or("");
    git.call("update-ref").args([&branch, &new, old]).bytes()?;
    let on_branch = matches!(repository::head(git)?, Head::Branch(name, _) if name == spec.branch);
    if !on_branch {
        git.call("symbolic-ref").args(["HEAD", &branch]).bytes()?;
    }
    Ok(new)
}

/// Merges the commit `tip` of the run's branch.
fn merge_into(
    workspace: &Workspace<'_>,
    into: &str,
    tip: &str,
) -> Result<Result<Merged, Reason>, Error> {
    spec::check_branch(into)?;
    let (spec, git) = (workspace.spec, &workspace.users());
    let branch = format!("refs/heads/{into}");
    let Some(old) = commit::resolve(git, &branch)? else {
        return Ok(Err(Reason::BranchGone(into.to_owned())));
    };
    let (merged, new) = if commit::is_ancestor(git, tip, &old)? {
        (Merged::NothingToDo, old.clone())
    } else if commit::is_ancestor(git, &old, tip)? {
        (Merged::FastForward, tip.to_owned())
    } else {
        match merge::trees(git, None, &old, tip)? {
            Outcome::Conflict(paths) => return Ok(Err(Reason::Conflict(paths))),
            Outcome::Tree(tree) => {
                let message = format!("Merge branch '{}' into {into}\n", spec.branch);
                let commit = commit::make(git, &tree, &[&old, tip], message)?;
                (Merged::MergeCommit(commit.clone()), commit)
            }
        }
    };
    if new != old {
        let moved = match repository::checkout_of(git, &branch)? {
            Some(at) => advance_checkout(&at, &branch, into, &new)?,
            None => advance_ref(git, &branch, into, &new, &old)?,
        };
        if let Some(reason) = moved {
            return Ok(Err(reason));
        }
    }
    if spec.mode == Mode::Branch {
        git.call("checkout")
            .args(["-q", "--no-guess", "--no-overwrite-ignore", into, "--"])
            .bytes()?;
    }
    Ok(Ok(merged))
}

/// Moves a branch that is checked out nowhere.
fn advance_ref(
    git: &Git,
    branch: &str,
    into: &str,
    new: &str,
    old: &str,
) -> Result<Option<Reason>, Error> {
    match git.call("update-ref").args([branch, new, old]).bytes() {
        Ok(_) => Ok(None),
        Err(Error::Git { message, .. }) if message.contains("but expected") => {
            Ok(Some(Reason::Moved(into.to_owned())))
        }
        Err(error) => Err(error),
    }
}

/// Moves a branch together with the files of the checkout that has it, when that is clean.
fn advance_checkout(
    at: &Path,
    branch: &str,
    into: &str,
    new: &str,
) -> Result<Option<Reason>, Error> {
    let git = Git::at(at);
    let dir = git_dir(&git)?;
    if let Some(operation) = operation::under_way(&dir) {
        return Ok(Some(Reason::Busy(at.to_owned(), operation)));
    }
    let files = repository::dirty(&git, Untracked::Leave)?;
    if !files.is_empty() {
        return Ok(Some(Reason::Dirty(at.to_owned(), files)));
    }
    let moved = git
        .call("merge")
        .args([
            "--ff-only",
            "--quiet",
            "--no-autostash",
            "--no-verify-signatures",
        ])
        .args(["--no-overwrite-ignore", "--no-stat", new])
        .bytes();
    match moved {
        Ok(_) => {}
        Err(Error::Git { message, .. }) if message.contains("fast-forward") => {
            return Ok(Some(Reason::Moved(into.to_owned())));
        }
        Err(Error::Git { message, .. }) => {
            return Ok(Some(Reason::Refused(at.to_owned(), message)));
        }
        Err(error) => return Err(error),
    }
    match commit::resolve(&git, branch)?.as_deref() == Some(new) {
        true => Ok(None),
        false => Ok(Some(Reason::Moved(into.to_owned()))),
    }
}
