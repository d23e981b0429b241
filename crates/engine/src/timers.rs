//! When aggregates want attention: one task that sleeps until the next of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use baton_core::time::Timestamp;
use tokio::sync::Notify;

use crate::ports::Aggregate;

/// Due times by aggregate.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    due: HashMap<Aggregate, Timestamp>,
    order: BTreeSet<(Timestamp, Aggregate)>,
}

impl Timers {
    /// Sets or clears when an aggregate wants attention.
    pub(crate) fn set(&self, aggregate: &Aggregate, due: Option<Timestamp>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match due {
            Some(at) => state.due.insert(aggregate.clone(), at),
            None => state.due.remove(aggregate),
        };
        if before == due {
            return;
        }
        if let Some(before) = before {
            state.order.remove(&(before, aggregate.clone()));
        }
        if let Some(at) = due {
            state.order.insert((at, aggregate.clone()));
            if state.order.first().is_some_and(|(first, _)| *first == at) {
                self.changed.notify_one();
            }
        }
    }

    /// Takes what is due by this time.
    pub(crate) fn take_due(&self, now: Timestamp) -> Vec<Aggregate> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        while let Some((at, aggregate)) = state.order.pop_first() {
            if at > now {
                state.order.insert((at, aggregate));
                break;
            }
            state.due.remove(&aggregate);
            taken.push(aggregate);
        }
        taken
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.order.first().map(|(at, _)| *at)
    }

    /// Returns when an earlier time than all before was set.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
