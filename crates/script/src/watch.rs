//! The worker's watchdog. What computes inside the engine without ever looking at the time (a search
//! through an array of 2^53 nothings), or a compiler that does not come to an end, cannot be
//! stopped from inside: the process says where it was, and ends.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::isolate::LastPlace;
use crate::protocol::{self, Answer};

/// How much more processor time than it may take an order has before the process ends: what can be
/// stopped from inside is stopped before.
const SLACK: Duration = Duration::from_secs(1);

/// How often it looks, at most.
const LOOK: Duration = Duration::from_millis(50);

/// And how often at least, while there are orders: one that begins need not wake it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// See the module. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    inner: Arc<(Mutex<Order>, Condvar)>,
}

/// What is watched: nothing while the host is waited for.
#[derive(Default)]
struct Order {
    /// The processor time of this process by which the order is to be carried out.
    until: Option<Duration>,
    place: LastPlace,
    /// The watchdog sleeps until it is woken.
    sleeps: bool,
}

/// The processor time that this process has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An order begins, that may take this much processor time.
    pub(crate) fn begin(&self, length: Duration) {
        let mut order = self.lock();
        order.until = Some(used() + length + SLACK);
        order.place = LastPlace::default();
        if order.sleeps {
            self.inner.1.notify_all();
        }
    }

    /// The program that the order is about: where it is last known to have been.
    pub(crate) fn follow(&self, place: LastPlace) {
        self.lock().place = place;
    }

    /// Answers; `more`: the order goes on.
    pub(crate) fn answer(&self, answer: &Answer, more: bool) -> io::Result<()> {
        // Both speak under this lock, so that no answer is cut off by the other.
        let mut order = self.lock();
        if !more {
            order.until = None;
        }
        protocol::write(&mut io::stdout().lock(), answer)
    }

    /// Watches for as long as the process lives.
    pub(crate) fn watch(&self) {
        let mut order = self.lock();
        loop {
            let Some(until) = order.until else {
                order.sleeps = true;
                let woken = self.inner.1.wait(order);
                order = woken.unwrap_or_else(PoisonError::into_inner);
                order.sleeps = false;
                continue;
            };
            let left = until.saturating_sub(used());
            if left.is_zero() {
                break;
            }
            let waited = self
                .inner
                .1
                .wait_timeout(order, left.clamp(LOOK, LOOK_AGAIN));
            order = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let place = order.place.get();
        let mut stdout = io::stdout().lock();
        // Without a host there is nobody to hear it.
        let _told = protocol::write(&mut stdout, &Answer::Overdue { place });
        let _flushed = stdout.flush();
        #[expect(
            clippy::disallowed_methods,
            reason = "the other thread cannot be ended; nothing in this process outlives it"
        )]
        std::process::exit(1);
    }
}
