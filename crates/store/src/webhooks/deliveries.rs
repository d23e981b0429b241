//! What endpoints were told, and are still to be told.

use std::fmt;
use std::str::FromStr;

use baton_core::ids::{DeliveryId, WebhookId};
use baton_core::time::Timestamp;
use baton_engine::ports::ReadError;
use rusqlite::{OptionalExtension, Row, params};

use super::Webhooks;
use super::endpoints::parsed;
use crate::beside::failed;

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is sent when it is due.
    Waiting,
    /// The endpoint has taken it.
    Delivered,
    /// It was tried as long as was promised.
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        })
    }
}

/// No such word.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no state of a delivery")]
pub struct BadState(String);

impl FromStr for State {
    type Err = BadState;

    fn from_str(text: &str) -> Result<Self, BadState> {
        let all = [Self::Waiting, Self::Delivered, Self::Failed];
        let found = all.into_iter().find(|state| state.to_string() == text);
        found.ok_or_else(|| BadState(text.to_owned()))
    }
}

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Orders them.
    pub number: u64,
    /// Its id: `webhook-id`, the same in every attempt.
    pub id: DeliveryId,
    /// For whom.
    pub endpoint: WebhookId,
    /// The event's type.
    pub kind: String,
    /// What is sent.
    pub body: String,
    /// How it stands.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due: Option<Timestamp>,
    /// Since when it is tried.
    pub begun: Timestamp,
    /// When it was last tried.
    pub tried_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// Why the last attempt did not succeed.
    pub error: Option<String>,
}

/// A delivery to keep.
#[derive(Debug, Clone)]
pub struct Telling {
    /// Its id.
    pub id: DeliveryId,
    /// For whom.
    pub endpoint: WebhookId,
    /// The event's wire position.
    pub pos: u64,
    /// Its place among those of this position.
    pub nth: u32,
    /// The event's type.
    pub kind: String,
    /// What is sent.
    pub body: String,
}

/// How an attempt went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How the delivery stands now.
    pub state: State,
    /// When it is tried next.
    pub due: Option<Timestamp>,
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

const COLUMNS: &str = "number, id, endpoint, kind, body, state, attempts, due, begun, tried_at, \
                       status, error";

/// Whose endpoint is told at all; the others' wait.
const SENDS: &str = "endpoint IN (SELECT id FROM endpoint WHERE enabled)";

impl Webhooks {
    /// The wire position up to which events have become deliveries; `None` before there was an
    /// endpoint.
    ///
    /// # Errors
    /// The disk said no.
    pub fn cursor(&self) -> Result<Option<u64>, ReadError> {
        let connection = self.lock();
        connection
            .query_row("SELECT pos FROM cursor", [], |row| row.get(0))
            .optional()
            .map_err(failed)
    }

    /// Keeps deliveries and how far they go, durably and at once. What is kept already stays.
    ///
    /// # Errors
    /// The disk said no: nothing is kept.
    pub fn tell(&self, all: &[Telling], cursor: u64, now: Timestamp) -> Result<(), ReadError> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed)?;
        for telling in all {
            let sql = "INSERT OR IGNORE INTO delivery
                (id, endpoint, pos, nth, kind, body, state, attempts, due, begun)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', 0, ?7, ?7)";
            let row = params![
                telling.id.to_string(),
                telling.endpoint.to_string(),
                telling.pos,
                telling.nth,
                telling.kind,
                telling.body,
                now.millis(),
            ];
            let mut statement = transaction.prepare_cached(sql).map_err(failed)?;
            statement.execute(row).map_err(failed)?;
        }
        transaction
            .execute("INSERT OR REPLACE INTO cursor VALUES (1, ?1)", [cursor])
            .map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// Those that are due, the longest first.
    ///
    /// # Errors
    /// The disk said no.
    pub fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, ReadError> {
        let rest = format!("WHERE due <= ?1 AND {SENDS} ORDER BY due, number LIMIT ?2");
        self.select(&rest, params![now.millis(), limit])
    }

    /// When the next one is due.
    ///
    /// # Errors
    /// The disk said no.
    pub fn next_due(&self) -> Result<Option<Timestamp>, ReadError> {
        let connection = self.lock();
        let sql = format!("SELECT min(due) FROM delivery WHERE due IS NOT NULL AND {SENDS}");
        let due: Option<u64> = connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(failed)?;
        Ok(due.map(Timestamp::from_millis))
    }

    /// Notes an attempt.
    ///
    /// # Errors
    /// The disk said no.
    pub fn tried(
        &self,
        id: DeliveryId,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<(), ReadError> {
        let sql =
            "UPDATE delivery SET state = ?2, due = ?3, tried_at = ?4, status = ?5, error = ?6,
                attempts = attempts + 1 WHERE id = ?1";
        let row = params![
            id.to_string(),
            outcome.state.to_string(),
            outcome.due.map(Timestamp::millis),
            now.millis(),
            outcome.status,
            outcome.error,
        ];
        self.lock().execute(sql, row).map_err(failed)?;
        Ok(())
    }

    /// What this endpoint was told, the newest first, before the delivery of this number.
    ///
    /// # Errors
    /// The disk said no.
    pub fn deliveries(
        &self,
        endpoint: WebhookId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, ReadError> {
        let rest = "WHERE endpoint = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3";
        let before = before.unwrap_or(i64::MAX as u64);
        self.select(rest, params![endpoint.to_string(), before, limit])
    }

    /// Sends a delivery once more, from now on, with its id; `None`: this endpoint has no such one.
    ///
    /// # Errors
    /// The disk said no.
    pub fn resend(
        &self,
        endpoint: WebhookId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Option<Delivery>, ReadError> {
        let sql = "UPDATE delivery SET state = 'waiting', due = ?3, begun = ?3
                WHERE endpoint = ?1 AND id = ?2";
        let row = params![endpoint.to_string(), id.to_string(), now.millis()];
        self.lock().execute(sql, row).map_err(failed)?;
        let rest = "WHERE endpoint = ?1 AND id = ?2";
        let found = self.select(rest, params![endpoint.to_string(), id.to_string()])?;
        Ok(found.into_iter().next())
    }

    /// Forgets what is over and was begun before this time.
    ///
    /// # Errors
    /// The disk said no.
    pub fn forget(&self, before: Timestamp) -> Result<usize, ReadError> {
        let sql = "DELETE FROM delivery WHERE due IS NULL AND begun < ?1";
        self.lock().execute(sql, [before.millis()]).map_err(failed)
    }

    fn select(
        &self,
        rest: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<Delivery>, ReadError> {
        let connection = self.lock();
        let sql = format!("SELECT {COLUMNS} FROM delivery {rest}");
        let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
        let rows = statement.query_map(values, read).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let time = |column: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row
            .get::<_, Option<u64>>(column)?
            .map(Timestamp::from_millis))
    };
    Ok(Delivery {
        number: row.get(0)?,
        id: parsed(1, &row.get::<_, String>(1)?)?,
        endpoint: parsed(2, &row.get::<_, String>(2)?)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        state: parsed(5, &row.get::<_, String>(5)?)?,
        attempts: row.get(6)?,
        due: time(7)?,
        begun: Timestamp::from_millis(row.get(8)?),
        tried_at: time(9)?,
        status: row.get(10)?,
        error: row.get(11)?,
    })
}
