//! Opening `journal.db`: who may read it, which version it has, and how older ones are brought up.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// What brings a database from version n to n + 1, by n.
const MIGRATIONS: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql")];

/// Why a database was not opened. It is left as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Written by a newer Baton.
    #[error(
        "{path} has version {found}, this Baton knows versions up to {known}: use a newer Baton, or another data directory"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// Some other file.
    #[error("{path} is not a Baton database: {detail}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A database that cannot be read.
    #[error("{path} is damaged: {detail}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// The file system said no.
    #[error("{path} cannot be opened: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite said no.
    #[error("{path} cannot be opened: {detail}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
}

impl OpenError {
    pub(crate) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let (path, detail) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::Damaged { path, detail },
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Foreign { path, detail },
            _ => Self::Refused { path, detail },
        }
    }
}

/// The newest version this program knows.
pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Makes the data directory and the file (0600) when they are missing, checks what is there, and
/// brings it to the newest version.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(io)?;
    }
    make_private(path).map_err(io)?;
    check_header(path)?;
    let connection = connect(path).map_err(|error| OpenError::sqlite(path, &error))?;
    migrate(path, &connection)
}

/// Creates a directory that only its owner may read, if there is none.
pub(super) fn make_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Creates the file, or takes everybody else's rights to it. SQLite gives its side files the same
/// mode.
pub(crate) fn make_private(path: &Path) -> std::io::Result<()> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mode = std::fs::metadata(path)?.permissions().mode();
            if mode & 0o077 == 0 {
                return Ok(());
            }
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        }
        Err(error) => Err(error),
    }
}

/// Reads the version from the file's first bytes (SQLite file format, 1.3), so that a newer
/// database is refused before SQLite has touched anything.
fn check_header(path: &Path) -> Result<(), OpenError> {
    let mut header = Vec::with_capacity(100);
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
    if header.is_empty() {
        return Ok(());
    }
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
            detail: "it does not begin like an SQLite file".into(),
        });
    }
    let version = header[60..64]
        .iter()
        .fold(0, |number, byte| (number << 8) | u32::from(*byte));
    refuse_newer(path, version)
}

fn refuse_newer(path: &Path, found: u32) -> Result<(), OpenError> {
    let known = newest();
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

fn migrate(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::sqlite(path, &error);
    let found: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed)?;
    refuse_newer(path, found)?;
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if found == 0 && tables > 0 {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
            detail: "it holds tables of another program".into(),
        });
    }
    for (from, step) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let transaction = connection.unchecked_transaction().map_err(failed)?;
        transaction.execute_batch(step).map_err(failed)?;
        transaction
            .pragma_update(None, "user_version", from + 1)
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    // Only now: so a new file has its version in its first bytes.
    connection
        .pragma_update(None, "journal_mode", "wal")
        .map_err(failed)
}

/// Lets SQLite plan a statement once, whatever is bound to it. Else it reads and plans most of them anew
/// whenever something is bound: a quarter of what making the views took, and a sixth of a list.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// A connection that does nothing until told.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    keep_plans(&connection)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection)
}

/// What the writer keeps of the file in memory, and each reader. What is written lies at the ends of tables,
/// and the system has the rest: a cache that grows with the file would only be memory that grows.
const WRITER_KB: i32 = 4_096;
const READER_KB: i32 = 1_024;

/// Pages in the write-ahead log after which the writer itself copies them back; the checkpointer
/// keeps it from getting there while it can.
const AUTOCHECKPOINT_PAGES: u32 = 16_384;

/// The one connection that writes.
pub(super) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -WRITER_KB)?;
    connection.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_KB)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// The connection that copies the write-ahead log back.
pub(super) fn checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    connect(path)
}
