//! The system's clock and random source: the only ones of the host's decisions.

use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use baton_core::time::Timestamp;
use baton_engine::ports::Clock;

/// The longest sleep at once: a clock that was set is noticed by then.
const LONGEST: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The time by the system's clock.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one clock of the host")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn random(&self) -> u128 {
        // Each has 122 random bits, and the fixed ones lie elsewhere once turned.
        uuid::Uuid::new_v4().as_u128() ^ uuid::Uuid::new_v4().as_u128().rotate_left(64)
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let left = at.since(now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST)).await;
            }
        })
    }
}
