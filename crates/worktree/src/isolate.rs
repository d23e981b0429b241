//! Children that work apart from their parent, and bringing back what they did.
//!
//! Never leaves a parent half merged: it gets all that a child did, or nothing.

use std::path::PathBuf;

use crate::checkpoint::{self, keep_as};
use crate::commit;
use crate::error::Error;
use crate::git::{Git, path_of};
use crate::make::require_own_branch;
use crate::merge::{self, Outcome};
use crate::operation;
use crate::repository::git_dir;
use crate::spec::{Mode, Spec};
use crate::workspace::Workspace;

/// What is a child's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its run id.
    pub run: String,
    /// Its worktree; absolute.
    pub path: PathBuf,
    /// Its branch.
    pub branch: String,
}

/// What bringing a child's work back did to the parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedBack {
    /// Files of the parent that changed.
    pub files_changed: usize,
    /// The commit the parent's branch stands on now.
    pub head: String,
    /// The parent's files as they were before, as a kept commit of the parent's run.
    pub before: String,
}

/// Where a child works that has a worktree of its own from its parent's newest checkpoint:
/// [`crate::ensure`] makes it.
pub fn isolate(parent: &Spec, child: Child, checkpoint: &str) -> Spec {
    Spec {
        mode: Mode::Worktree,
        root: parent.root.clone(),
        project: parent.project.clone(),
        path: child.path,
        branch: child.branch,
        base: checkpoint.to_owned(),
        run: child.run,
        copy: parent.copy.clone(),
    }
}

/// Brings what a child made by [`isolate`] has done into its parent's files: its commits onto the
/// parent's branch, its uncommitted changes as uncommitted ones. Saying it again changes nothing.
/// The child's worktree and branch stay.
///
/// # Errors
/// [`Error::MergeConflict`], and nothing is changed; [`Error::Gone`], [`Error::Busy`] and
/// [`Error::SwitchedAway`] about either; those of git.
pub fn merge_back(parent: &Spec, child: &Spec) -> Result<MergedBack, Error> {
    let ours = Workspace::open_standing(parent)?;
    let theirs = Workspace::open_standing(child)?;
    refuse_busy(&ours)?;
    refuse_busy(&theirs)?;
    require_own_branch(&ours)?;
    let done = checkpoint::take(&theirs, "Before it is merged back", Some(&child.base))?;
    let stand = checkpoint::take(&ours, "Before a child is merged back", None)?;
    let git = &ours.git;
    let files = clean(merge::trees(
        git,
        Some(&child.base),
        &stand.commit,
        &done.commit,
    )?)?;
    let head = merged_head(git, &stand.head, &done.head, &child.branch)?;
    keep_as(git, &parent.run, &kept_name(&stand.commit), &stand.commit)?;
    let changed = git
        .call("diff-tree")
        .args(["-r", "-z", "--name-only", &stand.commit, &files, "--"])
        .parts()?;
    refuse_overwriting(&ours, &stand.commit, &files)?;
    ours.private
        .call("read-tree")
        .args(["-m", "-u", &stand.commit, &files])
        .bytes()?;
    git.call("update-ref")
        .args([&parent.branch_ref(), &head, &stand.head])
        .bytes()?;
    if parent.mode == Mode::Worktree {
        ours.give_index()?;
    }
    git.call("reset")
        .args(["--mixed", "-q", &head, "--"])
        .bytes()?;
    Ok(MergedBack {
        files_changed: changed.len(),
        head,
        before: stand.commit,
    })
}

/// Refuses to write over a file of the parent's that git ignores; git itself would.
fn refuse_overwriting(ours: &Workspace<'_>, from: &str, to: &str) -> Result<(), Error> {
    let new = ours
        .git
        .call("diff-tree")
        .args(["-r", "-z", "--name-only", "--diff-filter=A", from, to, "--"])
        .parts()?;
    let top = ours.spec.work_tree();
    let in_the_way = |path: &PathBuf| {
        std::fs::symlink_metadata(top.join(path)).is_ok_and(|found| !found.is_dir())
    };
    let paths: Vec<PathBuf> = new
        .iter()
        .map(|path| path_of(path))
        .filter(in_the_way)
        .collect();
    match paths.is_empty() {
        true => Ok(()),
        false => Err(Error::MergeConflict { paths }),
    }
}

/// The parent's branch with the child's commits.
fn merged_head(git: &Git, ours: &str, theirs: &str, branch: &str) -> Result<String, Error> {
    if commit::is_ancestor(git, theirs, ours)? {
        return Ok(ours.to_owned());
    }
    if commit::is_ancestor(git, ours, theirs)? {
        return Ok(theirs.to_owned());
    }
    let tree = clean(merge::trees(git, None, ours, theirs)?)?;
    commit::make(
        git,
        &tree,
        &[ours, theirs],
        format!("Merge branch '{branch}'\n"),
    )
}

fn clean(outcome: Outcome) -> Result<String, Error> {
    match outcome {
        Outcome::Tree(tree) => Ok(tree),
        Outcome::Conflict(paths) => Err(Error::MergeConflict { paths }),
    }
}

fn refuse_busy(workspace: &Workspace<'_>) -> Result<(), Error> {
    match operation::under_way(&git_dir(&workspace.git)?) {
        None => Ok(()),
        Some(operation) => Err(Error::Busy {
            path: workspace.spec.work_tree().to_owned(),
            operation,
        }),
    }
}

fn kept_name(commit: &str) -> String {
    format!("before-{}", commit.get(..12).unwrap_or(commit))
}
