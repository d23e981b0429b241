//! `@flood`: many lines at a steady pace, each with the time it was said at. Owns the pace; the fakes
//! wait and say.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A flood that is under way.
#[derive(Debug)]
pub(crate) struct Flood {
    lines: u32,
    said: u32,
    gap: Duration,
    begun: Instant,
}

impl Flood {
    /// So many lines, so many of them a second.
    pub(crate) fn new(lines: u32, per_second: u32) -> Self {
        Self {
            lines,
            said: 0,
            gap: Duration::from_secs(1) / per_second.max(1),
            begun: Instant::now(),
        }
    }

    /// How long until the next line; none when all were said.
    pub(crate) fn due(&self) -> Option<Duration> {
        let at = self.begun + self.gap * self.said;
        (self.said < self.lines).then(|| at.saturating_duration_since(Instant::now()))
    }

    /// The next line: `flood NUMBER MILLISECONDS`, since 1970.
    pub(crate) fn line(&mut self) -> String {
        self.said += 1;
        #[expect(
            clippy::disallowed_methods,
            reason = "the line says when it was said, for whoever measures how long it travels"
        )]
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        format!("flood {} {}", self.said, now.as_millis())
    }
}
