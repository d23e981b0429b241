//! Commits by id: which texts are ids, whether they exist, and what a checkpoint's message holds.
//!
//! Never moves a ref.

use crate::error::Error;
use crate::git::Git;

/// Names the commit the work tree stood on, in the message of a checkpoint.
const HEAD_TRAILER: &str = "Baton-Head: ";

/// The message of a checkpoint that was taken with `head` checked out.
pub(crate) fn message(subject: &str, run: &str, head: &str) -> String {
    format!(
        "{}\n\nBaton-Run: {run}\n{HEAD_TRAILER}{head}\n",
        subject.trim()
    )
}

/// Whether `text` is a whole object id, SHA-1 or SHA-256.
fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `id` itself when it is a commit of the repository.
///
/// # Errors
/// [`Error::Invalid`] when it is no object id, [`Error::UnknownCommit`] when there is no such commit.
pub(crate) fn known<'a>(git: &Git, id: &'a str) -> Result<&'a str, Error> {
    if !is_id(id) {
        return Err(Error::Invalid {
            what: "commit id",
            value: id.to_owned(),
        });
    }
    let found = git
        .call("cat-file")
        .args(["-e", &format!("{id}^{{commit}}")]);
    let output = found.output()?;
    match output.code {
        Some(0) => Ok(id),
        _ => match found.failure(&output) {
            // The object is missing, or is no commit.
            Error::Git { .. } => Err(Error::UnknownCommit {
                path: git.dir().to_owned(),
                commit: id.to_owned(),
            }),
            other => Err(other),
        },
    }
}

/// The commit that was checked out when this checkpoint was taken; none when `commit` is not a
/// checkpoint.
pub(crate) fn recorded_head(git: &Git, commit: &str) -> Result<Option<String>, Error> {
    let known = known(git, commit)?;
    let object = git.call("cat-file").args(["commit", known]).bytes()?;
    let text = String::from_utf8_lossy(&object);
    let (header, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    if !header.contains("\nauthor Baton <baton@localhost> ") {
        return Ok(None);
    }
    let last = message
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(HEAD_TRAILER));
    Ok(last.filter(|id| is_id(id)).map(str::to_owned))
}

/// The commit a branch begins at: what a checkpoint recorded, or the commit itself.
pub(crate) fn head_of(git: &Git, commit: &str) -> Result<String, Error> {
    Ok(recorded_head(git, commit)?.unwrap_or_else(|| commit.to_owned()))
}

/// The commit that a full ref name or `HEAD` stands on.
pub(crate) fn resolve(git: &Git, name: &str) -> Result<Option<String>, Error> {
    git.call("rev-parse")
        .args(["--verify", "--quiet", "--end-of-options"])
        .arg(format!("{name}^{{commit}}"))
        .line_if()
}

/// The tree of a commit.
pub(crate) fn tree_of(git: &Git, commit: &str) -> Result<String, Error> {
    git.call("rev-parse")
        .args(["--verify", &format!("{commit}^{{tree}}")])
        .line()
}

/// Makes a commit of `tree`; the same parent twice counts once.
pub(crate) fn make(
    git: &Git,
    tree: &str,
    parents: &[&str],
    message: String,
) -> Result<String, Error> {
    let mut call = git.call("commit-tree").arg(tree);
    for (at, parent) in parents.iter().enumerate() {
        if !parents[..at].contains(parent) {
            call = call.args(["-p", parent]);
        }
    }
    call.args(["-F", "-"]).stdin(message.into_bytes()).line()
}

/// Whether everything in `older` is also in `newer`.
pub(crate) fn is_ancestor(git: &Git, older: &str, newer: &str) -> Result<bool, Error> {
    git.call("merge-base")
        .args(["--is-ancestor", older, newer])
        .holds()
}
