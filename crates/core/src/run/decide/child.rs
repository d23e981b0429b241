//! The end of a child run.

use super::super::big::Big;
use super::super::event::{ChildOutcome, ErrorCode, Event, StepError, StepOutput};
use super::super::state::{Run, State, Status};
use super::attempt::backoff;
use super::{Context, Refusal};
use crate::ids::RunId;

impl Run {
    pub(super) fn end_child(
        &self,
        key: &str,
        child: RunId,
        outcome: &ChildOutcome,
        context: &mut Context,
    ) -> Result<Vec<Event>, Refusal> {
        let waits = |at: &super::super::state::At| {
            self.step(*at)
                .is_some_and(|s| matches!(s.state, State::Child { run, .. } if run == child))
        };
        if self.leaving.contains_key(&child) {
            return Ok(vec![Event::ChildEnded {
                key: key.to_owned(),
                child,
                outcome: outcome.clone(),
            }]);
        }
        // A child that its step has given up (before that was noted), or that ends a second time after a retry of its own,
        // changes nothing here.
        let Some(place) = self.find(key).filter(waits) else {
            return Ok(vec![]);
        };
        if self.status.is_ended() {
            return Ok(vec![]);
        }
        let key = key.to_owned();
        let mut events = vec![Event::ChildEnded {
            key: key.clone(),
            child,
            outcome: outcome.clone(),
        }];
        let (code, message) = match outcome {
            ChildOutcome::Completed { outputs, commit } => {
                let output = StepOutput {
                    result: Some(outputs.clone()),
                    data: Some(outputs.clone()),
                    ..StepOutput::default()
                };
                events.push(Event::StepCompleted { key, output });
                events.extend(self.checkpoint_of_child(place, commit.as_ref()));
                return Ok(events);
            }
            _ if matches!(self.status, Status::Cancelling(_)) => return Ok(events),
            ChildOutcome::Failed { message, code, .. } => {
                (*code, format!("child run {child} failed: {message}"))
            }
            ChildOutcome::Cancelled {} => (None, format!("child run {child} was cancelled")),
        };
        let commit = match outcome {
            ChildOutcome::Failed { commit, .. } => commit.as_ref(),
            _ => None,
        };
        let code = code.unwrap_or(ErrorCode::ChildFailed);
        let error = StepError { code, message };
        let retry = self.declared(place).retry;
        let failures = self.step(place).map_or(0, |step| step.failures.len()) + 1;
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        if error.code.is_retryable() && failures < retry.attempts {
            let wait = backoff(&retry, failures, context.mint.random());
            events.push(Event::RetryScheduled {
                key,
                until: context.now.plus(wait),
                failure: error,
            });
        } else {
            let output = StepOutput {
                result: Some(Big::new("")),
                ..StepOutput::default()
            };
            events.push(Event::StepFailed { key, error, output });
            events.extend(self.checkpoint_of_child(place, commit));
        }
        Ok(events)
    }
}
