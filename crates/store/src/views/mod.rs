//! Read models in `views.db`: what lists and pages read. Made from the journal alone;
//! when the file is deleted or of another version it is made again.

mod attempts;
mod find;
mod outline;
mod projection;
mod queries;
mod rows;
mod runs;
mod steps;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use baton_core::ids::RunId;
use baton_engine::Plans;
use baton_engine::ports::{Journal, Position};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use tokio::sync::{Notify, watch};

pub use find::{RunFilter, STATUSES};
pub use outline::{Declared, Outline, Phase};
pub use queries::{Listed, Page};
pub use rows::{ArtifactRow, AttemptRow, CheckpointRow, MessageRow, PauseRow, RunRow, StepRow};
pub use steps::LISTED;

use crate::folds::Folds;
use crate::journal::{OpenError, keep_plans, make_private};
use outline::Outlines;
use projection::Projection;

const FILE: &str = "views.db";
/// Another version: the file is made anew.
const VERSION: u32 = 9;

/// Pages in the write-ahead log after which it is copied back: the same pages are written again and
/// again, and once is enough.
const AUTOCHECKPOINT_PAGES: u32 = 8192;

/// What the writer keeps of the file in memory: little, since the system has it all, but much while
/// indices and rows are made in whatever order the journal has them.
const CACHE_KB: i32 = 4_096;
const CACHE_TO_MAKE_KB: i32 = 65_536;
/// And each reader.
const READER_KB: i32 = 1_024;

/// The read models of a data directory. While it exists it follows the journal.
pub struct Views {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Outlines that were read: they never change.
    outlines: Mutex<HashMap<i64, Arc<Outline>>>,
    reached: watch::Receiver<Position>,
    /// What was committed before they were opened.
    begun: Position,
    closed: Arc<AtomicBool>,
    /// Somebody waits for what was committed.
    wanted: Arc<Notify>,
    /// Wakes the follower when closed.
    wake: watch::Sender<Position>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Views {
    /// Opens the views, or makes them, and starts to follow the journal. `heads` tells of new
    /// commits: `SqliteJournal::subscribe`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        data_dir: &Path,
        journal: Arc<dyn Journal>,
        plans: Arc<Plans>,
        heads: watch::Receiver<Position>,
    ) -> Result<Self, OpenError> {
        let path = data_dir.join(FILE);
        let failed = |error: rusqlite::Error| OpenError::sqlite(&path, &error);
        let begun = journal.head();
        let (connection, position, is_whole) = match prepare(&path, begun) {
            Ok(ready) => ready,
            // All of it can be made again.
            Err(error) => {
                tracing::warn!(%error, "the views are made anew");
                remove(&path);
                prepare(&path, begun).map_err(failed)?
            }
        };
        let (reached, reached_by_readers) = watch::channel(position);
        let closed = Arc::new(AtomicBool::new(false));
        let wanted = Arc::new(Notify::new());
        let (wake, woken) = watch::channel(position);
        let projection = Projection {
            folds: Folds::new(journal.clone(), plans),
            journal,
            connection,
            position,
            begun,
            is_whole,
            reached,
            outlines: Outlines::default(),
            closed: closed.clone(),
            wanted: wanted.clone(),
        };
        let thread = crate::follow::spawn("views", heads, woken, wake.clone(), |heads| {
            projection.run(heads)
        })
        .map_err(|source| OpenError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            path,
            idle: Mutex::default(),
            outlines: Mutex::default(),
            reached: reached_by_readers,
            begun,
            closed,
            wanted,
            wake,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// How far the views have come.
    #[must_use]
    pub fn position(&self) -> Position {
        *self.reached.borrow()
    }

    /// Whether they hold all that was committed before they were opened. Not so while they are made
    /// anew.
    #[must_use]
    pub fn have_caught_up(&self) -> bool {
        self.position() >= self.begun
    }

    /// Returns when the views hold this commit and all before it. A reader that has just written
    /// waits for its own.
    pub async fn wait_for(&self, position: Position) {
        let mut reached = self.reached.clone();
        if *reached.borrow() < position {
            self.wanted.notify_one();
        }
        // The follower has ended: there is nothing to wait for any more.
        let _ = reached.wait_for(|now| *now >= position).await;
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, baton_engine::ports::ReadError> {
        let failed = |error: rusqlite::Error| baton_engine::ports::ReadError(error.to_string());
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => reader(&self.path).map_err(failed)?,
        };
        let value = read(&connection).map_err(failed)?;
        let mut idle = idle();
        if idle.len() < 4 {
            idle.push(connection);
        }
        Ok(value)
    }

    /// The same, of one moment: no commit comes between two statements.
    fn at_once<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, baton_engine::ports::ReadError> {
        self.read(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            read(&snapshot)
        })
    }

    /// Forgets a run that was removed from the journal.
    ///
    /// # Errors
    /// [`baton_engine::ports::ReadError`].
    pub fn forget(&self, run: RunId) -> Result<(), baton_engine::ports::ReadError> {
        self.read(|connection| {
            let transaction = connection.unchecked_transaction()?;
            let number: Option<i64> = transaction
                .query_row(
                    "DELETE FROM runs WHERE id = ?1 RETURNING number",
                    [run.to_string()],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(number) = number {
                find::forget(&transaction, number)?;
            }
            for table in ["steps", "attempts", "messages", "checkpoints", "artifacts"] {
                transaction.execute(&format!("DELETE FROM {table} WHERE run = ?1"), [number])?;
            }
            transaction.commit()
        })
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        self.wake.send_replace(Position(u64::MAX));
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    keep_plans(&connection)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "cache_size", -READER_KB)?;
    Ok(connection)
}

/// The file, how far it has come, and whether readers find all in it that they go by.
fn prepare(path: &Path, head: Position) -> rusqlite::Result<(Connection, Position, bool)> {
    if let Err(error) = make_private(path) {
        tracing::warn!(%error, "the views' file cannot be made private");
    }
    let connection = connect(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "cache_size", -CACHE_TO_MAKE_KB)?;
    connection.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    } else if version != VERSION {
        return Err(rusqlite::Error::InvalidQuery);
    }
    let sql = "SELECT position, whole FROM state";
    let (position, mut is_whole): (u64, bool) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if position > head.0 {
        // Of another journal.
        return Err(rusqlite::Error::InvalidQuery);
    }
    if !is_whole && position == head.0 {
        projection::make_whole(&connection)?;
        is_whole = true;
    }
    if is_whole {
        connection.pragma_update(None, "cache_size", -CACHE_KB)?;
    }
    Ok((connection, Position(position), is_whole))
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        // What cannot be removed shows itself when it is opened.
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}
