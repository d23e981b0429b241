//! Whether a definition can be run here and now.

use super::super::event::{Action as MessageAction, Actor, Event, RunError};
use super::super::plan::Plan;
use super::super::state::{Run, Slot, Status};
use super::Refusal;
use crate::definition::{Action, Definition};

/// Names what a definition needs that this part of Baton does not have: remote steps come with a
/// later part.
#[must_use]
pub fn unavailable(definition: &Definition) -> Option<String> {
    definition.steps.iter().find_map(|step| match &step.action {
        Action::Remote(remote) => Some(format!(
            "step `{}` needs the provider `{}`: remote steps are not available yet",
            step.id, remote.provider
        )),
        Action::Workflow(_)
        | Action::Function
        | Action::Agent(_)
        | Action::Script(_)
        | Action::Approval(_)
        | Action::Wait(_) => None,
    })
}

/// Why a run cannot have been given these facts.
#[must_use]
pub fn unfit(plan: &Plan, name: &str) -> Option<Refusal> {
    if name.is_empty() || name.chars().count() > 200 {
        return Some(Refusal::Invalid(
            "a run's name has 1 to 200 characters".into(),
        ));
    }
    unavailable(&plan.definition).map(Refusal::NotAvailable)
}

impl Run {
    pub(super) fn slot_comes(&self) -> Result<Vec<Event>, Refusal> {
        Ok(match self.slot {
            Slot::Waiting { .. } => vec![Event::SlotGranted {}],
            Slot::None | Slot::Held => vec![],
        })
    }

    pub(super) fn slot_taken(&self) -> Result<Vec<Event>, Refusal> {
        match self.slot {
            Slot::None => Ok(vec![]),
            Slot::Waiting { .. } | Slot::Held => {
                let reason = "a newer run takes its concurrency key";
                self.cancel(Some(reason), &Actor::System)
            }
        }
    }

    pub(super) fn slot_refused(&self, detail: &str) -> Result<Vec<Event>, Refusal> {
        let open = matches!(self.status, Status::Pending { .. } | Status::Paused(_));
        Ok(if open && matches!(self.slot, Slot::Waiting { .. }) {
            let mut events = vec![Event::RunFailed {
                error: RunError {
                    step: None,
                    message: detail.to_owned(),
                },
            }];
            self.close_messages(&mut events, MessageAction::Comment);
            events
        } else {
            vec![]
        })
    }
}
