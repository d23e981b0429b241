//! What readers ask of the views.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use baton_core::ids::{ArtifactId, AttemptId, DefinitionId, ProjectId, RunId, StepId, UserId};
use baton_core::run::{At, Run, Step};
use baton_engine::ports::ReadError;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::Views;
use super::find::{self, RunFilter};
use super::outline::Outline;
use super::rows::{ArtifactRow, AttemptRow, CheckpointRow, MessageRow, RunRow, StepRow};
use super::write::{bits, parse};
use super::{attempts, runs, steps};

/// Part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<u64>,
}

/// A run with what lists show beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Itself.
    pub run: RunRow,
    /// Its steps in file order, without what they gave: not all, when they are very many.
    pub steps: Vec<StepRow>,
    /// See [`Views::estimate`].
    pub estimate: Option<Duration>,
}

/// Outlines that are kept in memory.
const OUTLINES: usize = 512;

/// Runs whose lengths an estimate rests on.
const ESTIMATE_FROM: u32 = 25;

impl Views {
    /// Runs, newest first, older than the run of number `before`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<RunRow>, ReadError> {
        self.at_once(|connection| self.page(connection, filter, before, limit))
    }

    /// The same, with what lists show beside each.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn listed(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<Listed>, ReadError> {
        self.at_once(|connection| {
            let Page { rows, next } = self.page(connection, filter, before, limit)?;
            let mut estimates: HashMap<DefinitionId, Option<Duration>> = HashMap::new();
            let mut listed = Vec::with_capacity(rows.len());
            for run in rows {
                let estimate = match estimates.entry(run.definition) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(free) => *free.insert(estimate(connection, run.definition)?),
                };
                listed.push(Listed {
                    steps: steps::listed(connection, &run)?,
                    estimate,
                    run,
                });
            }
            Ok(Page { rows: listed, next })
        })
    }

    /// One run as [`Self::listed`] has it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn listed_one(&self, id: RunId) -> Result<Option<Listed>, ReadError> {
        self.at_once(|connection| {
            let Some(run) = self.one_run(connection, "id", text(id))? else {
                return Ok(None);
            };
            Ok(Some(Listed {
                steps: steps::listed(connection, &run)?,
                estimate: estimate(connection, run.definition)?,
                run,
            }))
        })
    }

    fn page(
        &self,
        connection: &Connection,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> rusqlite::Result<Page<RunRow>> {
        let mut numbers = find::numbers(connection, filter, before, limit + 1)?;
        let is_more = numbers.len() > limit;
        numbers.truncate(limit);
        let sql = format!("SELECT {RUN} FROM runs WHERE number = ?1");
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = numbers.into_iter();
        let rows =
            rows.map(|number| statement.query_row([number], |row| self.row(connection, row)));
        let rows: Vec<RunRow> = rows.collect::<Result<_, _>>()?;
        let next = rows.last().filter(|_| is_more).map(|row| row.number);
        Ok(Page { rows, next })
    }

    /// How many runs there are per status word, of one definition or of all.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn counts(
        &self,
        definition: Option<DefinitionId>,
    ) -> Result<HashMap<String, u64>, ReadError> {
        let (condition, values) = match definition {
            Some(id) => ("WHERE definition = ?1", vec![text(id)]),
            None => ("", Vec::new()),
        };
        let sql = format!("SELECT status, count(*) FROM runs {condition} GROUP BY status");
        self.read(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect()
        })
    }

    /// The run of this id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn run(&self, id: RunId) -> Result<Option<RunRow>, ReadError> {
        self.read(|connection| self.one_run(connection, "id", text(id)))
    }

    /// The run of this number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn run_of_number(&self, number: u64) -> Result<Option<RunRow>, ReadError> {
        self.read(|connection| self.one_run(connection, "number", integer(number)))
    }

    /// Runs whose ids begin with this (`run_` and hex digits in lower case) and of whose projects this
    /// holds: the first two.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn runs_beginning(
        &self,
        prefix: &str,
        sees: impl Fn(ProjectId) -> bool,
    ) -> Result<Vec<RunId>, ReadError> {
        // `~` comes after every hex digit.
        let sql = "SELECT id, project FROM runs WHERE id >= ?1 AND id < ?1 || '~' ORDER BY id";
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([prefix])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()?
                && found.len() < 2
            {
                if sees(id(row, 1)?) {
                    found.push(id(row, 0)?);
                }
            }
            Ok(found)
        })
    }

    /// A run's steps and items, in file order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn steps(&self, run: RunId) -> Result<Vec<StepRow>, ReadError> {
        self.read(|connection| {
            // Both reads see the same state.
            let snapshot = connection.unchecked_transaction()?;
            match self.one_run(&snapshot, "id", text(run))? {
                Some(run) => steps::of_run(&snapshot, &run),
                None => Ok(Vec::new()),
            }
        })
    }

    /// The steps and items of a run whose row was read.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn steps_of(&self, run: &RunRow) -> Result<Vec<StepRow>, ReadError> {
        self.read(|connection| steps::of_run(connection, run))
    }

    /// A run and its steps, seen at one moment.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn whole(&self, id: RunId) -> Result<Option<(RunRow, Vec<StepRow>)>, ReadError> {
        self.at_once(|connection| {
            let Some(run) = self.one_run(connection, "id", text(id))? else {
                return Ok(None);
            };
            let steps = steps::of_run(connection, &run)?;
            Ok(Some((run, steps)))
        })
    }

    /// The step of this id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn step(&self, id: StepId) -> Result<Option<StepRow>, ReadError> {
        self.read(|connection| steps::of_id(connection, id))
    }

    /// A step's attempts, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn attempts(&self, run: RunId, step: StepId) -> Result<Vec<AttemptRow>, ReadError> {
        let which = "WHERE run = (SELECT number FROM runs WHERE id = ?1) AND step = ?2 ORDER BY n";
        let values = params![text(run), bits(step.bits())];
        self.read(|connection| attempts::some(connection, which, values))
    }

    /// All attempts of a run, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn all_attempts(&self, number: u64) -> Result<Vec<AttemptRow>, ReadError> {
        let which = "WHERE run = ?1 ORDER BY n";
        self.read(|connection| attempts::some(connection, which, [integer(number)]))
    }

    /// The attempt of this id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn attempt(&self, id: AttemptId) -> Result<Option<AttemptRow>, ReadError> {
        self.read(|connection| attempts::one(connection, id))
    }

    /// A run's thread, oldest first, after the message of this wire id (0: from the start).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn messages(
        &self,
        run: RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<MessageRow>, ReadError> {
        let sql = "SELECT data, status FROM messages
             WHERE run = (SELECT number FROM runs WHERE id = ?1) AND id > ?2 ORDER BY id LIMIT ?3";
        self.read(|connection| {
            connection
                .prepare_cached(sql)?
                .query_map(
                    params![text(run), integer(after), integer(limit as u64)],
                    message,
                )?
                .collect()
        })
    }

    /// The last messages of a run's thread, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn last_messages(&self, number: u64, most: usize) -> Result<Vec<MessageRow>, ReadError> {
        let sql = "SELECT data, status FROM messages WHERE run = ?1 ORDER BY id DESC LIMIT ?2";
        let mut found: Vec<MessageRow> = self.read(|connection| {
            connection
                .prepare_cached(sql)?
                .query_map(params![number, integer(most as u64)], message)?
                .collect()
        })?;
        found.reverse();
        Ok(found)
    }

    /// A step's messages, oldest first, after the message of this wire id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn messages_of_step(
        &self,
        run: RunId,
        key: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<MessageRow>, ReadError> {
        let sql = "SELECT data, status FROM messages
             WHERE run = (SELECT number FROM runs WHERE id = ?1) AND step = ?2 AND id > ?3
             ORDER BY id LIMIT ?4";
        self.read(|connection| {
            connection
                .prepare_cached(sql)?
                .query_map(
                    params![text(run), key, integer(after), integer(limit as u64)],
                    message,
                )?
                .collect()
        })
    }

    /// The artifact of this id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn artifact(&self, id: ArtifactId) -> Result<Option<ArtifactRow>, ReadError> {
        let found = self.artifacts_where("a.id = ?1", vec![blob(id.bits())])?;
        Ok(found.into_iter().next())
    }

    /// The artifacts of a run, oldest first: of one step, behind one of them.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn artifacts(
        &self,
        run: RunId,
        step: Option<&str>,
        after: Option<ArtifactId>,
        limit: usize,
    ) -> Result<Vec<ArtifactRow>, ReadError> {
        let mut values = vec![text(run), blob(after.map_or(0, ArtifactId::bits))];
        let mut sql = "a.run = (SELECT number FROM runs WHERE id = ?1) AND a.id > ?2".to_owned();
        if let Some(step) = step {
            sql.push_str(" AND a.step = ?3");
            values.push(text(step));
        }
        let limit = limit.min(i64::MAX as usize);
        self.artifacts_where(&format!("{sql} ORDER BY a.id LIMIT {limit}"), values)
    }

    /// The artifacts that are attached to a message, by its count within its run.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn artifacts_at(&self, run: RunId, message: u32) -> Result<Vec<ArtifactRow>, ReadError> {
        let sql =
            "a.run = (SELECT number FROM runs WHERE id = ?1) AND a.message = ?2 ORDER BY a.id";
        self.artifacts_where(sql, vec![text(run), integer(message.into())])
    }

    fn artifacts_where(
        &self,
        condition: &str,
        values: Vec<Value>,
    ) -> Result<Vec<ArtifactRow>, ReadError> {
        let sql = format!(
            "SELECT a.data, r.id, m.id FROM artifacts a JOIN runs r ON r.number = a.run
             LEFT JOIN messages m ON m.run = a.run AND m.n = a.message WHERE {condition}"
        );
        self.read(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), |row| {
                    Ok(ArtifactRow {
                        artifact: data(row)?,
                        run: id(row, 1)?,
                        comment: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    /// The run that an artifact belongs to.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn run_of_artifact(&self, id: ArtifactId) -> Result<Option<RunId>, ReadError> {
        let sql = "SELECT runs.id FROM artifacts JOIN runs ON runs.number = artifacts.run
             WHERE artifacts.id = ?1";
        let found: Option<String> = self.read(|connection| {
            connection
                .prepare_cached(sql)?
                .query_row([bits(id.bits())], |row| row.get(0))
                .optional()
        })?;
        Ok(found.and_then(|id| id.parse().ok()))
    }

    /// Of each of these runs, by its number: how many messages of its thread after this one (its wire
    /// id) others wrote than this user. The newest `most` are looked at, so that a thread may be long.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn unread(
        &self,
        user: UserId,
        runs: &[(u64, u64)],
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let sql = "SELECT count(*) FROM (SELECT author FROM messages
             WHERE run = ?1 AND id > ?2 ORDER BY id DESC LIMIT ?4) WHERE author IS NOT ?3";
        let user = user.to_string();
        self.at_once(|connection| {
            let mut count = connection.prepare_cached(sql)?;
            let counts = runs.iter().map(|(run, after)| {
                let (after, most) = (integer(*after), integer(most as u64));
                count.query_row(params![integer(*run), after, user, most], |row| row.get(0))
            });
            counts.collect()
        })
    }

    /// The message of this wire id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn message(&self, id: u64) -> Result<Option<MessageRow>, ReadError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT data, status FROM messages WHERE id = ?1")?
                .query_row([integer(id)], message)
                .optional()
        })
    }

    /// The checkpoints of a run that can be looked at, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn checkpoints(&self, run: RunId) -> Result<Vec<CheckpointRow>, ReadError> {
        let sql = "SELECT data FROM checkpoints
             WHERE run = (SELECT number FROM runs WHERE id = ?1) ORDER BY number";
        self.read(|c| list(c, sql, vec![text(run)]))
    }

    /// How long a run of this definition usually takes: the median of its last completed runs;
    /// `None` without history.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn estimate(&self, definition: DefinitionId) -> Result<Option<Duration>, ReadError> {
        self.read(|connection| estimate(connection, definition))
    }
}

fn estimate(connection: &Connection, of: DefinitionId) -> rusqlite::Result<Option<Duration>> {
    let mut lengths: Vec<u64> = connection
        .prepare_cached(
            "SELECT length FROM runs WHERE definition = ?1 AND status = 'completed'
             AND length IS NOT NULL ORDER BY number DESC LIMIT ?2",
        )?
        .query_map(params![of.to_string(), ESTIMATE_FROM], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    lengths.sort_unstable();
    let Some(&upper) = lengths.get(lengths.len() / 2) else {
        return Ok(None);
    };
    let lower = lengths[(lengths.len() - 1) / 2];
    Ok(Some(Duration::from_millis(u64::midpoint(lower, upper))))
}

fn text(value: impl ToString) -> Value {
    Value::Text(value.to_string())
}

/// An id in a column of text.
fn id<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    parse(&format!("\"{}\"", row.get_ref(column)?.as_str()?))
}

fn blob(id: u128) -> Value {
    Value::Blob(bits(id).to_vec())
}

fn integer(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn data<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    parse(row.get_ref(0)?.as_str()?)
}

fn message(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let mut message: MessageRow = data(row)?;
    let status = row.get_ref(1)?.as_str()?;
    message.status = parse(&format!("\"{status}\""))?;
    Ok(message)
}

fn list<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    values: Vec<Value>,
) -> rusqlite::Result<Vec<T>> {
    connection
        .prepare_cached(sql)?
        .query_map(params_from_iter(values), data)?
        .collect()
}

/// The columns of a run.
const RUN: &str = "data, state, outline, finished, waits";

impl Views {
    fn row(&self, connection: &Connection, row: &Row<'_>) -> rusqlite::Result<RunRow> {
        let mut run = runs::join(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?)?;
        run.outline = self.outline(connection, row.get(2)?)?;
        run.finished = row.get_ref(3)?.as_str_or_null()?.map(parse).transpose()?;
        let waits = row.get_ref(4)?.as_str_or_null()?.map(parse).transpose()?;
        run.waits = waits.unwrap_or_default();
        Ok(run)
    }

    fn one_run(
        &self,
        connection: &Connection,
        by: &str,
        value: Value,
    ) -> rusqlite::Result<Option<RunRow>> {
        connection
            .prepare_cached(&format!("SELECT {RUN} FROM runs WHERE {by} = ?1"))?
            .query_row([value], |row| self.row(connection, row))
            .optional()
    }

    /// What stands under this number, which never changes.
    fn outline(&self, connection: &Connection, n: i64) -> rusqlite::Result<Arc<Outline>> {
        let kept = || self.outlines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outline) = kept().get(&n) {
            return Ok(outline.clone());
        }
        let outline: Outline = connection
            .prepare_cached("SELECT data FROM outlines WHERE n = ?1")?
            .query_row([n], data)?;
        let outline = Arc::new(outline);
        let mut kept = kept();
        if kept.len() >= OUTLINES {
            kept.clear();
        }
        kept.insert(n, outline.clone());
        Ok(outline)
    }
}

impl RunRow {
    /// The row of a folded run.
    #[must_use]
    pub fn of(run: &Run) -> Option<Self> {
        let mut row = runs::of(run)?;
        row.outline = Arc::new(Outline::of(&run.plan.definition));
        Some(row)
    }
}

impl StepRow {
    /// The rows of a folded run's steps and items, in file order.
    #[must_use]
    pub fn all_of(run: &Run) -> Vec<Self> {
        steps::of_folded(run)
    }

    /// The row of one of them.
    #[must_use]
    pub fn of(run: &Run, at: At, step: &Step) -> Self {
        steps::one_of(run, at, step)
    }
}
