//! What is written beside commits, through the same one writer: projects, the host's generation,
//! and the removal of an aggregate.

use baton_core::ids::ProjectId;
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, ReadError};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::oneshot;

use super::SqliteJournal;
use super::writer::Request;

/// Why something beside the commits was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The disk refused; nothing of it is durable.
    #[error("the journal could not be written: {0}")]
    Failed(String),
    /// Another project has this path.
    #[error("the path {0} belongs to another project")]
    PathTaken(String),
}

/// A registered project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name for people.
    pub name: String,
    /// Its absolute path; unique.
    pub path: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl SqliteJournal {
    /// Does something in a transaction of its own on the writer's thread, durably, and waits for
    /// it. Not to be called from an async task.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let task = move |connection: Result<&Connection, String>| {
            let result = connection.and_then(|connection| {
                let transact = || {
                    let transaction = connection.unchecked_transaction()?;
                    let value = work(connection)?;
                    transaction.commit()?;
                    Ok(value)
                };
                transact().map_err(|error: rusqlite::Error| error.to_string())
            });
            let _ = reply.send(result);
        };
        self.send(Request::Task(Box::new(task)));
        match answer.recv() {
            Ok(result) => result.map_err(WriteError::Failed),
            Err(_) => Err(WriteError::Failed("the writer has ended".into())),
        }
    }

    /// A new generation of hosts begins: durable, higher than every one before.
    ///
    /// # Errors
    /// [`WriteError::Failed`].
    pub fn bump_generation(&self) -> Result<u64, WriteError> {
        self.write(|connection| {
            connection.query_row(
                "INSERT INTO meta (key, value) VALUES ('generation', 1)
                 ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value",
                [],
                |row| row.get(0),
            )
        })
    }

    /// Registers a project, or changes its name or path.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn put_project(&self, project: Project) -> Result<(), WriteError> {
        let path = project.path.clone();
        let is_stored = self.write(move |connection| {
            let owner: Option<String> = connection
                .query_row(
                    "SELECT id FROM projects WHERE path = ?1",
                    [&project.path],
                    |row| row.get(0),
                )
                .optional()?;
            let id = project.id.to_string();
            if owner.is_some_and(|owner| owner != id) {
                return Ok(false);
            }
            connection.execute(
                "INSERT INTO projects (id, name, path, created_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, path = excluded.path",
                params![id, project.name, project.path, project.created_at.millis()],
            )?;
            Ok(true)
        })?;
        if is_stored {
            Ok(())
        } else {
            Err(WriteError::PathTaken(path))
        }
    }

    /// Forgets a registered project; its runs stay. Whether there was one.
    ///
    /// # Errors
    /// [`WriteError::Failed`].
    pub fn remove_project(&self, id: ProjectId) -> Result<bool, WriteError> {
        self.write(move |connection| {
            connection
                .execute("DELETE FROM projects WHERE id = ?1", [id.to_string()])
                .map(|count| count > 0)
        })
    }

    /// All registered projects, oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn projects(&self) -> Result<Vec<Project>, ReadError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, path, created_at FROM projects ORDER BY created_at, id",
                )?
                .query_map([], project)?
                .collect()
        })
    }

    /// The project of this id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn project(&self, id: ProjectId) -> Result<Option<Project>, ReadError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached("SELECT id, name, path, created_at FROM projects WHERE id = ?1")?
                .query_row([id.to_string()], project)
                .optional()
        })
    }

    /// Deletes an aggregate: its journal, its commands and the blobs nobody else speaks of.
    /// Whether there was one. That it has ended and nothing follows is the caller's to know.
    ///
    /// # Errors
    /// [`WriteError::Failed`].
    pub fn remove(&self, aggregate: &Aggregate) -> Result<bool, WriteError> {
        let id = aggregate.to_string();
        if let Aggregate::Run(run) = aggregate {
            self.snapshots.remove(*run);
        }
        self.write(move |connection| remove(connection, &id))
    }

    /// Waits until everything handed over before is durable or refused.
    ///
    /// # Errors
    /// [`WriteError::Failed`].
    pub async fn flush(&self) -> Result<(), WriteError> {
        let (reply, answer) = oneshot::channel();
        let task = move |connection: Result<&Connection, String>| {
            let _ = reply.send(connection.map(|_| ()));
        };
        self.send(Request::Task(Box::new(task)));
        match answer.await {
            Ok(result) => result.map_err(WriteError::Failed),
            Err(_) => Err(WriteError::Failed("the writer has ended".into())),
        }
    }
}

/// The highest number given to a run whose commit is durable.
pub(super) fn highest_number(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row(
        "SELECT max(coalesce((SELECT value FROM meta WHERE key = 'number'), 0),
                    coalesce((SELECT max(number) FROM aggregates), 0))",
        [],
        |row| row.get(0),
    )
}

fn remove(connection: &Connection, id: &str) -> rusqlite::Result<bool> {
    let n: Option<i64> = connection
        .query_row("SELECT n FROM aggregates WHERE id = ?1", [id], |row| {
            row.get(0)
        })
        .optional()?;
    let Some(n) = n else {
        return Ok(false);
    };
    // Numbers and positions are never given twice, also when the highest is deleted.
    connection.execute(
        "INSERT INTO meta (key, value) VALUES
         ('number', (SELECT coalesce(max(number), 0) FROM aggregates)),
         ('position', (SELECT coalesce(max(position), 0) FROM journal))
         ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)",
        [],
    )?;
    connection.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS removed (position INTEGER PRIMARY KEY, command TEXT);
         DELETE FROM removed;",
    )?;
    connection.execute(
        "INSERT INTO removed
         WITH RECURSIVE chain (position, prev, command) AS (
             SELECT position, prev, command FROM journal
             WHERE position = (SELECT last FROM aggregates WHERE n = ?1)
             UNION ALL
             SELECT j.position, j.prev, j.command
             FROM chain c JOIN journal j ON j.position = c.prev
         )
         SELECT position, command FROM chain",
        [n],
    )?;
    connection.execute_batch(
        "DELETE FROM commands WHERE id IN (SELECT command FROM removed);
         DELETE FROM journal WHERE position IN (SELECT position FROM removed);
         DELETE FROM removed;",
    )?;
    connection.execute(
        "DELETE FROM blobs WHERE n IN (SELECT blob FROM uses WHERE aggregate = ?1)
         AND NOT EXISTS (SELECT 1 FROM uses WHERE blob = blobs.n AND aggregate <> ?1)",
        [n],
    )?;
    connection.execute("DELETE FROM uses WHERE aggregate = ?1", [n])?;
    connection.execute("DELETE FROM read_marks WHERE run = ?1", [id])?;
    connection.execute("DELETE FROM aggregates WHERE n = ?1", [n])?;
    Ok(true)
}

fn project(row: &Row<'_>) -> rusqlite::Result<Project> {
    let id: String = row.get(0)?;
    Ok(Project {
        id: id.parse().map_err(|error| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(error))
        })?,
        name: row.get(1)?,
        path: row.get(2)?,
        created_at: Timestamp::from_millis(row.get(3)?),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use baton_engine::ports::{Append, AppendError, Journal, Wake};

    use super::*;

    fn put(journal: &SqliteJournal, seq: u64) -> Result<(), AppendError> {
        let (reply, answer) = oneshot::channel();
        let append = Append {
            aggregate: Aggregate::Slot("full".into()),
            seq,
            command: None,
            at: Timestamp::default(),
            events: vec![b' '; 100_000],
            decided: None,
            blobs: Vec::new(),
            board: None,
            wake: Wake::default(),
        };
        journal.append(append, reply);
        answer.blocking_recv().unwrap().map(|_| ())
    }

    #[test]
    fn a_full_disk_fails_commits_until_there_is_space_again() {
        let dir = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(dir.path()).unwrap();
        // SQLite's own limit fails as a full disk does; it goes with the connection.
        journal
            .write(|connection| connection.query_row("PRAGMA max_page_count = 100", [], |_| Ok(())))
            .unwrap();
        let mut seq = 1;
        while put(&journal, seq).is_ok() {
            seq += 1;
        }
        assert!(seq > 1);
        let aggregate = Aggregate::Slot("full".into());
        let durable = journal.load(&aggregate, 0).unwrap().len() as u64;
        assert_eq!(durable, seq - 1);
        assert_eq!(put(&journal, seq), Ok(()));
    }
}
