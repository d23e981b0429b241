//! How far users have read the threads of runs: theirs alone, so not in any journal.

use baton_core::ids::{RunId, UserId};
use baton_engine::ports::ReadError;
use rusqlite::{OptionalExtension, params};

use super::SqliteJournal;
use super::admin::WriteError;

impl SqliteJournal {
    /// This user has read the thread up to this message (its wire id). A mark only moves on.
    ///
    /// # Errors
    /// [`WriteError::Failed`].
    pub fn mark_read(&self, user: UserId, run: RunId, message: u64) -> Result<(), WriteError> {
        self.write(move |connection| {
            connection.execute(
                "INSERT INTO read_marks (user, run, message) VALUES (?1, ?2, ?3)
                 ON CONFLICT (user, run) DO UPDATE SET message = max(message, excluded.message)",
                params![user.to_string(), run.to_string(), message],
            )?;
            Ok(())
        })
    }

    /// How far this user has read the threads of these runs; 0: nothing.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_marks(&self, user: UserId, runs: &[RunId]) -> Result<Vec<u64>, ReadError> {
        let sql = "SELECT message FROM read_marks WHERE user = ?1 AND run = ?2";
        let user = user.to_string();
        self.readers.with(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let mut mark = snapshot.prepare_cached(sql)?;
            let marks = runs.iter().map(|run| {
                let mark = mark.query_row(params![user, run.to_string()], |row| row.get(0));
                Ok(mark.optional()?.unwrap_or(0))
            });
            marks.collect()
        })
    }
}
