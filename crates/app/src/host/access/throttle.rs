//! How often somebody may get it wrong: a few times, then once in a while.

use std::collections::HashMap;
use std::time::Duration;

use baton_core::time::Timestamp;

/// Mistakes that are free.
const FREE: u32 = 5;

/// How long until mistakes are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Addresses and names that are remembered at once.
const MOST: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Throttle(HashMap<String, (u32, Timestamp)>);

impl Throttle {
    /// For how long this one has to wait; `None` when it may try.
    pub fn wait(&self, who: &str, now: Timestamp) -> Option<Duration> {
        let (mistakes, last) = self.0.get(who)?;
        let left = FORGOTTEN.saturating_sub(now.since(*last));
        (*mistakes >= FREE && !left.is_zero()).then_some(left)
    }

    /// It got it wrong.
    pub fn mistake(&mut self, who: &str, now: Timestamp) {
        if self.0.len() >= MOST {
            self.0.retain(|_, (_, last)| now.since(*last) < FORGOTTEN);
        }
        if self.0.len() >= MOST && !self.0.contains_key(who) {
            return;
        }
        let (mistakes, last) = self.0.entry(who.to_owned()).or_insert((0, now));
        if now.since(*last) >= FORGOTTEN {
            *mistakes = 0;
        }
        *mistakes += 1;
        *last = now;
    }

    /// It got it right.
    pub fn forget(&mut self, who: &str) {
        self.0.remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_mistakes_are_free_then_there_is_a_wait_and_a_success_ends_it() {
        let mut throttle = Throttle::default();
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
        for _ in 0..FREE {
            assert_eq!(throttle.wait("a", at(0)), None);
            throttle.mistake("a", at(0));
        }
        assert_eq!(throttle.wait("a", at(20)), Some(Duration::from_secs(40)));
        assert_eq!(throttle.wait("b", at(20)), None);
        assert_eq!(throttle.wait("a", at(60)), None);
        throttle.mistake("a", at(60));
        assert_eq!(throttle.wait("a", at(61)), None, "counted anew");
        throttle.forget("a");
        assert_eq!(throttle.wait("a", at(61)), None);
    }
}
