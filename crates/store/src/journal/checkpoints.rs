//! Copies the write-ahead log back into `journal.db` on a connection and thread of its own, so that
//! commits need not wait for it.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::schema;

/// Commits after which the log is copied back.
const EVERY: usize = 4096;

/// Counts commits and wakes the checkpointer.
pub(super) struct Poke {
    commits: usize,
    wake: SyncSender<()>,
}

impl Poke {
    pub(super) fn committed(&mut self, commits: usize) {
        self.commits += commits;
        if self.commits < EVERY {
            return;
        }
        match self.wake.try_send(()) {
            Ok(()) => self.commits = 0,
            // It is at work, or could not start: the writer's own checkpoint remains.
            Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

/// Starts the thread. It ends when the [`Poke`] is dropped.
pub(super) fn start(path: PathBuf) -> std::io::Result<(Poke, JoinHandle<()>)> {
    let (wake, woken) = sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("journal-checkpoint".into())
        .spawn(move || run(&path, &woken))?;
    Ok((Poke { commits: 0, wake }, thread))
}

fn run(path: &std::path::Path, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        // Opened when needed: a host that does little holds one connection less.
        let result = schema::checkpointer(path).and_then(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                row.get::<_, i64>(0)
            })
        });
        if let Err(error) = result {
            tracing::warn!(%error, "the write-ahead log could not be copied back");
        }
    }
}
