//! The one thread that writes `journal.db`. It takes what is ready, never lingers, and makes a batch
//! durable with one sync.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use baton_engine::ports::{Append, AppendError, Appended, Position};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{oneshot, watch};

use super::checkpoints::Poke;
use super::heads::Heads;
use super::recent::Recent;
use super::schema;
use super::statements::Statements;
use crate::faults::Faults;
use crate::load::Load;

/// At most this many commits are made durable together.
const BATCH: usize = 4096;

/// Under load it lets others go first so often before it begins a batch. On a busy processor they then commit
/// too, and share its sync and what else a transaction costs; where one is idle this takes no time.
const GIVE_WAY: usize = 3;

pub(super) type Reply = oneshot::Sender<Result<Appended, AppendError>>;

/// Something else to do with the writer's connection, between two batches.
pub(super) type Task = Box<dyn FnOnce(Result<&Connection, String>) + Send>;

pub(super) enum Request {
    Append(Append, Reply),
    Task(Task),
}

impl Request {
    pub(super) fn fail(self, why: &str) {
        match self {
            Self::Append(_, reply) => {
                let _ = reply.send(Err(AppendError::Failed(why.to_owned())));
            }
            Self::Task(task) => task(Err(why.to_owned())),
        }
    }
}

pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) requests: Receiver<Request>,
    pub(super) faults: Arc<dyn Faults>,
    pub(super) head: Arc<AtomicU64>,
    pub(super) recent: Arc<Recent>,
    pub(super) announce: watch::Sender<Position>,
    pub(super) poke: Poke,
    pub(super) heads: Heads,
    /// The next commit's position. Positions of failed commits are not used again.
    pub(super) next: u64,
    pub(super) batch: Vec<(Append, Reply)>,
    pub(super) outcomes: Vec<Result<Appended, AppendError>>,
}

/// Why [`Writer::serve`] returned.
enum End {
    /// Nobody can ask any more.
    Closed,
    /// A commit failed: what is in memory is in doubt. The batch, and this, are to be told.
    Broken {
        why: String,
        request: Option<Box<Request>>,
    },
}

impl Writer {
    /// Works until all senders are gone. After a failure the database is opened anew before those
    /// concerned are told, so that they find what is on disk; when that fails too, with the next
    /// request.
    pub(super) fn run(mut self, connection: Connection) {
        let mut current = Some(connection);
        let mut first = None;
        loop {
            let Some(connection) = current.take() else {
                let request = match self.requests.recv() {
                    Ok(request) => request,
                    Err(_) => return,
                };
                match self.reopen() {
                    Ok(connection) => {
                        current = Some(connection);
                        first = Some(request);
                    }
                    Err(error) => request.fail(&error.to_string()),
                }
                continue;
            };
            let End::Broken { why, request } = self.serve(&connection, first.take()) else {
                return;
            };
            tracing::error!(
                why,
                commits = self.batch.len(),
                "the journal was not written"
            );
            drop(connection);
            self.heads.clear();
            current = self.reopen().ok();
            for (_, reply) in self.batch.drain(..) {
                let _ = reply.send(Err(AppendError::Failed(why.clone())));
            }
            if let Some(request) = request {
                request.fail(&why);
            }
        }
    }

    fn reopen(&mut self) -> rusqlite::Result<Connection> {
        let connection = schema::writer(&self.path)?;
        let (next, next_n) = ends(&connection)?;
        // What was answered as failed may have become durable after all.
        let head = Position(next - 1);
        self.recent.clear(head);
        self.head.store(head.0, Ordering::Release);
        self.announce.send_replace(head);
        self.next = self.next.max(next);
        self.heads.at_least(next_n);
        Ok(connection)
    }

    fn serve(&mut self, connection: &Connection, first: Option<Request>) -> End {
        let mut statements = match Statements::prepare(connection) {
            Ok(statements) => statements,
            Err(error) => {
                return End::Broken {
                    why: error.to_string(),
                    request: first.map(Box::new),
                };
            }
        };
        let mut first = first;
        let mut load = Load::new();
        loop {
            let Some(request) = first.take().or_else(|| self.requests.recv().ok()) else {
                return End::Closed;
            };
            if load.is_high(Instant::now()) {
                for _ in 0..GIVE_WAY {
                    std::thread::yield_now();
                }
            }
            let task = self.collect(request);
            let (begun, commits) = (Instant::now(), self.batch.len());
            if !self.batch.is_empty()
                && let Err(why) = self.commit(&mut statements)
            {
                let request = task.map(|task| Box::new(Request::Task(task)));
                return End::Broken { why, request };
            }
            load.note(begun, commits);
            if let Some(task) = task {
                self.heads.clear();
                self.recent.clear(Position(self.next - 1));
                task(Ok(connection));
            }
        }
    }

    /// Takes what is ready, up to a task.
    fn collect(&mut self, first: Request) -> Option<Task> {
        let mut next = Ok(first);
        loop {
            match next {
                Ok(Request::Append(append, reply)) => self.batch.push((append, reply)),
                Ok(Request::Task(task)) => return Some(task),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
            if self.batch.len() >= BATCH {
                return None;
            }
            next = self.requests.try_recv();
        }
    }

    /// Makes the batch durable, then answers. On an error nobody was answered.
    fn commit(&mut self, statements: &mut Statements<'_>) -> Result<(), String> {
        self.heads.trim();
        self.outcomes.clear();
        let batch = std::mem::take(&mut self.batch);
        let written = self.write(&batch, statements);
        self.batch = batch;
        let commits = written.map_err(|error| error.to_string())?;
        if commits > 0
            && let Some(why) = self.faults.before_commit(commits)
        {
            return Err(why);
        }
        statements
            .commit
            .execute([])
            .map_err(|error| error.to_string())?;
        if commits > 0
            && let Some(why) = self.faults.after_commit(commits)
        {
            return Err(why);
        }
        let head = Position(self.next - 1);
        let (appends, replies): (Vec<_>, Vec<_>) = self.batch.drain(..).unzip();
        if commits > 0 {
            let durable = appends.into_iter().zip(&self.outcomes);
            let durable = durable.filter_map(|(append, outcome)| {
                let appended = outcome.as_ref().ok()?;
                Some((append, appended.position))
            });
            self.recent.add(durable);
            self.head.store(head.0, Ordering::Release);
        }
        for (reply, outcome) in replies.into_iter().zip(self.outcomes.drain(..)) {
            // Who no longer waits does not want to know.
            let _ = reply.send(outcome);
        }
        if commits > 0 {
            self.announce.send_replace(head);
            self.poke.committed(commits);
        }
        Ok(())
    }

    fn write(
        &mut self,
        batch: &[(Append, Reply)],
        statements: &mut Statements<'_>,
    ) -> rusqlite::Result<usize> {
        statements.begin.execute([])?;
        let mut commits = 0;
        for (append, _) in batch {
            let outcome = self.take(append, statements)?;
            commits += usize::from(outcome.is_ok());
            self.outcomes.push(outcome);
        }
        self.heads.write(statements)?;
        Ok(commits)
    }

    fn take(
        &mut self,
        append: &Append,
        statements: &mut Statements<'_>,
    ) -> rusqlite::Result<Result<Appended, AppendError>> {
        if let Some(command) = &append.command {
            let earlier = statements
                .find_command
                .query_row(params![command.0], |row| {
                    Ok(Appended {
                        position: Position(row.get(0)?),
                        seq: row.get(1)?,
                    })
                })
                .optional()?;
            if let Some(earlier) = earlier {
                return Ok(Err(AppendError::Repeated(earlier)));
            }
        }
        let index = self.heads.find(&append.aggregate, statements)?;
        let head = self.heads.get(index);
        if append.seq != head.seq + 1 {
            return Ok(Err(AppendError::Conflict { head: head.seq }));
        }
        let position = self.next;
        self.next += 1;
        let n = head.n;
        statements.insert.execute(params![
            position,
            n,
            append.seq,
            head.last,
            append.at.millis(),
            append.command.as_ref().map(|command| command.0.as_str()),
            append.events,
        ])?;
        if let Some(command) = &append.command {
            statements
                .insert_command
                .execute(params![command.0, position])?;
        }
        for (hash, text) in &append.blobs {
            statements.insert_blob.execute(params![hash, text])?;
            statements.insert_use.execute(params![n, hash])?;
        }
        for hash in mentioned(&append.events) {
            statements.insert_use.execute(params![n, hash])?;
        }
        self.heads.advance(index, append, position);
        Ok(Ok(Appended {
            position: Position(position),
            seq: append.seq,
        }))
    }
}

/// The next position and the next aggregate number, from disk.
pub(super) fn ends(connection: &Connection) -> rusqlite::Result<(u64, i64)> {
    let next = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let position = next("SELECT max(position) FROM journal")?.max(
        next("SELECT value FROM meta WHERE key = 'position'")
            .optional()?
            .flatten(),
    );
    let n = next("SELECT max(n) FROM aggregates")?;
    let position = u64::try_from(position.unwrap_or(0)).unwrap_or(0);
    Ok((position + 1, n.unwrap_or(0) + 1))
}

/// Hashes of blobs these events speak of (`"blob":"…"`), so that none is deleted that somebody
/// still needs, also when it was stored by another aggregate. A text that only looks like it
/// keeps a blob longer, no more.
fn mentioned(events: &[u8]) -> impl Iterator<Item = &str> {
    const MARK: &str = "\"blob\":\"";
    let text = std::str::from_utf8(events).unwrap_or("");
    text.match_indices(MARK)
        .filter_map(move |(at, _)| text.get(at + MARK.len()..at + MARK.len() + 64))
        .filter(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
