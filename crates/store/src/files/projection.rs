//! Follows the journal and writes what each event changes on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Result;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baton_core::ids::RunId;
use baton_core::run::Run;
use baton_core::run::event::Event;
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, Journal, Position, ReadError, Stored};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::place::{self, Place};
use super::render;
use crate::folds::{Folds, Skip};

const BATCH: usize = 1024;
/// Runs among this many last commits are looked at again at start: what was written just before a
/// power failure may not have reached the disk.
const LOOK_BACK: u64 = 1024;
/// How often files that could not be written are tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How far the files have come; kept in the data directory.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) position: Position,
    /// Runs whose files could not be written.
    pub(super) behind: BTreeSet<RunId>,
}

pub(super) struct Projection {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) folds: Folds,
    pub(super) file: PathBuf,
    pub(super) state: State,
    pub(super) problems: Arc<Mutex<BTreeMap<RunId, String>>>,
    pub(super) reached: watch::Sender<Position>,
    pub(super) closed: Arc<AtomicBool>,
}

impl Projection {
    pub(super) async fn run(mut self, mut heads: watch::Receiver<Position>) {
        self.look_back();
        while !self.closed.load(Ordering::Acquire) {
            heads.borrow_and_update();
            match self.step() {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the files of runs cannot be followed"),
            }
            let changed = tokio::time::timeout(RETRY, heads.changed()).await;
            match changed {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => self.retry(),
            }
        }
    }

    fn look_back(&mut self) {
        let from = Position(self.state.position.0.saturating_sub(LOOK_BACK));
        if let Ok(commits) = self.journal.since(from, BATCH) {
            let position = self.state.position;
            let seen = commits.iter().filter(|commit| commit.position <= position);
            let runs = seen.filter_map(|commit| match commit.aggregate {
                Aggregate::Run(run) => Some(run),
                Aggregate::Slot(_) => None,
            });
            self.state.behind.extend(runs);
        }
        self.retry();
    }

    fn step(&mut self) -> std::result::Result<bool, ReadError> {
        let head = self.journal.head();
        let commits = self.journal.since(self.state.position, BATCH)?;
        let Some(last) = commits.last().map(|commit| commit.position) else {
            self.state.position = self.state.position.max(head);
            self.reached.send_replace(self.state.position);
            return Ok(false);
        };
        for commit in &commits {
            if let Aggregate::Run(run) = commit.aggregate {
                self.take(run, commit)?;
            }
        }
        self.folds.trim();
        self.state.position = last;
        self.save();
        self.reached.send_replace(last);
        Ok(true)
    }

    /// Writes the files of one commit. A run that is behind is written whole, later.
    fn take(&mut self, id: RunId, commit: &Stored) -> std::result::Result<(), ReadError> {
        let is_behind = self.state.behind.contains(&id);
        let mut written = Ok(());
        let taken = self.folds.advance(id, commit, |_, event, run| {
            if !is_behind && written.is_ok() {
                written = write(event, run, commit.at);
            }
        });
        match (taken, written) {
            (Err(Skip::Read(error)), _) => return Err(error),
            // The views have said so.
            (Err(Skip::Never(_)), _) | (Ok(()), Ok(())) => {}
            (Ok(()), Err(error)) => self.failed(id, &error.to_string()),
        }
        Ok(())
    }

    fn failed(&mut self, id: RunId, why: &str) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.insert(id, why.to_owned()).is_none() {
            tracing::warn!(run = %id, why, "the files of a run cannot be written");
        }
        self.state.behind.insert(id);
    }

    /// Writes the files of all runs that are behind, from their beginning.
    fn retry(&mut self) {
        if self.state.behind.is_empty() {
            return;
        }
        for id in self.state.behind.clone() {
            self.folds.trim();
            match self.repair(id) {
                Ok(()) => {
                    self.state.behind.remove(&id);
                    self.problems
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .remove(&id);
                }
                Err(why) => self.failed(id, &why),
            }
        }
        self.save();
    }

    fn repair(&mut self, id: RunId) -> std::result::Result<(), String> {
        let commits = self
            .journal
            .load(&Aggregate::Run(id), 0)
            .map_err(|error| error.to_string())?;
        for commit in &commits {
            if commit.position > self.state.position {
                break;
            }
            let mut written = Ok(());
            let taken = self.folds.advance(id, commit, |_, event, run| {
                if written.is_ok() {
                    written = write(event, run, commit.at);
                }
            });
            written.map_err(|error| error.to_string())?;
            match taken {
                Ok(()) => {}
                Err(Skip::Read(error)) => return Err(error.to_string()),
                Err(Skip::Never(_)) => return Ok(()),
            }
        }
        Ok(())
    }

    fn save(&self) {
        let saved = serde_json::to_vec(&self.state)
            .map_err(std::io::Error::other)
            .and_then(|state| place::write(&self.file, &state));
        if let Err(error) = saved {
            // More is looked at again at the next start, no more than that.
            tracing::warn!(%error, "how far the files have come could not be kept");
        }
    }
}

/// Writes what one event changes; `run` is the run after it.
fn write(event: &Event, run: &Run, at: Timestamp) -> Result<()> {
    match event {
        Event::RunCreated(created) => {
            let place = Place::of(run)?;
            place.put("definition.json", &pretty(&render::definition(created)))?;
            place.put("args.json", &pretty(&run.args))
        }
        Event::CheckpointTaken {
            number, partial, ..
        } => {
            let checkpoint = render::checkpoint(run, *number, *partial, at);
            let name = format!("checkpoints/step-{number}.json");
            Place::of(run)?.put(&name, &pretty(&checkpoint))
        }
        Event::AttemptStarted {
            key,
            attempt,
            number,
            cause,
            ..
        } => in_logs(run, key, |place, found| {
            if *number > 1 {
                place.put_aside(key, number - 1)?;
            }
            let action = &run.declared(found).action;
            let Some(step) = run.step(found) else {
                return Ok(());
            };
            let input = render::input(run, step, action, (*attempt, *number, *cause), at);
            place.put(&format!("logs/{key}/input.json"), &pretty(&input))
        }),
        Event::AttemptEnded { key, attempt, end } => in_logs(run, key, |place, _| {
            let output = render::output(*attempt, end, at);
            place.put(&format!("logs/{key}/output.json"), &pretty(&output))
        }),
        Event::StepCompleted { key, .. } | Event::StepFailed { key, .. } => {
            in_logs(run, key, |place, found| {
                let Some(step) = run.step(found).filter(|step| step.tries > 0) else {
                    return Ok(());
                };
                let name = &run.declared(found).name;
                let summary = render::summary(run, step, name);
                place.put(&format!("logs/{key}/summary.md"), summary.as_bytes())
            })
        }
        _ => Ok(()),
    }
}

/// Does something in a step's log directory, if it has one and its key may be a path.
fn in_logs(
    run: &Run,
    key: &str,
    put: impl FnOnce(&Place, baton_core::run::At) -> Result<()>,
) -> Result<()> {
    let Some(at) = run.find(key) else {
        return Ok(());
    };
    if !place::is_safe(key) || !render::has_logs(run.declared(at).action.kind()) {
        return Ok(());
    }
    put(&Place::of(run)?, at)
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}
