//! Who wants to be told what.

use std::time::Duration;

use baton_core::ids::{CommandId, ProjectId, WebhookId};
use baton_core::time::Timestamp;
use baton_engine::ports::ReadError;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Webhooks;
use crate::beside::failed;

/// How long it is known what a command has made: longer than a key stands for its request.
const KNOWN: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// An address that is told of events.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: WebhookId,
    /// Where to.
    pub url: String,
    /// What its deliveries are signed with: `whsec_` and base64.
    pub secret: String,
    /// Types of events, `workflow.*` for all that begin so; none: all.
    pub events: Vec<String>,
    /// Only this project's; `None`: all projects'.
    pub project: Option<ProjectId>,
    /// For people.
    pub description: Option<String>,
    /// It is told.
    pub enabled: bool,
    /// It is told of events after this wire position.
    pub since: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Whether it is to be told of such an event.
    #[must_use]
    pub fn wants(&self, kind: &str, project: ProjectId, pos: u64) -> bool {
        let named = |wanted: &String| match wanted.strip_suffix('*') {
            Some(begin) => kind.starts_with(begin),
            None => wanted == kind,
        };
        let of_project = self.project.is_none_or(|wanted| wanted == project);
        let is_new = pos > self.since;
        self.enabled
            && is_new
            && of_project
            && (self.events.is_empty() || self.events.iter().any(named))
    }
}

const COLUMNS: &str = "id, url, secret, events, project, description, enabled, since, created_at";

impl Webhooks {
    /// All, the oldest first.
    ///
    /// # Errors
    /// The disk said no.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, ReadError> {
        let connection = self.lock();
        let sql = format!("SELECT {COLUMNS} FROM endpoint ORDER BY id");
        let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
        let rows = statement.query_map([], read).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    /// The one with this id.
    ///
    /// # Errors
    /// The disk said no.
    pub fn endpoint(&self, id: WebhookId) -> Result<Option<Endpoint>, ReadError> {
        let all = self.endpoints()?;
        Ok(all.into_iter().find(|endpoint| endpoint.id == id))
    }

    /// The id of the endpoint that this command has made.
    ///
    /// # Errors
    /// The disk said no.
    pub fn made(&self, command: &CommandId) -> Result<Option<WebhookId>, ReadError> {
        made(&self.lock(), command).map_err(failed)
    }

    /// Keeps a new endpoint durably, and that this command has made it; gives the id of the one
    /// that a command like this made before, if it has.
    ///
    /// # Errors
    /// The disk said no.
    pub fn add(
        &self,
        endpoint: &Endpoint,
        command: Option<&CommandId>,
    ) -> Result<WebhookId, ReadError> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed)?;
        if let Some(command) = command {
            if let Some(before) = made(&transaction, command).map_err(failed)? {
                return Ok(before);
            }
            note_made(&transaction, command, endpoint).map_err(failed)?;
        }
        put(&transaction, endpoint)?;
        transaction.commit().map_err(failed)?;
        Ok(endpoint.id)
    }

    /// Keeps a changed endpoint durably.
    ///
    /// # Errors
    /// The disk said no.
    pub fn put(&self, endpoint: &Endpoint) -> Result<(), ReadError> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed)?;
        put(&transaction, endpoint)?;
        transaction.commit().map_err(failed)
    }

    /// Forgets an endpoint and all that it was told; whether there was one.
    ///
    /// # Errors
    /// The disk said no.
    pub fn remove(&self, id: WebhookId) -> Result<bool, ReadError> {
        let connection = self.lock();
        let delete = |sql: &str| connection.execute(sql, [id.to_string()]).map_err(failed);
        delete("DELETE FROM delivery WHERE endpoint = ?1")?;
        delete("DELETE FROM endpoint WHERE id = ?1").map(|count| count > 0)
    }
}

fn put(connection: &Connection, endpoint: &Endpoint) -> Result<(), ReadError> {
    let events = serde_json::to_string(&endpoint.events).map_err(|e| ReadError(e.to_string()))?;
    let others: u64 = connection
        .query_row("SELECT count(*) FROM endpoint", [], |row| row.get(0))
        .map_err(failed)?;
    if others == 0 {
        connection
            .execute(
                "INSERT OR REPLACE INTO cursor VALUES (1, ?1)",
                [endpoint.since],
            )
            .map_err(failed)?;
    }
    let sql = format!(
        "INSERT INTO endpoint ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE SET url = ?2, secret = ?3, events = ?4, project = ?5,
            description = ?6, enabled = ?7"
    );
    let row = params![
        endpoint.id.to_string(),
        endpoint.url,
        endpoint.secret,
        events,
        endpoint.project.map(|project| project.to_string()),
        endpoint.description,
        endpoint.enabled,
        endpoint.since,
        endpoint.created_at.millis(),
    ];
    connection.execute(&sql, row).map_err(failed)?;
    Ok(())
}

fn made(connection: &Connection, command: &CommandId) -> rusqlite::Result<Option<WebhookId>> {
    let sql = "SELECT id FROM made WHERE command = ?1";
    let read = |row: &Row<'_>| parsed(0, &row.get::<_, String>(0)?);
    connection.query_row(sql, [&command.0], read).optional()
}

fn note_made(
    connection: &Connection,
    command: &CommandId,
    endpoint: &Endpoint,
) -> rusqlite::Result<()> {
    let now = endpoint.created_at.millis();
    let old = now.saturating_sub(KNOWN.as_secs() * 1000);
    connection.execute("DELETE FROM made WHERE at < ?1", [old])?;
    let sql = "INSERT INTO made (command, id, at) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![command.0, endpoint.id.to_string(), now])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Endpoint> {
    let events: String = row.get(3)?;
    let project: Option<String> = row.get(4)?;
    Ok(Endpoint {
        id: parsed(0, &row.get::<_, String>(0)?)?,
        url: row.get(1)?,
        secret: row.get(2)?,
        events: serde_json::from_str(&events).map_err(|error| bad(3, error))?,
        project: project.map(|project| parsed(4, &project)).transpose()?,
        description: row.get(5)?,
        enabled: row.get(6)?,
        since: row.get(7)?,
        created_at: Timestamp::from_millis(row.get(8)?),
    })
}

fn bad(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// An id or word as it is stored in this column.
pub(super) fn parsed<T>(column: usize, text: &str) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| bad(column, error))
}
