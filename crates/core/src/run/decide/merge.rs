//! Bringing what an isolated item did into the run's files: in item order, one at a time.

use super::super::event::{ErrorCode, Event, Finished, StepError, StepOutput};
use super::super::state::{At, Run, State, Status};

impl Run {
    /// Starts the next merge that is due, unless one is under way.
    pub(super) fn start_merge(&self) -> Option<Event> {
        let is = |at: &At, fits: fn(&State) -> bool| self.step(*at).is_some_and(|s| fits(&s.state));
        let merging = |at: &At| is(at, |state| matches!(state, State::Merging { .. }));
        let awaits = |at: &&At| is(at, |state| matches!(state, State::AwaitsMerge { .. }));
        let next = self.active.iter().filter(awaits);
        let next = next.copied().find(|&at| self.is_turn_of(at))?;
        if self.active.iter().any(merging) {
            return None;
        }
        let key = self.step(next)?.key.clone();
        Some(Event::MergeStarted { key })
    }

    /// Whether no item before this one will still come to its end.
    fn is_turn_of(&self, at: At) -> bool {
        let Some(item) = at.item else { return true };
        (0..item).all(|item| {
            let before = At {
                step: at.step,
                item: Some(item),
            };
            !self.will_end(before)
        })
    }

    /// Whether an item goes on by itself, or once the run does, to an end that it has not come to.
    fn will_end(&self, at: At) -> bool {
        let Some(step) = self.step(at) else {
            return false;
        };
        match &self.status {
            Status::Cancelling(_) => matches!(
                step.state,
                State::Working { .. } | State::AwaitsMerge { .. } | State::Merging { .. }
            ),
            Status::Running(running) if running.failing.is_some() => self.keeps_going(at),
            // An item that is put back is not started any more once another has failed.
            _ if step.state == State::Pending => self.ready.contains(&at),
            _ => !step.state.is_ended(),
        }
    }

    /// The work of an item was merged, or does not fit.
    pub(super) fn merged(&self, key: &str, number: u32, outcome: &Finished) -> Vec<Event> {
        let merges = |at: &At| {
            self.step(*at).is_some_and(|step| {
                let is_it = step.apart.as_ref().is_some_and(|a| a.number == number);
                is_it && matches!(step.state, State::Merging { .. })
            })
        };
        let Some(place) = self.find(key).filter(merges) else {
            return vec![];
        };
        let key = key.to_owned();
        let mut events = vec![Event::WorkMerged {
            key: key.clone(),
            outcome: outcome.clone(),
        }];
        let fits = outcome.conflicts.is_empty();
        let end = if fits {
            Event::StepCompleted {
                key,
                output: StepOutput::default(),
            }
        } else if matches!(self.status, Status::Cancelling(_)) {
            return events;
        } else {
            Event::StepFailed {
                key,
                error: StepError {
                    code: ErrorCode::MergeConflict,
                    message: outcome.detail.clone(),
                },
                output: StepOutput::default(),
            }
        };
        events.push(end);
        events.push(self.checkpoint_with(place, outcome.checkpoint.clone()));
        events
    }
}
