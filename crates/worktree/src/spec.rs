//! What is fixed about where a run works, from its first event on.
//!
//! Never reads the disk.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Where a run works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In the user's directory as it is. Checkpoints hold no files, and none are restored.
    Stay,
    /// In the user's directory, switched to a branch of the run.
    Branch,
    /// In a worktree of the run's own.
    Worktree,
}

/// Where one run works, and from what it began. The same for the whole life of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Where it works.
    pub mode: Mode,
    /// The user's checkout ([`crate::Repository::root`]); without git, the project's directory.
    pub root: PathBuf,
    /// Where the project is in it ([`crate::Repository::project`]).
    pub project: PathBuf,
    /// The worktree, `<data dir>/worktrees/<project>/<run>`; absolute. In the other modes nothing
    /// stands there, but the state is kept beside it all the same.
    pub path: PathBuf,
    /// The run's own branch, short: see [`branch_name`].
    pub branch: String,
    /// What the run began from. When it is a checkpoint (of a forked or a parent run), the branch
    /// begins at the commit that was checked out then, with the checkpoint's files.
    pub base: String,
    /// The run's id.
    pub run: String,
    /// Files of the user's project to copy into a new worktree: `.env*`, `config/*.local`, `**/x`.
    pub copy: Vec<String>,
}

impl Spec {
    /// The directory the run's steps work in: the project, in the worktree or at the user's.
    pub fn directory(&self) -> PathBuf {
        beneath(self.work_tree(), &self.project)
    }

    /// The user's project.
    pub(crate) fn user_directory(&self) -> PathBuf {
        beneath(&self.root, &self.project)
    }

    /// The top of the files that checkpoints hold.
    pub(crate) fn work_tree(&self) -> &Path {
        match self.mode {
            Mode::Worktree => &self.path,
            Mode::Stay | Mode::Branch => &self.root,
        }
    }

    /// The run's branch in full.
    pub(crate) fn branch_ref(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// A file of ours beside the worktree.
    pub(crate) fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    }

    /// Refuses what must not reach git or the disk.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_run(&self.run)?;
        for path in [&self.root, &self.path] {
            if !path.is_absolute() {
                return Err(Error::Invalid {
                    what: "absolute path",
                    value: path.display().to_string(),
                });
            }
        }
        let plain = |part| matches!(part, std::path::Component::Normal(_));
        if !self.project.components().all(plain) {
            return Err(Error::Invalid {
                what: "path within the repository",
                value: self.project.display().to_string(),
            });
        }
        check_branch(&self.branch)
    }
}

/// The branch of a run: `baton/<definition key>-<last 8 of the run id>`. What git allows in no
/// branch becomes `-`.
pub fn branch_name(definition_key: &str, run: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let key: String = definition_key.chars().map(safe).collect();
    let skip = run.chars().count().saturating_sub(8);
    let end: String = run.chars().skip(skip).map(safe).collect();
    match key.trim_start_matches('-') {
        "" => format!("baton/run-{end}"),
        key => format!("baton/{key}-{end}"),
    }
}

/// Refuses a run id that is no plain word.
pub(crate) fn check_run(run: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if run.is_empty() || run.starts_with('-') || !run.chars().all(plain) {
        return Err(Error::Invalid {
            what: "run id",
            value: run.to_owned(),
        });
    }
    Ok(())
}

/// Refuses what git does not take as a branch, by the rules of `git check-ref-format`.
pub(crate) fn check_branch(branch: &str) -> Result<(), Error> {
    let part =
        |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock");
    let bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let valid = branch.split('/').all(part)
        && !branch.contains(bad)
        && !branch.contains("..")
        && !branch.contains("@{")
        && !branch.ends_with('.')
        && branch != "@";
    if valid {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "branch",
        value: branch.to_owned(),
    })
}

fn beneath(top: &Path, project: &Path) -> PathBuf {
    match project.as_os_str().is_empty() {
        true => top.to_owned(),
        false => top.join(project),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_branch_is_named_by_the_definition_and_the_run() {
        assert_eq!(
            branch_name("release", "run_0190aabbccdd7eeeffff00001a2b3c4d"),
            "baton/release-1a2b3c4d"
        );
        for odd in ["--a b", "x..y", "ü/../é.lock", "@{", ""] {
            let name = branch_name(odd, "run_1");
            assert!(check_branch(&name).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_git_could_take_for_an_option_is_no_run_and_no_branch() {
        for run in ["", "-d", "a/b", "..", "a b"] {
            assert!(check_run(run).is_err(), "{run}");
        }
        for branch in [
            "-d", "a..b", "a/", "/a", "a b", "a.lock", "@", "a/.b", "x\ny",
        ] {
            assert!(check_branch(branch).is_err(), "{branch}");
        }
    }
}
