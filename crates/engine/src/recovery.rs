//! The start of a host: every run goes on without a person.

use baton_core::time::Timestamp;

use crate::handle::Engine;
use crate::ports::ReadError;

/// Timers are looked at again after this long: a clock that jumps is noticed.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(30);

impl Engine {
    /// Wakes every run that has something outstanding and sets the timers of all others, then
    /// keeps time until the engine is dropped. Returns when all are told; they go on by themselves.
    ///
    /// # Errors
    /// [`ReadError`] when the journal cannot be read.
    pub fn recover(&self) -> Result<Recovered, ReadError> {
        let now = self.inner.outside.clock.now();
        let mut recovered = Recovered {
            woken: 0,
            waiting: 0,
        };
        for (aggregate, wake) in self.inner.outside.journal.wakes()? {
            if wake.live || wake.due.is_some_and(|due| due <= now) {
                recovered.woken += 1;
                self.wake(&aggregate);
            } else if wake.due.is_some() {
                recovered.waiting += 1;
                self.inner.timers.set(&aggregate, wake.due);
            }
        }
        crate::handle::background(self.clone().keep_time());
        Ok(recovered)
    }

    async fn keep_time(self) {
        loop {
            let clock = &self.inner.outside.clock;
            let now = clock.now();
            for aggregate in self.inner.timers.take_due(now) {
                self.wake(&aggregate);
            }
            if crate::handle::lock(&self.inner.actors).closed {
                return;
            }
            let latest = now.plus(LOOK_AGAIN);
            let until: Timestamp = self.inner.timers.next().map_or(latest, |at| at.min(latest));
            tokio::select! {
                () = clock.sleep_until(until) => {}
                () = self.inner.timers.changed() => {}
            }
        }
    }
}

/// What a start found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// Aggregates with something to do at once.
    pub woken: usize,
    /// Runs that wait for a time.
    pub waiting: usize,
}
