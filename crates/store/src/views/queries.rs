//! What readers ask of the views.

use std::time::Duration;

use baton_core::ids::{ArtifactId, AttemptId, DefinitionId, ProjectId, RunId, StepId, UserId};
use baton_engine::ports::ReadError;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::Views;
use super::rows::{AttemptRow, CheckpointRow, MessageRow, RunRow, StepRow};
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
        let sql = format!("SELECT data, state FROM runs {condition} ORDER BY number DESC LIMIT ?");
        let mut rows: Vec<RunRow> = self.read(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), run)?
                .collect()
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
        let sql = "SELECT data, state FROM runs WHERE id = ?1";
        self.read(|c| one_run(c, sql, text(id)))
    }

    /// The run of this number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn run_of_number(&self, number: u64) -> Result<Option<RunRow>, ReadError> {
        let sql = "SELECT data, state FROM runs WHERE number = ?1";
        self.read(|c| one_run(c, sql, integer(number)))
    }

    /// A run's steps and items, in file order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn steps(&self, run: RunId) -> Result<Vec<StepRow>, ReadError> {
        self.read(|connection| steps::of_run(connection, run))
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

fn run(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    runs::join(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?)
}

fn one_run(connection: &Connection, sql: &str, value: Value) -> rusqlite::Result<Option<RunRow>> {
    connection
        .prepare_cached(sql)?
        .query_row([value], run)
        .optional()
}
