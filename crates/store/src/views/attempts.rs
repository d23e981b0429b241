//! How attempts are stored and read.

use std::borrow::Cow;

use baton_core::ids::{AttemptId, StepId};
use baton_core::run::event::{AttemptEnd, Cause, StepError};
use baton_core::time::Timestamp;
use rusqlite::{Connection, Params, Row, params};
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

use super::rows::{AttemptRow, word};
use super::write::{at, bits, json, parse};

/// What one that went badly says.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Badly<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, StepError>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'a, str>>,
}

impl Badly<'_> {
    fn text(row: &AttemptRow) -> rusqlite::Result<Option<String>> {
        let said = Badly {
            error: row.error.as_ref().map(Cow::Borrowed),
            detail: row.detail.as_deref().map(Cow::Borrowed),
        };
        let said = (said != Badly::default()).then(|| json(&said));
        said.transpose()
    }
}

/// Attempts that fit, with what is to be said after `FROM attempts`.
pub(super) fn some(
    connection: &Connection,
    which: &str,
    values: impl Params,
) -> rusqlite::Result<Vec<AttemptRow>> {
    let sql = format!(
        "SELECT id, step, key, number, cause, started_at, ended_at, how, exit_code, data
         FROM attempts {which}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(values, read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    let bits = |column| row.get(column).map(u128::from_be_bytes);
    let said = row.get_ref(9)?.as_str_or_null()?;
    let said: Badly<'_> = said.map(parse).transpose()?.unwrap_or_default();
    let cause = row.get_ref(4)?.as_str()?;
    let cause = Cause::deserialize(StrDeserializer::<Error>::new(cause)).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(AttemptRow {
        id: AttemptId::from_bits(bits(0)?),
        step: StepId::from_bits(bits(1)?),
        key: row.get(2)?,
        number: row.get(3)?,
        cause,
        started_at: Timestamp::from_millis(row.get(5)?),
        ended_at: at(row, 6)?,
        how: row.get(7)?,
        error: said.error.map(Cow::into_owned),
        detail: said.detail.map(Cow::into_owned),
        exit_code: row.get(8)?,
    })
}

/// Adds attempts of a run, oldest first.
pub(super) fn add(
    connection: &Connection,
    run: u64,
    attempts: &[AttemptRow],
) -> rusqlite::Result<()> {
    if attempts.is_empty() {
        return Ok(());
    }
    let last: i64 = connection
        .prepare_cached("SELECT coalesce(max(n), 0) FROM attempts WHERE run = ?1")?
        .query_row([run], |row| row.get(0))?;
    let mut put = connection.prepare_cached(
        "INSERT INTO attempts
         (run, n, id, step, key, number, cause, started_at, ended_at, how, exit_code, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for (n, row) in (last + 1..).zip(attempts) {
        put.execute(params![
            run,
            n,
            bits(row.id.bits()),
            bits(row.step.bits()),
            row.key,
            row.number,
            word(&row.cause),
            row.started_at.millis(),
            row.ended_at.map(Timestamp::millis),
            row.how,
            row.exit_code,
            Badly::text(row)?,
        ])?;
    }
    Ok(())
}

/// One that was added before has ended.
pub(super) fn end(
    connection: &Connection,
    id: AttemptId,
    end: &AttemptEnd,
    when: Timestamp,
) -> rusqlite::Result<()> {
    let Some(mut row) = one(connection, id)? else {
        return Ok(());
    };
    row.end(end, when);
    connection
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?2, how = ?3, exit_code = ?4, data = ?5 WHERE id = ?1",
        )?
        .execute(params![
            bits(id.bits()),
            when.millis(),
            row.how,
            row.exit_code,
            Badly::text(&row)?,
        ])?;
    Ok(())
}

/// The attempt of this id.
pub(super) fn one(connection: &Connection, id: AttemptId) -> rusqlite::Result<Option<AttemptRow>> {
    let found = some(connection, "WHERE id = ?1", [bits(id.bits())])?;
    Ok(found.into_iter().next())
}
