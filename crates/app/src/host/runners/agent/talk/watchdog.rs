//! The bounds of a conversation in time: its step's timeout, silence, a service that only fails, and
//! an agent that does not end when it should. Time in which a person is waited for counts nowhere.

use std::time::{Duration, Instant};

use baton_agents::{Failure, FailureKind};

use super::{State, Stopping};

/// How long an agent may take to end after it was told that nothing more comes.
const END: Duration = Duration::from_secs(20);

/// How long an agent may take to be interrupted before its process is stopped.
const INTERRUPT: Duration = Duration::from_secs(8);

impl State {
    pub(super) fn stop(&mut self, why: Stopping) {
        self.stopping.get_or_insert(why);
        if let Some(shepherd) = &self.shepherd {
            shepherd.stop();
        }
    }

    pub(super) fn tick(&mut self) {
        let passed = self.ticked.elapsed();
        self.ticked = Instant::now();
        if self.shepherd.is_none() || self.stopping.is_some() {
            return;
        }
        self.tell_usage(false);
        self.settle();
        let is_over = |since: &Option<Instant>, limit: Duration| {
            since.is_some_and(|since| since.elapsed() > limit)
        };
        if is_over(&self.finishing, END) || is_over(&self.parking, INTERRUPT) {
            if let Some(shepherd) = &self.shepherd {
                shepherd.stop();
            }
            return;
        }
        if !self.asking.is_empty() || self.questions.are_open(self.attempt) {
            self.last_line = Instant::now();
            return;
        }
        self.worked += passed;
        if self.limits.timeout.is_some_and(|limit| self.worked > limit) {
            self.stop(Stopping::TimedOut);
        } else if self.last_line.elapsed() > self.limits.silence {
            self.stop(Stopping::Silent);
        } else if is_over(&self.retrying_since, self.limits.retrying) {
            let message = format!(
                "its model's service has only failed for {} s",
                self.limits.retrying.as_secs()
            );
            let kind = FailureKind::Api { status: None };
            self.stop(Stopping::Failed(Failure::new(kind, message)));
        }
    }
}
