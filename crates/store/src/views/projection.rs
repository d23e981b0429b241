//! The one task that writes `views.db`: follows the journal by position and folds what it reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use baton_engine::ports::{Aggregate, Journal, Position};
use rusqlite::Connection;
use tokio::sync::{Notify, watch};

use super::CACHE_KB;
use super::outline::Outlines;
use super::write::Batch;
use crate::folds::{Folds, Skip};
use crate::load::Load;

/// Commits that are written in one transaction: what is made of them stays in the processor's caches.
const BATCH: usize = 5_000;
/// Under load batches begin this long apart, so that rows that change often are written less often than
/// they change, most short runs once; but for a reader who waits for what was committed.
const APART: Duration = Duration::from_millis(50);
/// After a failure.
const RETRY: Duration = Duration::from_millis(500);

pub(super) struct Projection {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) folds: Folds,
    pub(super) connection: Connection,
    pub(super) position: Position,
    /// Where readers begin to read: by then all indices are there.
    pub(super) begun: Position,
    pub(super) is_whole: bool,
    pub(super) reached: watch::Sender<Position>,
    pub(super) outlines: Outlines,
    pub(super) closed: Arc<AtomicBool>,
    /// Somebody waits for what was committed.
    pub(super) wanted: Arc<Notify>,
}

impl Projection {
    /// Follows until closed, or until nobody announces heads any more.
    pub(super) async fn run(mut self, mut heads: watch::Receiver<Position>) {
        let mut load = Load::new();
        while !self.closed.load(Ordering::Acquire) {
            let begun = Instant::now();
            heads.borrow_and_update();
            match self.step() {
                Ok(BATCH..) => {}
                Ok(taken @ 1..) => {
                    load.note(begun, taken);
                    if load.is_high(Instant::now()) {
                        tokio::select! {
                            // Whether it is closed is asked for again by then.
                            () = tokio::time::sleep(APART.saturating_sub(begun.elapsed())) => {}
                            () = self.wanted.notified() => {}
                        }
                    }
                }
                Ok(0) => {
                    if heads.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(error, "the views could not be written; trying again");
                    self.folds.clear();
                    self.outlines.clear();
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Takes one batch; how many commits there were.
    fn step(&mut self) -> Result<usize, String> {
        let head = self.journal.head();
        let commits = self
            .journal
            .since(self.position, BATCH)
            .map_err(|error| error.to_string())?;
        let Some(last) = commits.last() else {
            // What came after was removed.
            self.position = self.position.max(head);
            self.complete().map_err(|error| error.to_string())?;
            self.reached.send_replace(self.position);
            return Ok(0);
        };
        let last = last.position;
        let mut batch = Batch::default();
        for commit in &commits {
            let Aggregate::Run(run) = commit.aggregate else {
                continue;
            };
            if let Some(before) = self.folds.before(run, commit) {
                batch.note_wait(before, commit);
            }
            let taken = self.folds.advance(run, commit, |index, event, after| {
                batch.note(index, event, after, commit);
            });
            match taken {
                Ok(()) => {}
                Err(Skip::Read(error)) => return Err(error.to_string()),
                Err(Skip::Never(why)) => {
                    tracing::warn!(%run, seq = commit.seq, why, "a run is left out of the views");
                }
            }
        }
        self.write(&mut batch, last)
            .map_err(|error| error.to_string())?;
        self.position = last;
        self.complete().map_err(|error| error.to_string())?;
        self.reached.send_replace(last);
        self.folds.trim();
        Ok(commits.len())
    }

    /// Makes what readers go by, once all is there that they may ask for.
    fn complete(&mut self) -> rusqlite::Result<()> {
        if !self.is_whole && self.position >= self.begun {
            make_whole(&self.connection)?;
            self.is_whole = true;
            self.connection
                .pragma_update(None, "cache_size", -CACHE_KB)?;
            self.connection.execute_batch("PRAGMA shrink_memory")?;
        }
        Ok(())
    }

    fn write(&mut self, batch: &mut Batch, position: Position) -> rusqlite::Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        for id in batch.runs() {
            if let Some(run) = self.folds.get(id) {
                batch.write(run, &mut self.outlines, &transaction)?;
            }
        }
        transaction
            .prepare_cached("UPDATE state SET position = ?1")?
            .execute([position.0])?;
        transaction.commit()
    }
}

/// Makes the indices that readers go by.
pub(super) fn make_whole(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(include_str!("indices.sql"))?;
    transaction.commit()
}
