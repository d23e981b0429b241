//! Whether much is being committed: then it pays to take more at a time.

use std::time::{Duration, Instant};

/// How long what was committed counts for half.
const HALF: Duration = Duration::from_millis(8);

/// So many commits in the last few milliseconds are much: with [`HALF`], about a thousand a second.
const MUCH: f64 = 12.0;

/// See the module.
#[derive(Debug)]
pub(crate) struct Load {
    at: Instant,
    /// What counted then.
    recent: f64,
}

impl Load {
    pub(crate) fn new() -> Self {
        Self {
            at: Instant::now(),
            recent: 0.0,
        }
    }

    /// So many commits were taken at this time.
    pub(crate) fn note(&mut self, at: Instant, commits: usize) {
        self.recent = self.recent_at(at) + commits as f64;
        self.at = at;
    }

    /// Whether it is much at this time.
    pub(crate) fn is_high(&self, now: Instant) -> bool {
        self.recent_at(now) >= MUCH
    }

    fn recent_at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        self.recent * (-passed.div_duration_f64(HALF)).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_high_after(commits: usize, every: Duration) -> bool {
        let mut load = Load::new();
        let mut now = load.at;
        for _ in 0..100 {
            now += every;
            load.note(now, commits);
        }
        load.is_high(now + Duration::from_millis(1))
    }

    #[test]
    fn a_thousand_commits_a_second_are_much_however_they_come() {
        assert!(is_high_after(1, Duration::from_micros(500)));
        assert!(is_high_after(100, Duration::from_millis(50)));
        assert!(!is_high_after(1, Duration::from_millis(2)));
        assert!(!is_high_after(8, Duration::from_secs(1)));
    }

    #[test]
    fn what_was_much_is_soon_none() {
        let mut load = Load::new();
        let now = load.at;
        load.note(now, 1_000);
        assert!(load.is_high(now + Duration::from_millis(10)));
        assert!(!load.is_high(now + Duration::from_millis(60)));
    }
}
