//! A run's own files: which commits its checkpoints are, and what lies between two of them. Asks
//! git, and blocks.

use std::io::Write;
use std::path::Path;

use axum::http::StatusCode;
use baton_core::run::event::{Finished, Key, ResetReason, Workspace};
use baton_core::run::{Checkpoint, Run};
use baton_store::views::RunRow;
use baton_worktree::{Change, ChangedFile, Error};
use serde_json::{Value, json};

use super::error::{Answer, Problem};
use super::wire::word;

/// Files that are named, at most.
const NAMED: usize = 1000;

/// Two commits of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    repository: String,
    from: String,
    to: String,
}

/// What lies between two checkpoints, each by its number or its step; from what the run began with,
/// and to the newest, where none is named.
pub fn between(run: &Run, from: Option<&str>, to: Option<&str>) -> Answer<Between> {
    let workspace = own(run)?;
    let from = match from {
        Some(name) => commit_of(run, workspace, name)?,
        None => workspace.base.clone(),
    };
    let to = match to {
        Some(name) => commit_of(run, workspace, name)?,
        None => newest(run, workspace),
    };
    Ok(Between {
        repository: workspace.repository.clone(),
        from,
        to,
    })
}

fn own(run: &Run) -> Answer<&Workspace> {
    let number = run.created.number;
    let none = |detail: String| Problem::new(StatusCode::CONFLICT, "no_files", detail);
    match &run.created.workspace {
        Some(workspace) if workspace.shared => Err(none(format!(
            "run {number} works on the files of the run it belongs to: ask that one"
        ))),
        Some(workspace) => Ok(workspace),
        None => Err(none(format!(
            "run {number} works in the project's own directory (`stay`): it keeps no files of its \
             own to compare"
        ))),
    }
}

fn newest(run: &Run, workspace: &Workspace) -> String {
    let newest = run.files.newest.as_ref();
    newest.unwrap_or(&workspace.base).clone()
}

/// The commit of a checkpoint. One that kept no files of its own has those of the one before it.
fn commit_of(run: &Run, workspace: &Workspace, name: &str) -> Answer<String> {
    let shown: String = name.chars().take(64).collect();
    let none = |what: String| Problem::not_found(what).with("checkpoints", listed(run));
    let number = match name.parse::<u32>() {
        Ok(number) if run.checkpoints.contains_key(&number) => number,
        Ok(number) => return Err(none(format!("the run has no checkpoint {number}"))),
        Err(_) => {
            let of_step = |(_, checkpoint): &(&u32, &Checkpoint)| is_after(&checkpoint.after, name);
            let last = run.checkpoints.iter().rev().find(of_step);
            match last {
                Some((number, _)) => *number,
                None if run.find(name).is_some() => {
                    return Err(none(format!("the step `{shown}` has left no checkpoint")));
                }
                None => return Err(none(format!("the run has no step `{shown}`"))),
            }
        }
    };
    let before = run.checkpoints.range(..=number).rev();
    let commit = before
        .map(|(_, checkpoint)| checkpoint.commit.clone())
        .find(Option::is_some);
    Ok(commit.flatten().unwrap_or_else(|| workspace.base.clone()))
}

/// Whether a checkpoint after `after` is one of this step: it, or an item of it.
fn is_after(after: &str, step: &str) -> bool {
    after
        .strip_prefix(step)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn listed(run: &Run) -> Value {
    let one = |(number, c): (&u32, &Checkpoint)| json!({"number": number, "step_id": c.after});
    run.checkpoints.iter().map(one).collect()
}

impl Between {
    /// Writes the unified diff as it is made.
    ///
    /// # Errors
    /// Git's.
    pub fn write(&self, to: &mut dyn Write) -> Result<(), Error> {
        baton_worktree::diff(Path::new(&self.repository), &self.from, &self.to, to)
    }
}

/// What an error of git says to a client.
pub fn problem(error: &Error) -> Problem {
    let status = match error {
        Error::UnknownCommit { .. } | Error::NotARepository { .. } => StatusCode::CONFLICT,
        error if error.may_pass() => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    };
    Problem::new(status, error.code(), error.to_string())
}

/// What undoing these steps does to the run's files: `files`, `files_count`, `restores_files` and
/// `detail` of a rewind's preview. Files are told as those steps changed them.
pub fn rewind(run: &Run, keys: &[Key], because: &ResetReason) -> Value {
    let stays = |detail: &str| json!({"files": [], "files_count": 0, "restores_files": false, "detail": detail});
    let workspace = match &run.created.workspace {
        None => {
            return stays(
                "the run works in the project's own directory (`stay`): its files stay as they are",
            );
        }
        Some(workspace) if workspace.shared => {
            return stays(
                "the run works on the files of the run it belongs to: they stay as they are",
            );
        }
        Some(workspace) => workspace,
    };
    let target = run.files_without(keys, because);
    let to = target.unwrap_or(&workspace.base);
    let number = target.and_then(|commit| {
        let mut checkpoints = run.checkpoints.iter().rev();
        checkpoints.find(|(_, c)| c.commit.as_deref() == Some(commit) && !c.partial)
    });
    let newest = newest(run, workspace);
    let (files, detail) = match between_commits(workspace, to, &newest) {
        Ok(files) => {
            let back = match number {
                Some((number, c)) => format!("checkpoint {number}, after `{}`", c.after),
                None => "what the run began from".into(),
            };
            let what = match files.len() {
                0 => "no file differs".to_owned(),
                1 => "1 file differs".into(),
                n => format!("{n} files differ"),
            };
            (files, format!("the run's files go back to {back}: {what}"))
        }
        Err(error) => (
            Vec::new(),
            format!("the run's files go back too; which ones cannot be told now: {error}"),
        ),
    };
    let named: Vec<Value> = files.iter().take(NAMED).map(file).collect();
    json!({
        "files": named,
        "files_count": files.len(),
        "restores_files": true,
        "detail": detail,
    })
}

fn between_commits(workspace: &Workspace, from: &str, to: &str) -> Result<Vec<ChangedFile>, Error> {
    if from == to {
        return Ok(Vec::new());
    }
    baton_worktree::changed_files(Path::new(&workspace.repository), from, to)
}

fn file(file: &ChangedFile) -> Value {
    let change = match file.change {
        Change::Added => "added",
        Change::Deleted => "deleted",
        Change::Modified => "modified",
        Change::Renamed => "renamed",
        Change::TypeChanged => "type_changed",
    };
    json!({
        "path": file.path.to_string_lossy(),
        "old_path": file.old_path.as_ref().map(|path| path.to_string_lossy()),
        "change": change,
        "insertions": file.added,
        "deletions": file.removed,
    })
}

/// Where a run works, when that is not the project's own directory.
#[must_use]
pub fn worktree(run: &RunRow) -> Value {
    let Some(workspace) = &run.workspace else {
        return Value::Null;
    };
    let outcome = |finished: &Finished| {
        json!({
            "branch": finished.branch,
            "commit": finished.commit,
            "merged_into": finished.merged_into,
            "conflicts": finished.conflicts,
            "detail": finished.detail,
        })
    };
    json!({
        "mode": word(&workspace.mode),
        "path": run.directory,
        "branch": workspace.branch,
        "base": workspace.base,
        "base_branch": workspace.base_branch,
        "finish": word(&workspace.finish),
        "is_shared": workspace.shared,
        "finished": run.finished.as_ref().map(outcome),
    })
}
