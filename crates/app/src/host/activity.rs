//! Who is connected, and since when nobody is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub struct Activity {
    connections: AtomicUsize,
    last: Mutex<Instant>,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            connections: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
        }
    }
}

impl Activity {
    /// Somebody is here until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> Present {
        self.connections.fetch_add(1, Ordering::AcqRel);
        Present(self.clone())
    }

    /// For how long nobody has been here.
    pub fn idle_for(&self) -> Duration {
        if self.connections.load(Ordering::Acquire) > 0 {
            return Duration::ZERO;
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed()
    }
}

/// See [`Activity::enter`].
#[derive(Debug)]
pub struct Present(Arc<Activity>);

impl Drop for Present {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}
