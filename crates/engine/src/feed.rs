//! What was committed, to whoever watches. A reader that is too slow is told so and reads what it
//! missed from the journal by position.

use std::sync::Arc;

use baton_core::run::event::Event;
use baton_core::time::Timestamp;
use tokio::sync::broadcast;

use crate::ports::{Aggregate, Position};

/// One commit of a run, as it was decided.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Whose.
    pub aggregate: Aggregate,
    /// Its place in that journal.
    pub seq: u64,
    /// Its place among all.
    pub position: Position,
    /// When it was decided.
    pub at: Timestamp,
    /// Its events; empty for aggregates that are not runs.
    pub events: Arc<Vec<Event>>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Feed {
    sender: broadcast::Sender<Arc<Commit>>,
}

impl Feed {
    /// A feed that holds this many commits for slow readers.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            sender: broadcast::channel(capacity).0,
        }
    }

    /// Everything committed from now on, in the order of each aggregate. Positions of different
    /// aggregates may come slightly out of order.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Commit>> {
        self.sender.subscribe()
    }

    pub(crate) fn publish(&self, commit: Commit) {
        if self.sender.receiver_count() > 0 {
            // Nobody listening any more is no error.
            let _ = self.sender.send(Arc::new(commit));
        }
    }
}
