//! Copying files that git does not have, such as `.env`, from the user's project into a worktree.
//!
//! Never overwrites a file, follows no link out of the project, and writes through none.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::git::split_nul;
use crate::glob::{self, Glob};
use crate::workspace::Workspace;

/// Copies what the patterns name. Returns those that git does not ignore, relative to the top of
/// the worktree: they must be kept out of checkpoints.
pub(crate) fn copy(
    workspace: &Workspace<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Error> {
    let spec = workspace.spec;
    let (from, to) = (spec.user_directory(), spec.directory());
    fs::create_dir_all(&to).map_err(Error::io(&to))?;
    let mut wanted = BTreeSet::new();
    for pattern in &spec.copy {
        match Glob::parse(pattern) {
            Ok(glob) => find(&from, Path::new(""), glob.parts(), &mut wanted),
            Err(error) => notes.push(format!("Nothing was copied for a pattern: {error}.")),
        }
    }
    let mut copied = Vec::new();
    for path in wanted {
        match copy_file(&from, &to, &path) {
            Ok(true) => copied.extend(spec.project.join(&path).to_str().map(str::to_owned)),
            Ok(false) => {}
            Err(reason) => notes.push(format!("{} was not copied: {reason}.", path.display())),
        }
    }
    not_ignored(workspace, copied)
}

fn not_ignored(workspace: &Workspace<'_>, copied: Vec<String>) -> Result<Vec<String>, Error> {
    if copied.is_empty() {
        return Ok(copied);
    }
    let call = workspace
        .git
        .call("check-ignore")
        .args(["-z", "--stdin"])
        .stdin(copied.join("\0").into_bytes());
    let output = call.output()?;
    if !matches!(output.code, Some(0 | 1)) {
        return Err(call.failure(&output));
    }
    let ignored: BTreeSet<Vec<u8>> = split_nul(&output.stdout).into_iter().collect();
    Ok(copied
        .into_iter()
        .filter(|path| !ignored.contains(path.as_bytes()))
        .collect())
}

/// Collects the files that fit; a directory that fits counts with all that is in it. Directories
/// behind links are not entered, nor is what belongs to git.
fn find(top: &Path, dir: &Path, parts: &[String], found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(top.join(dir)) else {
        return;
    };
    for entry in entries.flatten() {
        let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else {
            continue;
        };
        if name == ".git" {
            continue;
        }
        let path = dir.join(&name);
        for rest in rests(parts, &name) {
            match (rest.is_empty(), kind.is_dir()) {
                (true, false) => {
                    found.insert(path.clone());
                }
                (true, true) => find(top, &path, &["**".to_owned(), "*".to_owned()], found),
                (false, true) => find(top, &path, rest, found),
                (false, false) => {}
            }
        }
    }
}

/// What of a pattern is left for below an entry with this name.
fn rests<'a>(parts: &'a [String], name: &OsString) -> Vec<&'a [String]> {
    match parts.split_first() {
        Some((first, rest)) if first == "**" => {
            let mut all = vec![parts];
            all.extend(rests(rest, name));
            all
        }
        Some((first, rest)) if glob::fits(first, name) => vec![rest],
        _ => Vec::new(),
    }
}

/// Copies one file; no when there is one already. The error is a reason for people.
fn copy_file(from: &Path, to: &Path, path: &Path) -> Result<bool, String> {
    let target = to.join(path);
    if fs::symlink_metadata(&target).is_ok() {
        return Ok(false);
    }
    if path.to_str().is_none() {
        return Err("its name is not UTF-8".into());
    }
    let source = real_file(from, &from.join(path))?;
    let parent = target.parent().unwrap_or(to);
    make_directory(to, parent)?;
    let new = parent.join(".baton-copy");
    let text = |error: std::io::Error| error.to_string();
    let _ = fs::remove_file(&new);
    fs::copy(&source, &new).map_err(text)?;
    fs::rename(&new, &target).map_err(text)?;
    Ok(true)
}

/// The file behind `path`, which must be a plain one within `top`.
fn real_file(top: &Path, path: &Path) -> Result<PathBuf, String> {
    let text = |error: std::io::Error| error.to_string();
    let real = path.canonicalize().map_err(text)?;
    if !real.starts_with(top.canonicalize().map_err(text)?) {
        return Err("it is a link that leads out of the project".into());
    }
    match real.is_file() {
        true => Ok(real),
        false => Err("it is no plain file".into()),
    }
}

/// Makes `parent` unless a link on the way leads out of `to`.
fn make_directory(to: &Path, parent: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let top = to.canonicalize().map_err(text)?;
    let standing = parent
        .ancestors()
        .find(|dir| fs::symlink_metadata(dir).is_ok());
    let real = standing.unwrap_or(to).canonicalize().map_err(text)?;
    if !real.starts_with(&top) {
        return Err("a link in the worktree leads out of it".into());
    }
    fs::create_dir_all(parent).map_err(text)
}
