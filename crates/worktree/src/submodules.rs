//! Submodules of a worktree: filled in as far as possible, without writing to the user's
//! configuration.
//!
//! Never fails a run: what cannot be had is said.

use crate::error::Error;
use crate::git::Git;

/// Brings the submodules to the commits that the index names. `git submodule init` would write
/// their addresses into the repository's configuration, so they are made active for this call only.
pub(crate) fn update(git: &Git, warnings: &mut Vec<String>) -> Result<(), Error> {
    if !git.dir().join(".gitmodules").is_file() {
        return Ok(());
    }
    let updated = Git::call(git, "-c")
        .args(["submodule.active=.", "submodule", "--quiet", "update"])
        .args(["--recursive", "--no-recommend-shallow"])
        .bytes();
    match updated {
        Ok(_) => Ok(()),
        Err(error @ Error::NoGit) => Err(error),
        Err(error) => {
            warnings.push(format!("submodules could not be filled in: {error}"));
            Ok(())
        }
    }
}
