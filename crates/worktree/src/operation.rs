//! What a checkout can be in the middle of, read from the marks git leaves in its directory.
//!
//! Never ends or continues anything in the user's directories.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::error::Error;

/// Something git has begun in a checkout and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `git rebase`.
    Rebase,
    /// `git am`.
    Am,
    /// `git merge`.
    Merge,
    /// `git cherry-pick`.
    CherryPick,
    /// `git revert`.
    Revert,
    /// `git bisect`.
    Bisect,
}

impl fmt::Display for Operation {
    /// The name of the git command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Rebase => "rebase",
            Operation::Am => "am",
            Operation::Merge => "merge",
            Operation::CherryPick => "cherry-pick",
            Operation::Revert => "revert",
            Operation::Bisect => "bisect",
        })
    }
}

const MARKS: &[(&str, Operation)] = &[
    ("rebase-apply/applying", Operation::Am),
    ("rebase-apply", Operation::Rebase),
    ("rebase-merge", Operation::Rebase),
    ("MERGE_HEAD", Operation::Merge),
    ("CHERRY_PICK_HEAD", Operation::CherryPick),
    ("REVERT_HEAD", Operation::Revert),
    ("BISECT_LOG", Operation::Bisect),
];

/// What else an unfinished operation leaves in a checkout's git directory.
const REMAINS: &[&str] = &[
    "rebase-apply",
    "rebase-merge",
    "sequencer",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "MERGE_RR",
    "AUTO_MERGE",
    "SQUASH_MSG",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "BISECT_LOG",
    "BISECT_START",
    "BISECT_NAMES",
    "BISECT_TERMS",
    "BISECT_EXPECTED_REV",
    "BISECT_ANCESTORS_OK",
];

/// What the checkout with this git directory is in the middle of.
pub(crate) fn under_way(git_dir: &Path) -> Option<Operation> {
    MARKS
        .iter()
        .find(|(mark, _)| git_dir.join(mark).exists())
        .map(|(_, operation)| *operation)
}

/// The branch (`refs/heads/…`) that an unfinished rebase or bisect in this checkout will move or
/// return to; git shows such a checkout as detached.
pub(crate) fn held_branch(git_dir: &Path) -> Option<String> {
    let held = |file: &str| fs::read_to_string(git_dir.join(file)).ok();
    held("rebase-merge/head-name")
        .or_else(|| held("rebase-apply/head-name"))
        .map(|name| name.trim().to_owned())
        .or_else(|| held("BISECT_START").map(|name| format!("refs/heads/{}", name.trim())))
}

/// Takes the marks away. Only for a worktree that is the run's own.
pub(crate) fn clear(git_dir: &Path) -> Result<(), Error> {
    for name in REMAINS {
        let path = git_dir.join(name);
        let Ok(found) = fs::symlink_metadata(&path) else {
            continue;
        };
        let removed = if found.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(Error::io(&path))?;
    }
    Ok(())
}
