//! What one batch of commits changes in `views.db`: only the last form of each row is written.

use std::collections::{BTreeMap, HashMap};

use baton_core::ids::{ArtifactId, RunId, StepId};
use baton_core::run::event::{Actor, Event, Finished, Key};
use baton_core::run::{Run, WaitReason};
use baton_core::time::Timestamp;
use baton_engine::ports::Stored;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::outline::Outlines;
use super::rows::{AttemptRow, CheckpointRow, MessageRow, word};
use super::{attempts, runs, steps};

/// What is to be written of one run.
#[derive(Default)]
struct Dirty {
    /// Its status may be another, or it is new.
    moved: bool,
    steps: steps::Dirty,
    checkpoints: bool,
    attempts: Vec<AttemptRow>,
    ends: Vec<(baton_core::ids::AttemptId, Event, Timestamp)>,
    messages: Vec<MessageRow>,
    statuses: Vec<(u32, baton_core::run::event::ActionStatus)>,
    artifacts: Vec<ArtifactId>,
    /// Steps whose artifacts are others than before.
    kept: Vec<Key>,
    /// What became of its branch, when that has changed.
    finished: Option<Option<Finished>>,
    /// How long it has waited for what.
    waits: BTreeMap<WaitReason, u64>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Batch {
    runs: HashMap<RunId, Dirty>,
}

impl Batch {
    /// A commit follows on the one that left the run so: what it waited for since then it has waited
    /// for.
    pub(super) fn note_wait(&mut self, before: &Run, commit: &Stored) {
        let length = commit.at.since(before.updated_at).as_millis();
        // What follows at once is not worth the look at what was waited for.
        if length > 0
            && let Some(waiting) = before.waiting()
        {
            let dirty = self.runs.entry(before.created.run).or_default();
            let sum = dirty.waits.entry(waiting.reason).or_default();
            *sum = sum.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
    }

    /// An event has happened; `run` is the run after it.
    pub(super) fn note(&mut self, index: usize, event: &Event, run: &Run, commit: &Stored) {
        let id = run.created.run;
        let dirty = self.runs.entry(id).or_default();
        match event {
            Event::RunCreated(_) | Event::RunCancelled {} | Event::RunFailed { .. } => {
                dirty.moved = true;
                dirty.steps.all = true;
            }
            Event::StepsReset { .. } => {
                dirty.moved = true;
                dirty.steps.all = true;
                dirty.checkpoints = true;
            }
            Event::CheckpointTaken { .. } => dirty.checkpoints = true,
            Event::AttemptStarted {
                key,
                attempt,
                number,
                cause,
                ..
            } => {
                dirty.steps.step(run, key);
                let step = StepId::of(id, key);
                let row = AttemptRow::begun(*attempt, step, key, *number, *cause, commit.at);
                dirty.attempts.push(row);
            }
            Event::AttemptEnded { key, attempt, end } => {
                dirty.steps.step(run, key);
                let open = dirty.attempts.iter_mut().find(|row| row.id == *attempt);
                match open {
                    Some(row) => row.end(end, commit.at),
                    None => dirty.ends.push((*attempt, event.clone(), commit.at)),
                }
            }
            Event::StepSkipped { key, .. }
            | Event::StepRequeued { key, .. }
            | Event::RetryScheduled { key, .. }
            | Event::UsageLimitReached { key, .. }
            | Event::SessionKnown { key, .. }
            | Event::SessionUsed { key, .. }
            | Event::QuestionAsked { key, .. }
            | Event::QuestionAnswered { key, .. }
            | Event::QuestionClosed { key, .. }
            | Event::ApprovalRequested { key, .. }
            | Event::ApprovalAnswered { key, .. }
            | Event::WaitStarted { key, .. }
            | Event::ChildStarted { key, .. }
            | Event::ChildEnded { key, .. }
            | Event::ChildAbandoned { key, .. }
            | Event::LostAsked { key }
            | Event::MergeAwaited { key }
            | Event::MergeStarted { key }
            | Event::WorkMerged { key, .. }
            | Event::StepCompleted { key, .. }
            | Event::StepFailed { key, .. } => dirty.steps.step(run, key),
            Event::ItemsListed { key, .. } => {
                dirty.steps.step(run, key);
                dirty.steps.listed.extend(run.find(key).map(|at| at.step));
            }
            Event::MessagePosted(posted) => {
                let wire = commit.position.of_event(index);
                let row = MessageRow::of(run, wire, commit.at, posted);
                dirty.messages.push(row);
            }
            Event::MessageStatus { message, status } => dirty.statuses.push((*message, *status)),
            // A function's end follows in the same commit.
            Event::Called { call, .. } => dirty.steps.step(run, &call.key),
            Event::ArtifactAdded(artifact) => dirty.artifacts.push(artifact.id),
            Event::ArtifactsKept { key, .. } => dirty.kept.push(key.clone()),
            Event::ArtifactAttached { artifact, .. } | Event::ArtifactDetached { artifact } => {
                dirty.artifacts.push(*artifact);
            }
            Event::FilesFinished { outcome } => dirty.finished = Some(Some(outcome.clone())),
            Event::RunResumed { .. } => {
                dirty.moved = true;
                dirty.finished = Some(None);
            }
            Event::ProgramEnded { .. }
            | Event::Redirected { .. }
            | Event::RedirectRequested(_)
            | Event::PredecessorEnded {}
            | Event::Delivered { .. }
            | Event::FilesKept { .. }
            | Event::BudgetWarned { .. } => {}
            Event::SlotGranted {}
            | Event::RunStarted {}
            | Event::PauseRequested { .. }
            | Event::PauseWithdrawn { .. }
            | Event::RunPaused {}
            | Event::PauseTimedOut { .. }
            | Event::CancelRequested { .. }
            | Event::RunCompleted { .. } => dirty.moved = true,
        }
    }

    /// The runs this batch touches, in the order of their ids: neighbours share pages.
    pub(super) fn runs(&self) -> Vec<RunId> {
        let mut runs: Vec<RunId> = self.runs.keys().copied().collect();
        runs.sort_unstable();
        runs
    }

    /// Writes the rows of one run as it stands at the end of the batch.
    pub(super) fn write(
        &mut self,
        run: &Run,
        outlines: &mut Outlines,
        connection: &Connection,
    ) -> rusqlite::Result<()> {
        let Some(mut dirty) = self.runs.remove(&run.created.run) else {
            return Ok(());
        };
        runs::write(run, dirty.moved, outlines, connection)?;
        dirty.steps.write(run, connection)?;
        dirty.write_attempts(run, connection)?;
        dirty.write_messages(run, connection)?;
        dirty.write_artifacts(run, connection)?;
        if let Some(finished) = &dirty.finished {
            runs::finish(run.created.number, finished.as_ref(), connection)?;
        }
        if !dirty.waits.is_empty() {
            runs::add_waits(run.created.number, &dirty.waits, connection)?;
        }
        if dirty.checkpoints {
            write_checkpoints(run, connection)?;
        }
        Ok(())
    }
}

impl Dirty {
    fn write_attempts(&self, run: &Run, connection: &Connection) -> rusqlite::Result<()> {
        attempts::add(connection, run.created.number, &self.attempts)?;
        for (id, event, at) in &self.ends {
            if let Event::AttemptEnded { end, .. } = event {
                attempts::end(connection, *id, end, *at)?;
            }
        }
        Ok(())
    }

    fn write_artifacts(&self, run: &Run, connection: &Connection) -> rusqlite::Result<()> {
        let mut changed = self.artifacts.clone();
        for key in &self.kept {
            connection
                .prepare_cached("DELETE FROM artifacts WHERE run = ?1 AND step = ?2")?
                .execute(params![run.created.number, key])?;
            let of_step = run.artifacts.values().filter(|found| found.step == *key);
            changed.extend(of_step.map(|found| found.id));
        }
        for id in &changed {
            let Some(artifact) = run.artifacts.get(id) else {
                continue;
            };
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO artifacts (id, run, step, message, data)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    bits(id.bits()),
                    run.created.number,
                    artifact.step,
                    artifact.message,
                    json(artifact)?
                ])?;
        }
        Ok(())
    }

    fn write_messages(&self, run: &Run, connection: &Connection) -> rusqlite::Result<()> {
        let number = run.created.number;
        for row in &self.messages {
            connection
                .prepare_cached(
                    "INSERT INTO messages (run, n, id, author, step, status, data)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    number,
                    row.n,
                    row.id,
                    author(&row.by),
                    row.key,
                    word(&row.status),
                    json(row)?
                ])?;
        }
        for (message, status) in &self.statuses {
            connection
                .prepare_cached(
                    "UPDATE messages SET status = ?3
                     WHERE run = ?1 AND n = ?2 AND status NOT IN ('processed', 'ignored')",
                )?
                .execute(params![number, message, word(status)])?;
        }
        Ok(())
    }
}

/// The user who wrote, if one did.
fn author(by: &Actor) -> Option<String> {
    match by {
        Actor::User(user) => Some(user.to_string()),
        Actor::Attempt(_) | Actor::System | Actor::Parent(_) => None,
    }
}

fn write_checkpoints(run: &Run, connection: &Connection) -> rusqlite::Result<()> {
    let number = run.created.number;
    connection
        .prepare_cached("DELETE FROM checkpoints WHERE run = ?1")?
        .execute([number])?;
    let mut put = connection
        .prepare_cached("INSERT INTO checkpoints (run, number, data) VALUES (?1, ?2, ?3)")?;
    for (n, checkpoint) in &run.checkpoints {
        let row = CheckpointRow {
            number: *n,
            after: checkpoint.after.clone(),
            at: checkpoint.at,
            partial: checkpoint.partial,
            commit: checkpoint.commit.clone(),
        };
        put.execute(params![number, n, json(&row)?])?;
    }
    Ok(())
}

/// An id as it is stored.
pub(super) fn bits(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

/// A time in a column of milliseconds.
pub(super) fn at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<u64> = row.get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

pub(super) fn json<T: Serialize>(row: &T) -> rusqlite::Result<String> {
    serde_json::to_string(row)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// A row's `data`.
pub(super) fn parse<'a, T: Deserialize<'a>>(data: &'a str) -> rusqlite::Result<T> {
    serde_json::from_str(data).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
