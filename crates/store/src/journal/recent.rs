//! The last commits in memory, with their events as they were decided: who follows the journal closely
//! reads them here instead of from the disk, and need not decode them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    commits: VecDeque<One>,
    bytes: usize,
    /// How many of the commits hold each long text, by its address: most hold the source of their run, which
    /// it shares with others. Each counts once.
    texts: HashMap<usize, usize>,
}

#[derive(Debug)]
struct One {
    stored: Stored,
    /// The long texts of the events as they were decided.
    texts: Vec<Arc<str>>,
}

impl Kept {
    fn take(&mut self, one: One) {
        self.bytes += one.stored.events.len();
        for text in &one.texts {
            let count = self.texts.entry(text.as_ptr().addr()).or_default();
            *count += 1;
            if *count == 1 {
                self.bytes += text.len();
            }
        }
        self.commits.push_back(one);
    }

    fn drop_oldest(&mut self) {
        let Some(one) = self.commits.pop_front() else {
            return;
        };
        self.bytes -= one.stored.events.len();
        for text in &one.texts {
            let address = text.as_ptr().addr();
            if let Some(count) = self.texts.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    self.texts.remove(&address);
                    self.bytes -= text.len();
                }
            }
        }
        self.after = one.stored.position;
    }
}

impl Recent {
    /// None yet; the last that there is on the disk is `head`.
    pub(super) fn new(head: Position) -> Self {
        let kept = Kept {
            after: head,
            commits: VecDeque::new(),
            bytes: 0,
            texts: HashMap::new(),
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
        kept.texts.clear();
        kept.after = head;
    }

    /// These are durable now: the next ones, in their order.
    pub(super) fn add(&self, commits: impl Iterator<Item = (Append, Position)>) {
        let mut kept = self.kept();
        for (append, position) in commits {
            let texts = append.blobs.into_iter().map(|(_, text)| text);
            let texts = match append.decided {
                Some(_) => texts.collect(),
                None => Vec::new(),
            };
            let stored = Stored {
                aggregate: append.aggregate,
                seq: append.seq,
                position,
                at: append.at,
                events: append.events.into(),
                decided: append.decided,
            };
            kept.take(One { stored, texts });
        }
        while kept.commits.len() > COMMITS || kept.bytes > BYTES {
            kept.drop_oldest();
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
            .partition_point(|one| one.stored.position <= after);
        let found = kept.commits.range(first..).take(limit);
        Some(found.map(|one| one.stored.clone()).collect())
    }
}
