//! How long a run has run, and when it wants attention by itself.

use std::time::Duration;

use super::event::PauseReason;
use super::state::{Run, Status};
use crate::time::Timestamp;

impl Run {
    /// How long processes of this run have run, up to this time.
    #[must_use]
    pub fn running_time(&self, now: Timestamp) -> Duration {
        let current = self
            .running_since
            .map_or(Duration::ZERO, |since| now.since(since));
        Duration::from_millis(self.running_ms) + current
    }

    /// When the budget of minutes is used up, if processes run on.
    #[must_use]
    pub fn budget_due(&self) -> Option<Timestamp> {
        let since = self.running_since?;
        let allowed = self.created.budget.minutes? * 60_000.0;
        let left = (allowed - self.running_ms as f64).max(0.0);
        Some(since.plus(Duration::from_millis(left as u64)))
    }

    /// When the run wants attention by itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match &self.status {
            Status::Running(running) if running.pause.is_none() => {
                let timer = self.timers.first().map(|(at, _)| *at);
                timer.into_iter().chain(self.budget_due()).min()
            }
            Status::Paused(pause) if !pause.timed_out && pause.reason == PauseReason::Request => {
                Some(
                    pause
                        .since
                        .plus(Duration::from_millis(self.created.pause_policy.timeout_ms)),
                )
            }
            Status::Pending { .. }
            | Status::Running(_)
            | Status::Paused(_)
            | Status::Cancelling(_)
            | Status::Completed { .. }
            | Status::Failed { .. }
            | Status::Cancelled { .. } => None,
        }
    }
}
