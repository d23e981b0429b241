//! Which files belong to a checkpoint, and how they get into an index.
//!
//! Works on whatever index it is given; never writes a commit or a ref.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::git::{Git, path_of, split_nul};

/// Everything, without the files that Baton writes about runs.
const EVERYTHING: &str = ":/";
const NO_EXECUTIONS: &str = ":(top,exclude,glob)**/.agent/workflows/executions/**";
const EXECUTIONS: &str = ":(top,glob)**/.agent/workflows/executions/**";

/// How many repositories without a commit may lie about before staging gives up.
const MOST_EMPTY: usize = 50;

/// The pathspecs of all files but those that are never ours, and `left_out` (relative to the top).
pub(crate) fn pathspecs(left_out: &[String]) -> Vec<String> {
    let mut all = vec![EVERYTHING.to_owned(), NO_EXECUTIONS.to_owned()];
    all.extend(
        left_out
            .iter()
            .map(|path| format!(":(top,exclude,literal){path}")),
    );
    all
}

/// Brings the index to what the files are: tracked and untracked, not ignored. Returns what could
/// not be taken, for people.
pub(crate) fn stage(git: &Git, left_out: &[String]) -> Result<Vec<String>, Error> {
    let mut left_out = left_out.to_vec();
    let mut warnings = Vec::new();
    loop {
        let specs = pathspecs(&left_out).join("\0");
        let call = git
            .call("add")
            .args(["--all", "--pathspec-from-file=-", "--pathspec-file-nul"])
            .stdin(specs.into_bytes());
        let output = call.output()?;
        if output.code == Some(0) {
            return Ok(warnings);
        }
        match empty_repository(&output.stderr) {
            Some(path) if warnings.len() < MOST_EMPTY && !left_out.contains(&path) => {
                warnings.push(format!(
                    "{path} is a git repository without a commit: its files are not in checkpoints"
                ));
                left_out.push(path);
            }
            _ => return Err(call.failure(&output)),
        }
    }
}

/// Takes into `private` the files that the checkout's own index has although they are ignored: an
/// agent added them by force.
pub(crate) fn stage_forced(git: &Git, private: &Git, left_out: &[String]) -> Result<(), Error> {
    let top = git.dir().canonicalize().map_err(Error::io(git.dir()))?;
    let listed = git
        .call("ls-files")
        .args(["--cached", "--ignored", "--exclude-standard", "-z", "--"])
        .args(pathspecs(left_out))
        .parts()?;
    let there = |path: &&Vec<u8>| is_there(&top, &path_of(path));
    let forced: Vec<u8> = listed
        .iter()
        .filter(there)
        .cloned()
        .collect::<Vec<_>>()
        .join(&0);
    if forced.is_empty() {
        return Ok(());
    }
    private
        .call("update-index")
        .args(["--add", "--replace", "-z", "--stdin"])
        .stdin(forced)
        .bytes()
        .map(drop)
}

/// Whether there is a file or link, and no link on the way to it.
fn is_there(top: &Path, path: &Path) -> bool {
    let whole = top.join(path);
    let parent = whole.parent().unwrap_or(top);
    let straight = parent.canonicalize().is_ok_and(|real| real == parent);
    straight && fs::symlink_metadata(&whole).is_ok_and(|found| !found.is_dir())
}

/// `error: 'dir/' does not have a commit checked out`
fn empty_repository(stderr: &str) -> Option<String> {
    stderr.lines().find_map(|line| {
        let path = line
            .strip_prefix("error: '")?
            .strip_suffix("' does not have a commit checked out")?;
        Some(path.trim_end_matches('/').to_owned())
    })
}

/// Takes the files about runs out of the index, should somebody have committed them.
pub(crate) fn leave_out_executions(git: &Git) -> Result<(), Error> {
    git.call("rm")
        .args(["-r", "-q", "--cached", "--ignore-unmatch", "--"])
        .arg(EXECUTIONS)
        .bytes()
        .map(drop)
}

/// Files that are there, not ignored, and not in the index.
pub(crate) fn untracked(git: &Git, left_out: &[String]) -> Result<Vec<PathBuf>, Error> {
    let listed = git
        .call("ls-files")
        .args(["--others", "--exclude-standard", "-z", "--"])
        .args(pathspecs(left_out))
        .bytes()?;
    Ok(split_nul(&listed)
        .iter()
        .map(|path| path_of(path))
        .collect())
}
