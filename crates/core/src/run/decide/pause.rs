//! A pause: nothing new starts, and the run is paused when no process runs.

use super::super::event::{Actor, Event, PauseReason};
use super::super::state::{Run, Status};
use super::Refusal;

impl Run {
    pub(super) fn pause(
        &self,
        detail: Option<&str>,
        by: &Actor,
        reason: PauseReason,
        immediate: bool,
    ) -> Result<Vec<Event>, Refusal> {
        match &self.status {
            Status::Pending { .. } => {}
            Status::Running(running) if running.pause.is_none() => {}
            // A pause that waits for its agents becomes one that interrupts them.
            Status::Running(_) if immediate && self.live_sessions().next().is_some() => {}
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
}
