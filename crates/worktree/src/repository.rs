//! The user's repository: which one a project is in, and what state a checkout of it is in.
//!
//! Only reads.

use std::path::{Path, PathBuf};

use crate::commit;
use crate::error::Error;
use crate::git::{Git, path_of};
use crate::operation::{self, Operation};
use crate::stage;

/// How many files an answer names.
const NAMED: usize = 20;

/// The git repository that contains a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The top of the user's checkout; of a bare repository, its own directory. Absolute.
    pub root: PathBuf,
    /// Where the project is in it; empty when it is the whole repository.
    pub project: PathBuf,
    /// There is no work tree: only [`crate::Mode::Worktree`] and `Stay` are possible.
    pub bare: bool,
}

/// What a checkout stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch (its short name) and its commit.
    Branch(String, String),
    /// A commit, without a branch.
    Detached(String),
    /// A branch without any commit.
    Unborn(String),
}

/// What state a checkout is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What it stands on.
    pub head: Head,
    /// Changed, staged and untracked files, the first 20; empty when clean. A directory of
    /// untracked files is named once. `.agent/workflows/executions` does not count.
    pub dirty: Vec<PathBuf>,
    /// What it is in the middle of.
    pub operation: Option<Operation>,
}

impl Repository {
    /// The repository that contains the directory `path`; none when there is none.
    ///
    /// # Errors
    /// [`Error::NoGit`] without a git program, [`Error::Untrusted`] when git does not trust it.
    pub fn discover(path: &Path) -> Result<Option<Repository>, Error> {
        let path = path.canonicalize().map_err(Error::io(path))?;
        let git = Git::at(&path);
        let kind = git
            .call("rev-parse")
            .args(["--is-bare-repository", "--is-inside-git-dir"])
            .line();
        let kind = match kind {
            Ok(kind) => kind,
            Err(Error::NotARepository { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if kind.contains("true") {
            let root = git.call("rev-parse").arg("--absolute-git-dir").path()?;
            return Ok(Some(Repository {
                root,
                project: PathBuf::new(),
                bare: true,
            }));
        }
        let root = git.call("rev-parse").arg("--show-toplevel").path()?;
        let root = root.canonicalize().map_err(Error::io(&root))?;
        let project = path
            .strip_prefix(&root)
            .map(Path::to_owned)
            .unwrap_or_default();
        Ok(Some(Repository {
            root,
            project,
            bare: false,
        }))
    }

    /// What the user's checkout stands on.
    ///
    /// # Errors
    /// Those of git.
    pub fn head(&self) -> Result<Head, Error> {
        head(&Git::at(&self.root))
    }

    /// The state of the user's checkout.
    ///
    /// # Errors
    /// Those of git. [`Head::Unborn`] is an answer, not an error.
    pub fn state(&self) -> Result<State, Error> {
        let git = Git::at(&self.root);
        let dirty = if self.bare {
            Vec::new()
        } else {
            dirty(&git, Untracked::Count)?
        };
        Ok(State {
            head: head(&git)?,
            dirty,
            operation: operation::under_way(&git_dir(&git)?),
        })
    }

    /// The commit a run begins from: that of the branch `from`, else what the checkout stands on.
    ///
    /// # Errors
    /// [`Error::NoCommits`] in a repository without one, [`Error::Invalid`] when there is no such
    /// branch.
    pub fn base(&self, from: Option<&str>) -> Result<String, Error> {
        let git = Git::at(&self.root);
        let Some(branch) = from else {
            return commit::resolve(&git, "HEAD")?.ok_or_else(|| Error::NoCommits {
                path: self.root.clone(),
            });
        };
        let found = commit::resolve(&git, &format!("refs/heads/{branch}"))?;
        found.ok_or_else(|| Error::Invalid {
            what: "branch",
            value: branch.to_owned(),
        })
    }
}

/// What a checkout stands on.
pub(crate) fn head(git: &Git) -> Result<Head, Error> {
    let branch = git
        .call("symbolic-ref")
        .args(["--quiet", "HEAD"])
        .line_if()?;
    let commit = commit::resolve(git, "HEAD")?;
    let short = |name: String| match name.strip_prefix("refs/heads/") {
        Some(short) => short.to_owned(),
        None => name,
    };
    match (branch, commit) {
        (Some(branch), Some(commit)) => Ok(Head::Branch(short(branch), commit)),
        (Some(branch), None) => Ok(Head::Unborn(short(branch))),
        (None, Some(commit)) => Ok(Head::Detached(commit)),
        (None, None) => Err(Error::NoCommits {
            path: git.dir().to_owned(),
        }),
    }
}

/// The directory git keeps for this checkout.
pub(crate) fn git_dir(git: &Git) -> Result<PathBuf, Error> {
    git.call("rev-parse").arg("--absolute-git-dir").path()
}

/// Whether untracked files make a checkout dirty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untracked {
    Count,
    Leave,
}

/// The first changed files of a checkout.
pub(crate) fn dirty(git: &Git, untracked: Untracked) -> Result<Vec<PathBuf>, Error> {
    let untracked = match untracked {
        Untracked::Count => "--untracked-files=normal",
        Untracked::Leave => "--untracked-files=no",
    };
    let entries = git
        .call("status")
        .args(["--porcelain=v1", "-z", "--no-renames", untracked, "--"])
        .args(stage::pathspecs(&[]))
        .parts()?;
    let paths = entries.iter().filter_map(|entry| entry.get(3..));
    Ok(paths.take(NAMED).map(path_of).collect())
}

/// The checkouts of the repository that exist, and the branch (`refs/heads/…`) each one has or
/// holds for an unfinished rebase.
pub(crate) fn checkouts(git: &Git) -> Result<Vec<(PathBuf, Option<String>)>, Error> {
    let parts = git
        .call("worktree")
        .args(["list", "--porcelain", "-z"])
        .parts()?;
    let mut found: Vec<(PathBuf, Option<String>)> = Vec::new();
    for part in &parts {
        if let Some(path) = part.strip_prefix(b"worktree ") {
            found.push((path_of(path), None));
        } else if let (Some(name), Some(last)) = (part.strip_prefix(b"branch "), found.last_mut()) {
            last.1 = Some(String::from_utf8_lossy(name).into_owned());
        }
    }
    found.retain(|(path, _)| path.is_dir());
    for (path, branch) in &mut found {
        if branch.is_none() {
            *branch = operation::held_branch(&git_dir(&Git::at(path))?);
        }
    }
    Ok(found)
}

/// Where a branch (`refs/heads/…`) is checked out.
pub(crate) fn checkout_of(git: &Git, branch: &str) -> Result<Option<PathBuf>, Error> {
    let mut all = checkouts(git)?.into_iter();
    Ok(all
        .find(|(_, has)| has.as_deref() == Some(branch))
        .map(|(path, _)| path))
}
