//! A cancel: acts at once, and is true only when no process runs any more.

use super::super::event::{Actor, Event};
use super::super::state::{Run, Status};
use super::Refusal;

impl Run {
    pub(super) fn cancel(&self, reason: Option<&str>, by: &Actor) -> Result<Vec<Event>, Refusal> {
        match &self.status {
            Status::Pending { .. } | Status::Running(_) | Status::Paused(_) => {
                Ok(vec![Event::CancelRequested {
                    reason: reason.map(str::to_owned),
                    by: by.clone(),
                }])
            }
            _ if matches!(by, Actor::Parent(_)) => Ok(vec![]),
            Status::Cancelling(_) => Err(self.invalid_state("it is being cancelled already")),
            Status::Completed { .. } | Status::Failed { .. } | Status::Cancelled { .. } => {
                Err(self.invalid_state("it has ended already"))
            }
        }
    }
}
