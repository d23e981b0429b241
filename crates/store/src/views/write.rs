//! What one batch of commits changes in `views.db`: only the last form of each row is written.

use std::collections::{BTreeSet, HashMap};

use baton_core::ids::{RunId, StepId};
use baton_core::run::event::Event;
use baton_core::run::{At, Run};
use baton_engine::ports::Stored;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rows::{AttemptRow, CheckpointRow, MessageRow, RunRow, StepRow, word};

/// What is to be written of one run.
#[derive(Default)]
struct Dirty {
    /// All its steps, and no others.
    all: bool,
    steps: BTreeSet<At>,
    checkpoints: bool,
    attempts: Vec<AttemptRow>,
    ends: Vec<(
        baton_core::ids::AttemptId,
        Event,
        baton_core::time::Timestamp,
    )>,
    messages: Vec<MessageRow>,
    statuses: Vec<(u32, baton_core::run::event::ActionStatus)>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Batch {
    runs: HashMap<RunId, Dirty>,
}

impl Batch {
    /// An event has happened; `run` is the run after it.
    pub(super) fn note(&mut self, index: usize, event: &Event, run: &Run, commit: &Stored) {
        let id = run.created.run;
        let dirty = self.runs.entry(id).or_default();
        match event {
            Event::RunCreated(_) | Event::RunCancelled {} | Event::RunFailed { .. } => {
                dirty.all = true;
            }
            Event::StepsReset { .. } => {
                dirty.all = true;
                dirty.checkpoints = true;
            }
            Event::CheckpointTaken { .. } => dirty.checkpoints = true,
            Event::AttemptStarted {
                key,
                attempt,
                number,
                cause,
            } => {
                dirty.step(run, key);
                dirty.attempts.push(AttemptRow {
                    id: *attempt,
                    step: StepId::of(id, key),
                    key: key.clone(),
                    number: *number,
                    cause: *cause,
                    started_at: commit.at,
                    ended_at: None,
                    how: None,
                    error: None,
                    exit_code: None,
                });
            }
            Event::AttemptEnded { key, attempt, end } => {
                dirty.step(run, key);
                let open = dirty.attempts.iter_mut().find(|row| row.id == *attempt);
                match open {
                    Some(row) => row.end(end, commit.at),
                    None => dirty.ends.push((*attempt, event.clone(), commit.at)),
                }
            }
            Event::StepSkipped { key, .. }
            | Event::StepRequeued { key, .. }
            | Event::RetryScheduled { key, .. }
            | Event::ApprovalRequested { key, .. }
            | Event::ApprovalAnswered { key, .. }
            | Event::WaitStarted { key, .. }
            | Event::ChildStarted { key, .. }
            | Event::ChildEnded { key, .. }
            | Event::LostAsked { key }
            | Event::StepCompleted { key, .. }
            | Event::StepFailed { key, .. } => dirty.step(run, key),
            Event::ItemsListed { key, .. } => {
                dirty.step(run, key);
                if let Some(at) = run.find(key) {
                    let items = run.steps[at.step].items.len();
                    let item = |item| At {
                        step: at.step,
                        item: Some(item),
                    };
                    dirty.steps.extend((0..items).map(item));
                }
            }
            Event::MessagePosted(posted) => {
                let wire = commit.position.of_event(index);
                let row = MessageRow::of(id, wire, commit.at, posted);
                dirty.messages.push(row);
            }
            Event::MessageStatus { message, status } => dirty.statuses.push((*message, *status)),
            Event::SlotGranted {}
            | Event::RunStarted {}
            | Event::PauseRequested { .. }
            | Event::PauseWithdrawn { .. }
            | Event::RunPaused {}
            | Event::PauseTimedOut { .. }
            | Event::RunResumed { .. }
            | Event::CancelRequested { .. }
            | Event::RunCompleted { .. }
            | Event::Delivered { .. } => {}
        }
    }

    /// The runs this batch touches.
    pub(super) fn runs(&self) -> impl Iterator<Item = &RunId> {
        self.runs.keys()
    }

    /// Writes the rows of one run as it stands at the end of the batch.
    pub(super) fn write(&mut self, run: &Run, connection: &Connection) -> rusqlite::Result<()> {
        let Some(mut dirty) = self.runs.remove(&run.created.run) else {
            return Ok(());
        };
        write_run(run, connection)?;
        dirty.write_steps(run, connection)?;
        dirty.write_attempts(run, connection)?;
        dirty.write_messages(run, connection)?;
        if dirty.checkpoints {
            write_checkpoints(run, connection)?;
        }
        Ok(())
    }
}

impl Dirty {
    fn step(&mut self, run: &Run, key: &str) {
        let Some(at) = run.find(key) else { return };
        self.steps.insert(at);
        self.steps.insert(At {
            step: at.step,
            item: None,
        });
    }

    fn write_steps(&mut self, run: &Run, connection: &Connection) -> rusqlite::Result<()> {
        let number = run.created.number;
        if self.all {
            self.steps = run.all().map(|(at, _)| at).collect();
            connection
                .prepare_cached("DELETE FROM steps WHERE run = ?1")?
                .execute([number])?;
        }
        let mut put = connection.prepare_cached(
            "INSERT INTO steps (run, step, item, id, data) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (run, step, item) DO UPDATE SET data = excluded.data",
        )?;
        for at in &self.steps {
            if let Some(row) = StepRow::of(run, *at) {
                put.execute(params![
                    number,
                    at.step,
                    at.item
                        .map_or(-1, |item| i64::try_from(item).unwrap_or(i64::MAX)),
                    row.id.to_string(),
                    json(&row)?,
                ])?;
            }
        }
        Ok(())
    }

    fn write_attempts(&self, run: &Run, connection: &Connection) -> rusqlite::Result<()> {
        let number = run.created.number;
        let mut put = connection.prepare_cached(
            "INSERT INTO attempts (run, n, id, step, data)
             SELECT ?1, coalesce(max(n), 0) + 1, ?2, ?3, ?4 FROM attempts WHERE run = ?1",
        )?;
        for row in &self.attempts {
            let (id, step) = (row.id.to_string(), row.step.to_string());
            put.execute(params![number, id, step, json(row)?])?;
        }
        for (id, event, at) in &self.ends {
            let Event::AttemptEnded { end, .. } = event else {
                continue;
            };
            let id = id.to_string();
            let row: Option<String> = connection
                .prepare_cached("SELECT data FROM attempts WHERE id = ?1")?
                .query_row([&id], |row| row.get(0))
                .optional()?;
            if let Some(row) = row {
                let mut row: AttemptRow = parse(&row)?;
                row.end(end, *at);
                connection
                    .prepare_cached("UPDATE attempts SET data = ?2 WHERE id = ?1")?
                    .execute(params![id, json(&row)?])?;
            }
        }
        Ok(())
    }

    fn write_messages(&self, run: &Run, connection: &Connection) -> rusqlite::Result<()> {
        let number = run.created.number;
        for row in &self.messages {
            connection
                .prepare_cached(
                    "INSERT INTO messages (run, n, id, status, data) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    number,
                    row.n,
                    row.id,
                    word(&row.status),
                    json(row)?
                ])?;
        }
        for (message, status) in &self.statuses {
            connection
                .prepare_cached("UPDATE messages SET status = ?3 WHERE run = ?1 AND n = ?2")?
                .execute(params![number, message, word(status)])?;
        }
        Ok(())
    }
}

fn write_run(run: &Run, connection: &Connection) -> rusqlite::Result<()> {
    let row = RunRow::of(run);
    connection
        .prepare_cached(
            "INSERT INTO runs
             (number, id, project, definition, key, name, status, phase, parent, length, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (number) DO UPDATE SET status = excluded.status,
             phase = excluded.phase, length = excluded.length, data = excluded.data",
        )?
        .execute(params![
            row.number,
            row.id.to_string(),
            row.project.to_string(),
            row.definition.to_string(),
            row.definition_key,
            row.name,
            row.status,
            row.current_phase,
            row.parent.map(|parent| parent.to_string()),
            row.length_ms(),
            json(&row)?,
        ])?;
    Ok(())
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
        };
        put.execute(params![number, n, json(&row)?])?;
    }
    Ok(())
}

fn json<T: Serialize>(row: &T) -> rusqlite::Result<String> {
    serde_json::to_string(row)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// A row's `data`.
pub(super) fn parse<T: DeserializeOwned>(data: &str) -> rusqlite::Result<T> {
    serde_json::from_str(data).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
