//! A pause: nothing new starts, and the run is paused when no process runs.

use super::super::event::{Actor, Event, PauseReason};
use super::super::state::{At, Run, State, Status};
use super::Refusal;

impl Run {
    pub(super) fn pause(
        &self,
        detail: Option<&str>,
        by: &Actor,
        mut reason: PauseReason,
        immediate: bool,
    ) -> Result<Vec<Event>, Refusal> {
        match &self.status {
            Status::Pending { .. } => {}
            Status::Running(running) if running.pause.is_none() => {}
            // A pause that waits for its agents becomes one that interrupts them.
            Status::Running(running) if immediate && self.may_interrupt() => {
                let before = running.pause.as_ref().map(|pause| pause.reason);
                // What somebody asked for is not taken back when a parent goes on.
                if reason == PauseReason::Parent {
                    reason = before.unwrap_or(reason);
                }
            }
            Status::Running(_) => return Err(self.invalid_state("it is pausing already")),
            Status::Paused(_) if reason == PauseReason::Parent => return Ok(vec![]),
            Status::Paused(_) => return Err(self.invalid_state("it is paused already")),
            Status::Cancelling(_)
            | Status::Completed { .. }
            | Status::Failed { .. }
            | Status::Cancelled { .. } => {
                return Err(self.invalid_state("only a pending or running run can be paused"));
            }
        }
        let detail = detail.map(str::to_owned);
        Ok(vec![Event::PauseRequested {
            reason,
            detail,
            by: by.clone(),
            immediate,
        }])
    }

    /// Whether there are agents to interrupt, here or perhaps in a child.
    fn may_interrupt(&self) -> bool {
        let is_child = |at: &At| {
            self.step(*at)
                .is_some_and(|step| matches!(step.state, State::Child { .. }))
        };
        self.live_sessions().next().is_some() || self.active.iter().any(is_child)
    }
}
