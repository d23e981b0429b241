//! A clock that stands still until it is told, and wakes whoever sleeps on it.

use std::pin::Pin;
use std::sync::Mutex;

use baton_core::time::Timestamp;
use baton_engine::ports::Clock;
use tokio::sync::watch;

use crate::Rng;

/// See the module.
#[derive(Debug)]
pub struct SimClock {
    now: watch::Sender<u64>,
    rng: Mutex<Rng>,
}

impl SimClock {
    /// A clock at a fixed time in 2026.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: watch::channel(1_790_000_000_000).0,
            rng: Mutex::new(Rng::new(seed)),
        }
    }

    /// Moves it forward to a time (never back), or by nothing.
    pub fn advance_to(&self, at: Timestamp) {
        self.now.send_modify(|now| *now = (*now).max(at.millis()));
    }

    /// Sets it, also backwards: a clock that jumps.
    pub fn jump_to(&self, at: Timestamp) {
        self.now.send_replace(at.millis());
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(*self.now.borrow())
    }

    fn random(&self) -> u128 {
        let mut rng = self.rng.lock().unwrap();
        (u128::from(rng.bits()) << 64) | u128::from(rng.bits())
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            let _ = now.wait_for(|now| *now >= at.millis()).await;
        })
    }
}
