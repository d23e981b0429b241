//! The last commits in memory, with their events as they were decided: who follows the journal closely
//! reads them here instead of from the disk, and need not decode them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use baton_engine::ports::{Append, Position, Stored};

/// So many commits are kept,
const COMMITS: usize = 4096;
/// or so many bytes of their events, when that is less. Beside them stand the decided ones, which take
/// some times as much.
const BYTES: usize = 2 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Recent {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// All commits after this one are in `commits`.
    after: Position,
    commits: VecDeque<(Stored, usize)>,
    bytes: usize,
}

impl Recent {
    /// None yet; the last that there is on the disk is `head`.
    pub(super) fn new(head: Position) -> Self {
        let kept = Kept {
            after: head,
            commits: VecDeque::new(),
            bytes: 0,
        };
        Self {
            kept: Mutex::new(kept),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all: from here on, what came up to `head` is on the disk alone. For when something else
    /// writes the journal, or may have failed to.
    pub(super) fn clear(&self, head: Position) {
        let mut kept = self.kept();
        kept.commits.clear();
        kept.bytes = 0;
        kept.after = head;
    }

    /// These are durable now: the next ones, in their order.
    pub(super) fn add(&self, commits: impl Iterator<Item = (Append, Position)>) {
        let mut kept = self.kept();
        for (append, position) in commits {
            let blobs = append.blobs.iter().map(|(_, text)| text.len());
            let size = append.events.len() + blobs.sum::<usize>();
            let stored = Stored {
                aggregate: append.aggregate,
                seq: append.seq,
                position,
                at: append.at,
                events: append.events.into(),
                decided: append.decided,
            };
            kept.bytes += size;
            kept.commits.push_back((stored, size));
        }
        while kept.commits.len() > COMMITS || kept.bytes > BYTES {
            let Some((oldest, size)) = kept.commits.pop_front() else {
                break;
            };
            kept.bytes -= size;
            kept.after = oldest.position;
        }
    }

    /// The first commits after this position, at most so many; `None` when not all of them are here.
    pub(super) fn since(&self, after: Position, limit: usize) -> Option<Vec<Stored>> {
        let kept = self.kept();
        if after < kept.after {
            return None;
        }
        let first = kept
            .commits
            .partition_point(|(stored, _)| stored.position <= after);
        let found = kept.commits.range(first..).take(limit);
        Some(found.map(|(stored, _)| stored.clone()).collect())
    }
}
