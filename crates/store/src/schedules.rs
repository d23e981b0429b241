//! How far each definition's schedule has been carried out (`triggers.db`).

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use baton_core::ids::DefinitionId;
use baton_core::time::Timestamp;
use baton_engine::ports::ReadError;
use rusqlite::{Connection, OptionalExtension};

use crate::OpenError;
use crate::beside::{self, failed};

const FILE: &str = "triggers.db";

const VERSIONS: &[&str] = &["
    CREATE TABLE schedule (
        definition TEXT PRIMARY KEY,
        rule TEXT NOT NULL,
        handled INTEGER NOT NULL
    ) STRICT;
"];

/// See the module. Blocks on the disk.
#[derive(Debug)]
pub struct Schedules {
    connection: Mutex<Connection>,
}

impl Schedules {
    /// Those of this directory.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let connection = beside::open(&directory.join(FILE), VERSIONS)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The time up to which this definition's schedule is carried out. A rule (its expression and
    /// zone) that was not seen before begins `now`: what it would have meant earlier is not owed.
    ///
    /// # Errors
    /// The disk said no.
    pub fn handled(
        &self,
        definition: DefinitionId,
        rule: &str,
        now: Timestamp,
    ) -> Result<Timestamp, ReadError> {
        let connection = self.lock();
        let known = "SELECT handled FROM schedule WHERE definition = ?1 AND rule = ?2";
        let known = connection
            .query_row(known, (definition.to_string(), rule), |row| row.get(0))
            .optional()
            .map_err(failed)?;
        if let Some(handled) = known {
            return Ok(Timestamp::from_millis(handled));
        }
        put(&connection, definition, rule, now)?;
        Ok(now)
    }

    /// All up to this time is carried out, durably.
    ///
    /// # Errors
    /// The disk said no.
    pub fn handle(
        &self,
        definition: DefinitionId,
        rule: &str,
        up_to: Timestamp,
    ) -> Result<(), ReadError> {
        put(&self.lock(), definition, rule, up_to)
    }
}

fn put(
    connection: &Connection,
    definition: DefinitionId,
    rule: &str,
    handled: Timestamp,
) -> Result<(), ReadError> {
    let sql = "INSERT OR REPLACE INTO schedule (definition, rule, handled) VALUES (?1, ?2, ?3)";
    let row = (definition.to_string(), rule, handled.millis());
    connection.execute(sql, row).map_err(failed)?;
    Ok(())
}
