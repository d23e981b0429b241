//! [`SqliteJournal`]: the journal in one SQLite file, written by one thread.

mod admin;
mod checkpoints;
mod heads;
mod marks;
mod reads;
mod recent;
mod schema;
mod snapshots;
mod statements;
mod writer;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use baton_core::ids::{CommandId, RunId};
use baton_core::run::big::Hash;
use baton_engine::ports::{
    Aggregate, Append, AppendError, Appended, Journal, Position, ReadError, Stored, Wake,
};
use tokio::sync::{oneshot, watch};

pub use admin::{Project, WriteError};
pub use schema::OpenError;
pub(crate) use schema::{keep_plans, make_private};

use crate::faults::{Faults, NoFaults};
use heads::Heads;
use reads::Readers;
use recent::Recent;
use writer::{Request, Writer};

/// The file's name in the data directory.
const FILE: &str = "journal.db";

/// How a journal is opened.
#[derive(Clone)]
pub struct Options {
    /// Failures put in by tests.
    pub faults: Arc<dyn Faults>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            faults: Arc::new(NoFaults),
        }
    }
}

/// The journal in `journal.db`. When dropped it finishes what it was given.
pub struct SqliteJournal {
    requests: Option<Sender<Request>>,
    readers: Readers,
    recent: Arc<Recent>,
    head: Arc<AtomicU64>,
    number: AtomicU64,
    snapshots: snapshots::Snapshots,
    announced: watch::Receiver<Position>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteJournal {
    /// Opens the journal of a data directory, or makes it.
    ///
    /// # Errors
    /// [`OpenError`]; the file is then left as it was.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(data_dir, Options::default())
    }

    /// As [`Self::open`], with options.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_with(data_dir: &Path, options: Options) -> Result<Self, OpenError> {
        let path = data_dir.join(FILE);
        schema::prepare(&path)?;
        let failed = |error: rusqlite::Error| OpenError::sqlite(&path, &error);
        let connection = schema::writer(&path).map_err(failed)?;
        let (next, next_n) = writer::ends(&connection).map_err(failed)?;
        let number = admin::highest_number(&connection).map_err(failed)?;

        let head = Arc::new(AtomicU64::new(next - 1));
        let (announce, announced) = watch::channel(Position(next - 1));
        let recent = Arc::new(Recent::new(Position(next - 1)));
        let (requests, received) = channel();
        let io = |source| OpenError::Io {
            path: path.clone(),
            source,
        };
        let (poke, checkpointer) = checkpoints::start(path.clone()).map_err(io)?;
        let writer = Writer {
            path: path.clone(),
            requests: received,
            faults: options.faults,
            head: head.clone(),
            recent: recent.clone(),
            announce,
            poke,
            heads: Heads::new(next_n),
            next,
            batch: Vec::new(),
            outcomes: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("journal-writer".into())
            .spawn(move || writer.run(connection))
            .map_err(io)?;
        Ok(Self {
            requests: Some(requests),
            readers: Readers::new(path),
            recent,
            head,
            number: AtomicU64::new(number + 1),
            snapshots: snapshots::Snapshots::new(data_dir),
            announced,
            threads: Mutex::new(vec![thread, checkpointer]),
        })
    }

    /// Tells of every new head, after its commits are durable.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Position> {
        self.announced.clone()
    }

    /// Hands a request to the writer; answers it when there is none any more.
    fn send(&self, request: Request) {
        let refused = match &self.requests {
            Some(requests) => requests.send(request).err().map(|refused| refused.0),
            None => Some(request),
        };
        if let Some(request) = refused {
            request.fail("the writer has ended");
        }
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        drop(self.requests.take());
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Journal for SqliteJournal {
    fn append(&self, append: Append, reply: oneshot::Sender<Result<Appended, AppendError>>) {
        self.send(Request::Append(append, reply));
    }

    fn load(&self, aggregate: &Aggregate, after: u64) -> Result<Vec<Stored>, ReadError> {
        self.readers
            .with(|connection| reads::load(connection, aggregate, after))
    }

    fn walk(
        &self,
        aggregate: &Aggregate,
        after: u64,
        each: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.readers
            .with(|connection| reads::walk(connection, aggregate, after, each))
    }

    fn snapshot(&self, aggregate: &Aggregate) -> Option<(u64, Vec<u8>)> {
        let Aggregate::Run(run) = aggregate else {
            return None;
        };
        let (seq, bytes) = self.snapshots.read(*run)?;
        // One that is ahead of the journal belongs to another journal.
        let head = self
            .readers
            .with(|connection| reads::head(connection, aggregate))
            .ok()?;
        (seq <= head).then_some((seq, bytes))
    }

    fn keep_snapshot(&self, aggregate: &Aggregate, seq: u64, bytes: Vec<u8>) {
        if let Aggregate::Run(run) = aggregate {
            self.snapshots.write(*run, seq, &bytes);
        }
    }

    fn since(&self, after: Position, limit: usize) -> Result<Vec<Stored>, ReadError> {
        if let Some(commits) = self.recent.since(after, limit) {
            return Ok(commits);
        }
        self.readers
            .with(|connection| reads::since(connection, after, limit))
    }

    fn head(&self) -> Position {
        Position(self.head.load(Ordering::Acquire))
    }

    fn blob(&self, hash: &Hash) -> Result<Option<Arc<str>>, ReadError> {
        self.readers
            .with(|connection| reads::blob(connection, hash))
    }

    fn command(&self, id: &CommandId) -> Result<Option<(Aggregate, Appended)>, ReadError> {
        self.readers
            .with(|connection| reads::command(connection, id))
    }

    fn wakes(&self) -> Result<Vec<(Aggregate, Wake)>, ReadError> {
        self.readers.with(reads::wakes)
    }

    fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    fn run_of_number(&self, number: u64) -> Result<Option<RunId>, ReadError> {
        self.readers
            .with(|connection| reads::run_of_number(connection, number))
    }

    fn runs_by_prefix(&self, prefix: &str) -> Result<Vec<RunId>, ReadError> {
        self.readers
            .with(|connection| reads::runs_by_prefix(connection, prefix))
    }
}
