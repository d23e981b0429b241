//! Merging two commits without a work tree.
//!
//! Never moves a ref or a file: a tree comes out, or the files that conflict.

use std::path::PathBuf;

use crate::error::Error;
use crate::git::{Git, path_of, split_nul};

/// What a merge comes to.
pub(crate) enum Outcome {
    /// Clean: the merged tree.
    Tree(String),
    /// The files that conflict.
    Conflict(Vec<PathBuf>),
}

/// Merges `theirs` into `ours`, both commits; from `base` instead of what git finds.
pub(crate) fn trees(
    git: &Git,
    base: Option<&str>,
    ours: &str,
    theirs: &str,
) -> Result<Outcome, Error> {
    let mut call =
        git.call("merge-tree")
            .args(["--write-tree", "-z", "--name-only", "--no-messages"]);
    if let Some(base) = base {
        call = call.arg(format!("--merge-base={base}"));
    }
    let call = call.args([ours, theirs]);
    let output = call.output()?;
    let parts = split_nul(&output.stdout);
    let tree = parts.first().map(|id| String::from_utf8_lossy(id));
    match (output.code, tree) {
        (Some(0), Some(tree)) => Ok(Outcome::Tree(tree.trim().to_owned())),
        (Some(1), Some(_)) => Ok(Outcome::Conflict(
            parts.iter().skip(1).map(|path| path_of(path)).collect(),
        )),
        (Some(129), _) => Err(Error::GitTooOld {
            needed: "merging needs `git merge-tree --merge-base`, of git 2.40".to_owned(),
        }),
        _ => Err(call.failure(&output)),
    }
}
