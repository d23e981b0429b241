//! Small databases beside the journal, each in a file of its own: what is kept there concerns no
//! run's course.

use std::path::Path;
use std::time::Duration;

use baton_engine::ports::ReadError;
use rusqlite::{Connection, OpenFlags};

use crate::OpenError;

/// Opens or makes such a database (mode 0600), at the newest of these versions; each entry brings
/// it from the version before.
pub(crate) fn open(path: &Path, versions: &[&str]) -> Result<Connection, OpenError> {
    crate::journal::make_private(path).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })?;
    let failed = |error: rusqlite::Error| OpenError::sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection
        .busy_timeout(Duration::from_secs(10))
        .map_err(failed)?;
    let found: usize = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed)?;
    if found > versions.len() {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: u32::try_from(found).unwrap_or(u32::MAX),
            known: u32::try_from(versions.len()).unwrap_or(u32::MAX),
        });
    }
    for (from, step) in versions.iter().enumerate().skip(found) {
        let transaction = connection.unchecked_transaction().map_err(failed)?;
        transaction.execute_batch(step).map_err(failed)?;
        transaction
            .pragma_update(None, "user_version", from + 1)
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    for (name, value) in [("journal_mode", "wal"), ("synchronous", "full")] {
        connection
            .pragma_update(None, name, value)
            .map_err(failed)?;
    }
    Ok(connection)
}

pub(crate) fn failed(error: rusqlite::Error) -> ReadError {
    ReadError(error.to_string())
}
