//! Together instead of one by one: under load whoever writes batches begins them some time apart, so that
//! more goes into each. Without load nothing waits, and it is none when one run after another commits as
//! fast as it can: each would only wait longer for itself.

use std::time::{Duration, Instant};

/// How long what has happened counts for half.
const HALF: Duration = Duration::from_millis(8);

/// So many commits in the last few milliseconds are much: with [`HALF`], about a thousand a second.
const MANY: f64 = 12.0;

/// More runs than this in the average batch, and they do not come one after another.
const SEVERAL: f64 = 1.25;

/// What a batch counts in the average.
const SHARE: f64 = 0.125;

/// See the module.
#[derive(Debug)]
pub(crate) struct Pace {
    /// From the beginning of one batch to that of the next, under load.
    apart: Duration,
    begun: Instant,
    recent: f64,
    runs: f64,
}

impl Pace {
    pub(crate) fn new(apart: Duration) -> Self {
        Self {
            apart,
            begun: Instant::now(),
            recent: 0.0,
            runs: 1.0,
        }
    }

    /// A batch of so many commits of so many runs began at this time.
    pub(crate) fn began(&mut self, at: Instant, commits: usize, runs: usize) {
        self.recent = self.recent_at(at) + commits as f64;
        self.runs += (runs as f64 - self.runs) * SHARE;
        self.begun = at;
    }

    /// How long the next batch waits.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        match self.recent_at(now) >= MANY && self.runs >= SEVERAL {
            true => (self.begun + self.apart).saturating_duration_since(now),
            false => Duration::ZERO,
        }
    }

    fn recent_at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.begun);
        self.recent * (-passed.div_duration_f64(HALF)).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APART: Duration = Duration::from_millis(4);

    /// What a millisecond after the last of many batches the next one still waits for.
    fn wait_after(commits: usize, runs: usize, every: Duration) -> Duration {
        let mut pace = Pace::new(APART);
        let mut now = pace.begun;
        for _ in 0..100 {
            now += every;
            pace.began(now, commits, runs);
        }
        pace.wait(now + Duration::from_millis(1))
    }

    #[test]
    fn who_commits_now_and_then_waits_for_nothing() {
        assert_eq!(wait_after(1, 1, Duration::from_millis(2)), Duration::ZERO);
        assert_eq!(wait_after(8, 8, Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn one_run_after_another_waits_for_nothing() {
        assert_eq!(wait_after(1, 1, Duration::from_micros(200)), Duration::ZERO);
        assert_eq!(wait_after(16, 1, Duration::from_millis(1)), Duration::ZERO);
    }

    #[test]
    fn under_load_batches_begin_apart() {
        let rest = Duration::from_millis(3);
        assert_eq!(wait_after(2, 2, Duration::from_micros(500)), rest);
        assert_eq!(wait_after(100, 80, Duration::from_millis(10)), rest);
    }

    #[test]
    fn when_the_load_is_over_nothing_waits_any_more() {
        let mut pace = Pace::new(Duration::from_secs(1));
        let now = pace.begun;
        pace.began(now, 1_000, 1_000);
        assert!(pace.wait(now + Duration::from_millis(10)) > Duration::ZERO);
        assert_eq!(pace.wait(now + Duration::from_millis(60)), Duration::ZERO);
    }
}
