//! What readers ask of the views.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use baton_core::ids::{ArtifactId, AttemptId, DefinitionId, ProjectId, RunId, StepId, UserId};
use baton_core::run::{At, Run, Step};
use baton_engine::ports::ReadError;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::Views;
use super::outline::Outline;
use super::rows::{ArtifactRow, AttemptRow, CheckpointRow, MessageRow, RunRow, StepRow};
use super::write::{bits, parse};
use super::{runs, steps};

/// Which runs are listed; empty lists and `None` are no condition.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Of one of these projects; `None` is all.
    pub projects: Option<Vec<ProjectId>>,
    /// With one of these status words.
    pub statuses: Vec<String>,
    /// In one of these phases.
    pub phases: Vec<String>,
    /// Of one of these definitions, by key or id.
    pub definitions: Vec<String>,
    /// Children and forks of this run.
    pub parent: Option<RunId>,
    /// Part of the name, the number, or the beginning of the id.
    pub q: Option<String>,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<u64>,
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
        let (condition, mut values) = condition(filter, before);
        values.push(integer(limit as u64 + 1));
        let sql = format!("SELECT {RUN} FROM runs {condition} ORDER BY number DESC LIMIT ?");
        let mut rows: Vec<RunRow> = self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows =
                statement.query_map(params_from_iter(values), |row| self.row(connection, row));
            rows?.collect()
        })?;
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| is_more).map(|row| row.number);
        Ok(Page { rows, next })
    }

    /// How many runs there are per status word and phase, for the board.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn counts(
        &self,
        filter: &RunFilter,
    ) -> Result<Vec<(String, Option<String>, u64)>, ReadError> {
        let (condition, values) = condition(filter, None);
        let sql = format!("SELECT status, phase, count(*) FROM runs {condition} GROUP BY 1, 2");
        self.read(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
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
        self.read(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let run = self.one_run(&snapshot, "id", text(id))?;
            run.map(|run| Ok((steps::of_run(&snapshot, &run)?, run)))
                .transpose()
                .map(|found| found.map(|(steps, run)| (run, steps)))
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
        let sql = "SELECT data FROM attempts
             WHERE run = (SELECT number FROM runs WHERE id = ?1) AND step = ?2 ORDER BY n";
        self.read(|c| list(c, sql, vec![text(run), blob(step.bits())]))
    }

    /// All attempts of a run, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn all_attempts(&self, number: u64) -> Result<Vec<AttemptRow>, ReadError> {
        let sql = "SELECT data FROM attempts WHERE run = ?1 ORDER BY n";
        self.read(|c| list(c, sql, vec![integer(number)]))
    }

    /// The attempt of this id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn attempt(&self, id: AttemptId) -> Result<Option<AttemptRow>, ReadError> {
        let sql = "SELECT data FROM attempts WHERE id = ?1";
        self.read(|connection| {
            connection
                .prepare_cached(sql)?
                .query_row([bits(id.bits())], data)
                .optional()
        })
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
                        run: parse(&format!("\"{}\"", row.get_ref(1)?.as_str()?))?,
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

    /// How many messages of a run's thread after this one (its wire id) others wrote than this
    /// user; no more than `most` are counted.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn unread(
        &self,
        run: RunId,
        user: UserId,
        after: u64,
        most: usize,
    ) -> Result<u64, ReadError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM messages
             WHERE run = (SELECT number FROM runs WHERE id = ?1) AND id > ?2
             AND author IS NOT ?3 LIMIT ?4)";
        self.read(|connection| {
            connection.prepare_cached(sql)?.query_row(
                params![
                    text(run),
                    integer(after),
                    user.to_string(),
                    integer(most as u64)
                ],
                |row| row.get(0),
            )
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
        let mut lengths: Vec<u64> = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT length FROM runs WHERE definition = ?1 AND status = 'completed'
                     AND length IS NOT NULL ORDER BY number DESC LIMIT ?2",
                )?
                .query_map(params![definition.to_string(), ESTIMATE_FROM], |row| {
                    row.get(0)
                })?
                .collect()
        })?;
        lengths.sort_unstable();
        let Some(&upper) = lengths.get(lengths.len() / 2) else {
            return Ok(None);
        };
        let lower = lengths[(lengths.len() - 1) / 2];
        Ok(Some(Duration::from_millis(u64::midpoint(lower, upper))))
    }
}

fn condition(filter: &RunFilter, before: Option<u64>) -> (String, Vec<Value>) {
    let mut parts: Vec<String> = Vec::new();
    let mut values = Vec::new();
    let mut is = |part: &str, given: Vec<Value>| {
        parts.push(part.to_owned());
        values.extend(given);
    };
    if let Some(before) = before {
        is("number < ?", vec![integer(before)]);
    }
    if let Some(project) = filter.project {
        is("project = ?", vec![text(project)]);
    }
    if let Some(projects) = &filter.projects {
        let given = projects.iter().map(text).collect();
        is(&format!("project IN ({})", marks(projects.len())), given);
    }
    if let Some(parent) = filter.parent {
        is("parent = ?", vec![text(parent)]);
    }
    for (column, words) in [("status", &filter.statuses), ("phase", &filter.phases)] {
        if !words.is_empty() {
            let given = words.iter().map(text).collect();
            is(&format!("{column} IN ({})", marks(words.len())), given);
        }
    }
    if !filter.definitions.is_empty() {
        let marks = marks(filter.definitions.len());
        let given: Vec<Value> = filter.definitions.iter().map(text).collect();
        let twice = [given.clone(), given].concat();
        is(
            &format!("(key IN ({marks}) OR definition IN ({marks}))"),
            twice,
        );
    }
    if let Some(q) = filter.q.as_deref().filter(|q| !q.is_empty()) {
        let escaped = q
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        let number = q.trim_start_matches('#').parse().unwrap_or(0);
        is(
            "(name LIKE ? ESCAPE '\\' OR id LIKE ? ESCAPE '\\' OR number = ?)",
            vec![
                text(format!("%{escaped}%")),
                text(format!("{escaped}%")),
                integer(number),
            ],
        );
    }
    if parts.is_empty() {
        return (String::new(), values);
    }
    (format!("WHERE {}", parts.join(" AND ")), values)
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn text(value: impl ToString) -> Value {
    Value::Text(value.to_string())
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
const RUN: &str = "data, state, outline, finished";

impl Views {
    fn row(&self, connection: &Connection, row: &Row<'_>) -> rusqlite::Result<RunRow> {
        let mut run = runs::join(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?)?;
        run.outline = self.outline(connection, row.get(2)?)?;
        run.finished = row.get_ref(3)?.as_str_or_null()?.map(parse).transpose()?;
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
