//! Reading the journal, on connections of their own.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use baton_core::ids::{CommandId, RunId};
use baton_core::run::big::Hash;
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, Appended, Position, ReadError, Stored, Wake};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::schema;

/// More idle connections than this are closed.
const IDLE: usize = 4;

/// Connections that only read.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        let failed = |error: rusqlite::Error| ReadError(error.to_string());
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => schema::reader(&self.path).map_err(failed)?,
        };
        // One that failed is not used again.
        let result = read(&connection).map_err(failed)?;
        let mut idle = idle();
        if idle.len() < IDLE {
            idle.push(connection);
        }
        Ok(result)
    }
}

/// The sequence number of an aggregate's last commit; 0 when there is none.
pub(super) fn head(connection: &Connection, aggregate: &Aggregate) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT head FROM aggregates WHERE id = ?1")?
        .query_row([aggregate.to_string()], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
}

pub(super) fn load(
    connection: &Connection,
    aggregate: &Aggregate,
    after: u64,
) -> rusqlite::Result<Vec<Stored>> {
    let mut found = Vec::new();
    walk(connection, aggregate, after, &mut |stored| {
        found.push(stored);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Commits know the one before them: the way back is found first, then it is gone forward.
pub(super) fn walk(
    connection: &Connection,
    aggregate: &Aggregate,
    after: u64,
    each: &mut dyn FnMut(Stored) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let snapshot = connection.unchecked_transaction()?;
    let mut find = snapshot.prepare_cached("SELECT head, last FROM aggregates WHERE id = ?1")?;
    let end = find
        .query_row([aggregate.to_string()], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?))
        })
        .optional()?;
    let Some((head, mut position)) = end else {
        return Ok(());
    };
    let wanted = head.saturating_sub(after);
    let mut way = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
    let mut back = snapshot.prepare_cached("SELECT seq, prev FROM journal WHERE position = ?1")?;
    for expected in (after + 1..=head).rev() {
        let (seq, prev) = back.query_row([position], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, Option<u64>>(1)?))
        })?;
        if seq != expected || prev.is_some() != (expected > 1) {
            return Err(damaged(format!("{aggregate} has a gap before {expected}")));
        }
        way.push(position);
        position = prev.unwrap_or_default();
    }
    let mut one =
        snapshot.prepare_cached("SELECT seq, at, events FROM journal WHERE position = ?1")?;
    for position in way.into_iter().rev() {
        let stored = one.query_row([position], |row| {
            Ok(Stored {
                aggregate: aggregate.clone(),
                seq: row.get(0)?,
                position: Position(position),
                at: Timestamp::from_millis(row.get(1)?),
                events: row.get_ref(2)?.as_bytes()?.into(),
                decided: None,
            })
        })?;
        if each(stored).is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn since(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<Stored>> {
    let mut statement = connection.prepare_cached(
        "SELECT j.position, a.id, j.seq, j.at, j.events
         FROM journal j JOIN aggregates a ON a.n = j.aggregate
         WHERE j.position > ?1 ORDER BY j.position LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after.0, limit], |row| {
        Ok(Stored {
            position: Position(row.get(0)?),
            aggregate: text(row, 1)?,
            seq: row.get(2)?,
            at: Timestamp::from_millis(row.get(3)?),
            events: row.get_ref(4)?.as_bytes()?.into(),
            decided: None,
        })
    })?;
    rows.collect()
}

pub(super) fn blob(connection: &Connection, hash: &Hash) -> rusqlite::Result<Option<Arc<str>>> {
    connection
        .prepare_cached("SELECT text FROM blobs WHERE hash = ?1")?
        .query_row([hash], |row| row.get(0))
        .optional()
}

pub(super) fn command(
    connection: &Connection,
    id: &CommandId,
) -> rusqlite::Result<Option<(Aggregate, Appended)>> {
    connection
        .prepare_cached(
            "SELECT a.id, j.position, j.seq FROM commands c
             JOIN journal j USING (position) JOIN aggregates a ON a.n = j.aggregate
             WHERE c.id = ?1",
        )?
        .query_row([&id.0], |row| {
            let appended = Appended {
                position: Position(row.get(1)?),
                seq: row.get(2)?,
            };
            Ok((text(row, 0)?, appended))
        })
        .optional()
}

pub(super) fn wakes(connection: &Connection) -> rusqlite::Result<Vec<(Aggregate, Wake)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, due, live, unfinished FROM aggregates
         WHERE due IS NOT NULL OR live ORDER BY n",
    )?;
    let rows = statement.query_map([], |row| {
        let wake = Wake {
            due: row.get::<_, Option<u64>>(1)?.map(Timestamp::from_millis),
            live: row.get(2)?,
            unfinished: row.get(3)?,
        };
        Ok((text(row, 0)?, wake))
    })?;
    rows.collect()
}

pub(super) fn run_of_number(
    connection: &Connection,
    number: u64,
) -> rusqlite::Result<Option<RunId>> {
    let Ok(number) = i64::try_from(number) else {
        return Ok(None);
    };
    connection
        .prepare_cached("SELECT id FROM aggregates WHERE number = ?1")?
        .query_row([number], |row| text(row, 0))
        .optional()
}

pub(super) fn runs_by_prefix(
    connection: &Connection,
    prefix: &str,
) -> rusqlite::Result<Vec<RunId>> {
    let prefix = prefix.to_ascii_lowercase();
    let hex = prefix.strip_prefix("run_").unwrap_or(&prefix);
    if hex.len() > 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    // `~` comes after every hex digit.
    connection
        .prepare_cached("SELECT id FROM aggregates WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 2")?
        .query_map([format!("run_{hex}"), format!("run_{hex}~")], |row| {
            text(row, 0)
        })?
        .collect()
}

/// A column that holds an id or a name of ours as text.
fn text<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn damaged(detail: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, detail.into())
}
