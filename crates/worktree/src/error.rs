//! Why something with git was not done: one named case for each thing a person can act upon.
//!
//! Never holds what a user may not read: messages are git's own, in English, shortened.

use std::io;
use std::path::{Path, PathBuf};

use crate::operation::Operation;

/// Why something with git was not done. Unless a function says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no `git` program.
    #[error("git is not installed: install it, or set `worktree: stay`")]
    NoGit,
    /// The `git` program lacks something that is needed.
    #[error("this git is too old: {needed}")]
    GitTooOld {
        /// What is needed, with the version that has it.
        needed: String,
    },
    /// The directory is in no git repository (any more).
    #[error("{path} is not in a git repository")]
    NotARepository {
        /// The directory.
        path: PathBuf,
    },
    /// Git does not trust the repository because it belongs to someone else.
    #[error("git does not trust the repository at {path}: {message}")]
    Untrusted {
        /// The directory.
        path: PathBuf,
        /// Git's words, with the command that helps.
        message: String,
    },
    /// The repository has no work tree, and the mode needs one.
    #[error("{path} is a bare repository: it has no files to work on; use `worktree: worktree`")]
    Bare {
        /// The repository.
        path: PathBuf,
    },
    /// The repository has no commit yet, so there is nothing a branch could begin from.
    #[error("the repository at {path} has no commit yet: make one, or set `worktree: stay`")]
    NoCommits {
        /// The repository.
        path: PathBuf,
    },
    /// A checkout is in the middle of something that git has to end first.
    #[error(
        "{path} is in the middle of a {operation}: end it (`git {operation} --abort` or `--continue`)"
    )]
    Busy {
        /// The checkout.
        path: PathBuf,
        /// What is unfinished.
        operation: Operation,
    },
    /// A checkout has changes that would be lost or mixed with the run's.
    #[error(
        "{path} has uncommitted changes ({}): commit or stash them",
        list(files)
    )]
    Dirty {
        /// The checkout.
        path: PathBuf,
        /// The first of the files, at most 20.
        files: Vec<PathBuf>,
    },
    /// The user's checkout stands elsewhere than on the run's branch.
    #[error("{path} is on {found}, the run works on {expected}: switch back to go on")]
    SwitchedAway {
        /// The checkout.
        path: PathBuf,
        /// The run's branch.
        expected: String,
        /// The branch or commit the checkout is on.
        found: String,
    },
    /// The name of the run's branch is taken by a branch that is not the run's.
    #[error("the branch {branch} cannot be made: {message}")]
    BranchTaken {
        /// The branch.
        branch: String,
        /// What is in the way.
        message: String,
    },
    /// The run's branch is checked out in another directory.
    #[error("the branch {branch} is checked out at {at}: switch to another branch there")]
    BranchInUse {
        /// The branch.
        branch: String,
        /// The directory that has it.
        at: PathBuf,
    },
    /// The run's worktree is not there (any more); [`crate::ensure`] makes it again.
    #[error("the worktree {path} is gone")]
    Gone {
        /// The worktree.
        path: PathBuf,
    },
    /// A commit is not (or no longer) in the repository.
    #[error("the commit {commit} is not in the repository at {path}")]
    UnknownCommit {
        /// The repository.
        path: PathBuf,
        /// What was asked for.
        commit: String,
    },
    /// A run id, branch, commit or pattern that must not reach git or the disk.
    #[error("{value:?} is no valid {what}")]
    Invalid {
        /// What it should have been.
        what: &'static str,
        /// What it is.
        value: String,
    },
    /// A filter that `.gitattributes` asks for (such as Git LFS) failed or is not installed.
    #[error("a filter of git failed; if it is Git LFS, install git-lfs: {message}")]
    Filter {
        /// Git's words.
        message: String,
    },
    /// Another git holds a lock, and kept it while this waited.
    #[error("another git is at work, or left its lock file behind: {message}")]
    Locked {
        /// Git's words, with the lock file.
        message: String,
    },
    /// A git command was stopped because it took too long. What it did so far may stand.
    #[error("git {command} was stopped after {seconds} s")]
    TimedOut {
        /// The subcommand.
        command: String,
        /// How long it had.
        seconds: u64,
    },
    /// Two sides changed the same lines. Nothing was merged.
    #[error("a conflict in {}", list(paths))]
    MergeConflict {
        /// The files, relative to the repository.
        paths: Vec<PathBuf>,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Git refused for another reason.
    #[error("git {command} failed: {message}")]
    Git {
        /// The subcommand.
        command: String,
        /// Git's words.
        message: String,
    },
}

impl Error {
    /// A name that does not change, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NoGit => "no_git",
            Error::GitTooOld { .. } => "git_too_old",
            Error::NotARepository { .. } => "not_a_repository",
            Error::Untrusted { .. } => "repository_untrusted",
            Error::Bare { .. } => "bare_repository",
            Error::NoCommits { .. } => "no_commits",
            Error::Busy { .. } => "repository_busy",
            Error::Dirty { .. } => "dirty_checkout",
            Error::SwitchedAway { .. } => "switched_away",
            Error::BranchTaken { .. } => "branch_taken",
            Error::BranchInUse { .. } => "branch_in_use",
            Error::Gone { .. } => "worktree_gone",
            Error::UnknownCommit { .. } => "unknown_commit",
            Error::Invalid { .. } => "invalid_name",
            Error::Filter { .. } => "filter_failed",
            Error::Locked { .. } => "git_locked",
            Error::TimedOut { .. } => "git_timed_out",
            Error::MergeConflict { .. } => "merge_conflict",
            Error::Io { .. } => "io",
            Error::Git { .. } => "git_failed",
        }
    }

    /// Whether the same call may succeed a little later without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Error::Locked { .. } | Error::TimedOut { .. } | Error::Io { .. }
        )
    }

    /// Turns an [`io::Error`] about `path` into one of these.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io {
            path: path.to_owned(),
            source,
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths
        .iter()
        .take(5)
        .map(|p| p.display().to_string())
        .collect();
    let more = paths.len().saturating_sub(shown.len());
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
