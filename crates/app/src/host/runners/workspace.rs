//! A run's own branch or worktree: made ready before an attempt, kept as a commit after it, finished
//! at the run's end. What git does is `baton-worktree`'s; when, is the run's state's to say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baton_core::definition::{Finish, WorktreeMode};
use baton_core::ids::RunId;
use baton_core::run::decide::News;
use baton_core::run::event::{ErrorCode, Finished, StepError, Workspace};
use baton_engine::ports::{FilesAt, FinishFiles, Launch, MergeFiles, Reports};
use baton_runner::{AttemptDir, AttemptSpec, End, Outcome, Program, TakeBack};
use baton_worktree::{Error, How, Merged, Mode, Reason, Restore, Spec};

use super::environment::{self, Vendor};
use super::{ShepherdRunners, logs};
use crate::host::settings::millis;

/// The longest that a setup command may run.
const SETUP: Duration = Duration::from_secs(3600);

/// How often finishing is tried again when another git is at work.
const TRIES: u32 = 20;

/// And how long between.
const AGAIN: Duration = Duration::from_millis(500);

/// Where a run works, as `baton-worktree` has it.
pub fn spec(workspace: &Workspace) -> Spec {
    let path = PathBuf::from(&workspace.root);
    let run = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    Spec {
        mode: match workspace.mode {
            WorktreeMode::Stay => Mode::Stay,
            WorktreeMode::Branch => Mode::Branch,
            WorktreeMode::Worktree => Mode::Worktree,
        },
        root: PathBuf::from(&workspace.repository),
        project: PathBuf::from(&workspace.inside),
        run: run.unwrap_or_default(),
        path,
        branch: workspace.branch.clone(),
        base: workspace.base.clone(),
        copy: workspace.copy.clone(),
    }
}

fn failure(error: &Error) -> StepError {
    let code = match error {
        Error::MergeConflict { .. } => ErrorCode::MergeConflict,
        _ => ErrorCode::Workspace,
    };
    StepError {
        code,
        message: error.to_string(),
    }
}

impl ShepherdRunners {
    /// Brings what an isolated item did into its run's files, on a thread of its own, and reports it.
    pub(super) fn merge_files(&self, merge: MergeFiles, reports: Arc<dyn Reports>) {
        let MergeFiles { run, key, .. } = merge.clone();
        let runners = self.clone();
        let thread = std::thread::Builder::new().name("merge".into());
        let runtime = tokio::runtime::Handle::try_current();
        let spawned = thread.spawn(move || {
            let _inside = runtime.as_ref().map(tokio::runtime::Handle::enter);
            let outcome = runners.merge_now(&merge);
            reports.merged(merge.run, merge.key, merge.number, outcome);
        });
        if let Err(error) = spawned {
            // The run stays live: the next host's recovery looks again.
            tracing::error!(%run, key, %error, "no thread to merge what an item did");
        }
    }

    fn merge_now(&self, merge: &MergeFiles) -> Finished {
        let item = &merge.files.workspace;
        let parent = item.parent.as_deref().unwrap_or(item);
        let root = self.root(&parent.root);
        let _alone = root.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was deleted by hand is made again from what its last attempt left.
        if let Err(error) = baton_worktree::ensure(&spec(item), &restore(&merge.files)) {
            tracing::warn!(run = %merge.run, key = merge.key, %error, "an item's worktree is gone");
        }
        let outcome = merge_back(item, parent);
        if !outcome.conflicts.is_empty() {
            // The branch is what stays of it: all of its work is to be there.
            let kept = baton_worktree::finish(&spec(item), &How::Keep, &merge.key);
            if let Err(error) = kept {
                tracing::warn!(run = %merge.run, key = merge.key, %error, "not all is on its branch");
            }
        }
        outcome
    }

    /// Has the run's files there as its state says, and its setup done.
    pub(super) fn make_ready(&self, launch: &Launch) -> Result<(), StepError> {
        let Some(files) = &launch.files else {
            return Ok(());
        };
        // One at a time: the next one finds the setup done.
        let root = self.root(&files.workspace.root);
        let _ready = root.lock().unwrap_or_else(PoisonError::into_inner);
        let spec = spec(&files.workspace);
        let want = restore(files);
        let prepared = baton_worktree::ensure(&spec, &want).map_err(|error| failure(&error))?;
        for note in &prepared.notes {
            let content = note.clone();
            if let Some(reports) = self.reports(launch.attempt) {
                reports.news(launch.attempt, News::Note { content });
            }
        }
        match &files.workspace.setup {
            Some(command) if !prepared.setup_done => {
                self.set_up(launch, command, &prepared.directory)?;
                baton_worktree::mark_setup_done(&spec).map_err(|error| failure(&error))
            }
            _ => Ok(()),
        }
    }

    /// Whoever changes a worktree as a whole holds this.
    fn root(&self, root: &str) -> Arc<Mutex<()>> {
        let mut roots = self
            .inner
            .roots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        roots.entry(root.to_owned()).or_default().clone()
    }

    /// Runs the setup command under a shepherd that ends with this host: the next one begins anew.
    fn set_up(&self, launch: &Launch, command: &str, directory: &Path) -> Result<(), StepError> {
        let fails = |message: String| StepError {
            code: ErrorCode::Workspace,
            message: format!("the worktree's `setup` failed: {message}"),
        };
        let inner = &self.inner;
        let env = self
            .environment(launch)
            .map_err(|_| fails("it was stopped".into()))?;
        let own = BTreeMap::new();
        let env = environment::of_child(env, &inner.secrets, launch, &own, Vendor::Nobody)
            .map_err(fails)?;
        let id = format!("{}_setup", launch.attempt);
        let dir = AttemptDir::new(&inner.data_dir, &id).map_err(|e| fails(e.to_string()))?;
        if self.is_left_over(&dir) {
            return Ok(());
        }
        let logs = logs::prepare(&inner.data_dir, launch).map_err(|e| fails(e.to_string()))?;
        let common = self.spec(launch, None, env, logs.join("setup"));
        let spec = AttemptSpec {
            attempt: id,
            program: Program::Shell(command.to_owned()),
            cwd: directory.to_owned(),
            timeout_ms: Some(millis(SETUP)),
            orphan_grace_ms: 0,
            host_binary: PathBuf::new(),
            ..common
        };
        let shepherd = baton_runner::launch(&inner.binary, &dir, &spec)
            .map_err(|error| fails(error.to_string()))?;
        let shepherd = Arc::new(shepherd);
        self.connected(launch.attempt, &shepherd);
        let outcome = shepherd.wait();
        let record = match outcome {
            Outcome::Ended(record) => record,
            Outcome::Lost { .. } | Outcome::TakenOver => {
                return Err(fails("it was lost".into()));
            }
        };
        let _no_longer_needed = dir.remove();
        match &record.end {
            End::Exited { code: 0 } => Ok(()),
            End::Exited { code } => {
                let lines = record.stderr_tail.lines().rev();
                let last = lines.map(str::trim).find(|line| !line.is_empty());
                let last = last.map(|line| format!(": {line}")).unwrap_or_default();
                Err(fails(format!("exit code {code}{last}")))
            }
            End::Signaled { signal } => Err(fails(format!("ended by signal {signal}"))),
            End::SpawnFailed { message } => Err(fails(message.clone())),
            End::TimedOut => Err(fails("it ran longer than an hour".into())),
            End::Stopped { .. } => Err(fails("it was stopped".into())),
        }
    }

    /// Sees to the end of a setup that an earlier host began. True when it came to a good end.
    fn is_left_over(&self, dir: &AttemptDir) -> bool {
        while dir.path().exists() {
            let well = match baton_runner::take_back(dir, self.inner.generation) {
                Ok(TakeBack::Living(shepherd)) => {
                    shepherd.stop();
                    let _looked_at_again = shepherd.wait();
                    continue;
                }
                Ok(TakeBack::Ended(record)) => record.end == End::Exited { code: 0 },
                Ok(TakeBack::Lost { still_running }) if !still_running.is_empty() => {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "what resists SIGKILL sends no word when it ends; this thread does nothing else"
                    )]
                    std::thread::sleep(AGAIN);
                    continue;
                }
                Ok(TakeBack::Lost { .. } | TakeBack::NeverStarted) | Err(_) => false,
            };
            let _no_longer_needed = dir.remove();
            return well;
        }
        false
    }

    /// Keeps the files as an attempt left them, and tells the run.
    pub(super) fn keep_files(&self, launch: &Launch, reports: &dyn Reports) {
        let Some(files) = &launch.files else {
            return;
        };
        let subject = format!("{} (attempt {})", launch.key, launch.try_number);
        let spec = spec(&files.workspace);
        match baton_worktree::checkpoint(&spec, &subject, files.newest.as_deref()) {
            Ok(Some(checkpoint)) => {
                for warning in &checkpoint.warnings {
                    tracing::warn!(run = %launch.run, "{warning}");
                }
                let commit = checkpoint.commit;
                reports.news(launch.attempt, News::Files { commit });
            }
            Ok(None) => {}
            Err(error) => {
                let (run, key) = (launch.run, &launch.key);
                tracing::warn!(%run, key, %error, "its files could not be kept as a checkpoint");
            }
        }
    }

    pub(super) fn keep_commit(run: RunId, workspace: &Workspace, number: u32, commit: &str) {
        if workspace.shared {
            return;
        }
        let root = Path::new(&workspace.repository);
        let kept = baton_worktree::keep(root, &run.to_string(), u64::from(number), commit);
        if let Err(error) = kept {
            tracing::warn!(%run, number, %error, "a checkpoint's commit has no name yet");
        }
    }

    /// Finishes a branch on a thread of its own, and reports it.
    pub(super) fn finish_files(&self, finish: FinishFiles, reports: Arc<dyn Reports>) {
        let run = finish.run;
        let runners = self.clone();
        let thread = std::thread::Builder::new().name("finish".into());
        let runtime = tokio::runtime::Handle::try_current();
        let spawned = thread.spawn(move || {
            let _inside = runtime.as_ref().map(tokio::runtime::Handle::enter);
            let outcome = runners.finish_now(&finish);
            reports.finished(finish.run, outcome);
        });
        if let Err(error) = spawned {
            // The run stays live: the next host's recovery looks again.
            tracing::error!(%run, %error, "no thread to finish a run's branch");
        }
    }

    fn finish_now(&self, finish: &FinishFiles) -> Finished {
        let workspace = &finish.files.workspace;
        let Some(parent) = &workspace.parent else {
            return finish_branch(workspace, &finish.name);
        };
        // Children and items of one run bring their work into the same worktree.
        let root = self.root(&parent.root);
        let _alone = root.lock().unwrap_or_else(PoisonError::into_inner);
        merge_back(workspace, parent)
    }
}

/// Takes away a worktree and the checkpoints of its own; its branch unless that is to stay.
pub fn discard(workspace: &Workspace, keep_branch: bool) -> Result<(), Error> {
    let spec = spec(workspace);
    baton_worktree::remove(&spec, keep_branch)?;
    baton_worktree::forget(&spec.root, &spec.run)
}

fn restore(files: &FilesAt) -> Restore {
    if files.workspace.shared {
        let as_parent = of_parent(&files.workspace);
        return Restore {
            commit: files.newest.clone().or(as_parent.commit),
            ..as_parent
        };
    }
    // Before the first checkpoint they go back to what the run began from.
    let began = || (files.generation > 0).then(|| files.workspace.base.clone());
    Restore {
        generation: files.generation,
        commit: files.newest.clone().or_else(began),
    }
}

/// The files of a parent as they stood when its child began.
fn of_parent(workspace: &Workspace) -> Restore {
    let began = || (workspace.generation > 0).then(|| workspace.base.clone());
    Restore {
        generation: workspace.generation,
        commit: workspace.newest.clone().or_else(began),
    }
}

/// Where an isolated child works: beside its parent.
pub(super) fn isolated(
    parent: &Workspace,
    child: RunId,
    key: &str,
    base: &str,
) -> (String, Option<Workspace>) {
    let root = Path::new(&parent.root).with_file_name(child.to_string());
    let workspace = Workspace {
        mode: WorktreeMode::Worktree,
        root: root.to_string_lossy().into_owned(),
        branch: baton_worktree::branch_name(key, &child.to_string()),
        base: base.to_owned(),
        finish: Finish::Keep,
        shared: false,
        generation: 0,
        newest: None,
        parent: Some(Box::new(parent.clone())),
        ..parent.clone()
    };
    let directory = spec(&workspace).directory();
    (directory.to_string_lossy().into_owned(), Some(workspace))
}

/// Brings an isolated child's work into its parent's files.
fn merge_back(workspace: &Workspace, parent: &Workspace) -> Finished {
    let finished = |commit, merged_into, conflicts, detail| Finished {
        branch: workspace.branch.clone(),
        commit,
        merged_into,
        conflicts,
        checkpoint: None,
        detail,
    };
    let (ours, theirs) = (spec(parent), spec(workspace));
    let branch = &workspace.branch;
    let mut tries = 0;
    loop {
        tries += 1;
        // A parent without a process of its own has not needed its files yet.
        let there = baton_worktree::ensure(&ours, &of_parent(parent));
        match there.and_then(|_| baton_worktree::merge_back(&ours, &theirs)) {
            Ok(merged) => {
                let files = merged.files_changed;
                let detail = format!("Its work ({files} files) was merged into its parent's.");
                let into = Some(parent.branch.clone());
                let subject = format!("Branch {branch} was merged");
                let kept = baton_worktree::checkpoint(&ours, &subject, Some(&merged.before));
                let checkpoint = kept.unwrap_or_else(|error| {
                    tracing::warn!(branch, %error, "the merged files could not be kept as a checkpoint");
                    None
                });
                return Finished {
                    checkpoint: checkpoint.map(|checkpoint| checkpoint.commit),
                    ..finished(Some(merged.head), into, vec![], detail)
                };
            }
            Err(Error::MergeConflict { paths }) => {
                let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
                let detail = format!(
                    "its work conflicts with its parent's in {}; it is on branch {branch}",
                    paths.join(", ")
                );
                return finished(None, None, paths, detail);
            }
            Err(error) if error.may_pass() && tries < TRIES => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "another git sends no word when it is done; this thread does nothing else"
                )]
                std::thread::sleep(AGAIN);
            }
            Err(error) => {
                let detail = format!("its work on branch {branch} was not merged: {error}");
                return finished(None, None, vec![String::new()], detail);
            }
        }
    }
}

/// Finishes the branch of a run that works for nobody else.
fn finish_branch(workspace: &Workspace, name: &str) -> Finished {
    let how = match workspace.finish {
        Finish::Keep => How::Keep,
        Finish::Review => How::Review,
        Finish::Merge => How::Merge {
            into: workspace.base_branch.clone(),
        },
    };
    let spec = spec(workspace);
    let mut tries = 0;
    let done = loop {
        tries += 1;
        match baton_worktree::finish(&spec, &how, name) {
            Err(error) if error.may_pass() && tries < TRIES => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "another git sends no word when it is done; this thread does nothing else"
                )]
                std::thread::sleep(AGAIN);
            }
            done => break done,
        }
    };
    match done {
        Ok(Some(done)) => told(workspace, &how, done),
        Ok(None) => Finished {
            branch: workspace.branch.clone(),
            commit: None,
            merged_into: None,
            conflicts: vec![],
            checkpoint: None,
            detail: "The run worked in the project's own directory.".into(),
        },
        Err(error) => Finished {
            branch: workspace.branch.clone(),
            commit: None,
            merged_into: None,
            conflicts: vec![],
            checkpoint: None,
            detail: format!("The branch {} was left as it is: {error}", workspace.branch),
        },
    }
}

fn told(workspace: &Workspace, how: &How, done: baton_worktree::Finished) -> Finished {
    let into = workspace.base_branch.clone().unwrap_or_default();
    let branch = &done.branch;
    let mut detail = match (&done.merged, &done.reason, how) {
        (_, Some(reason), _) => format!("The work is on branch {branch}, not merged: {reason}."),
        (Merged::NothingToDo, ..) => format!("{into} has all of it already."),
        (Merged::FastForward | Merged::MergeCommit(_), ..) => {
            format!("Branch {branch} was merged into {into}.")
        }
        (Merged::No, None, How::Review) => format!("Branch {branch} waits for a review."),
        (Merged::No, None, _) => format!("The work is on branch {branch}."),
    };
    for note in &done.notes {
        detail.push(' ');
        detail.push_str(note);
    }
    let merged = !matches!(done.merged, Merged::No);
    Finished {
        branch: done.branch,
        commit: Some(done.commit),
        merged_into: merged.then_some(into),
        conflicts: match done.reason {
            Some(Reason::Conflict(paths)) => paths
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            _ => vec![],
        },
        checkpoint: None,
        detail,
    }
}
