//! The end of an attempt: the end of its step, another try, or a question.

use std::time::Duration;

use super::super::event::{AttemptEnd, Cause, ErrorCode, Event, StepError, StepOutput};
use super::super::state::{At, Run, Status, Step};
use super::{Context, Refusal};
use crate::definition::{OnLost, Retry};
use crate::ids::AttemptId;

/// Attempts lost one after another before the step fails.
pub const LOST_LIMIT: u32 = 5;

/// Attempts lost before anything of them ran, before the step fails: hosts that go as fast as they
/// come are no fault of the step, but it must end.
pub const NEVER_STARTED_LIMIT: u32 = 20;

impl Run {
    pub(super) fn end_attempt(
        &self,
        attempt: AttemptId,
        end: &AttemptEnd,
        context: &mut Context,
    ) -> Result<Vec<Event>, Refusal> {
        let in_flight = self.in_flight().ok_or(Refusal::Stale)?;
        let &place = in_flight.get(&attempt).ok_or(Refusal::Stale)?;
        let step = self.step(place).ok_or(Refusal::Stale)?;
        let key = step.key.clone();
        let cancelling = matches!(self.status, Status::Cancelling(_));
        let partial = in_flight.len() > 1;
        let ended = Event::AttemptEnded {
            key: key.clone(),
            attempt,
            end: end.clone(),
        };
        let mut events = vec![ended];
        let fails = |error: StepError| {
            vec![
                Event::StepFailed {
                    key: key.clone(),
                    error,
                    output: StepOutput::default(),
                },
                self.checkpoint(place, partial),
            ]
        };
        events.extend(match end {
            AttemptEnd::Succeeded { .. } => vec![
                Event::StepCompleted {
                    key: key.clone(),
                    output: StepOutput::default(),
                },
                self.checkpoint(place, partial),
            ],
            _ if cancelling => vec![],
            AttemptEnd::Failed { error, .. } => {
                let retry = self.declared(place).retry;
                let failures = u32::try_from(step.failures.len()).unwrap_or(u32::MAX) + 1;
                if error.code.is_retryable() && failures < retry.attempts {
                    let wait = backoff(&retry, failures, context.mint.random());
                    vec![Event::RetryScheduled {
                        key: key.clone(),
                        until: context.now.plus(wait),
                        failure: error.clone(),
                    }]
                } else {
                    fails(error.clone())
                }
            }
            AttemptEnd::Lost {
                detail,
                never_started,
            } => match self.declared(place).on_lost {
                _ if is_over(step, *never_started) => fails(StepError {
                    code: ErrorCode::Lost,
                    message: format!(
                        "lost {} times in a row: {detail}",
                        step.lost + step.never_started + 1
                    ),
                }),
                OnLost::Rerun => vec![Event::StepRequeued {
                    key: key.clone(),
                    cause: Cause::Lost,
                }],
                OnLost::Fail => fails(StepError {
                    code: ErrorCode::Lost,
                    message: format!("lost: {detail}"),
                }),
                OnLost::Ask => vec![Event::LostAsked { key: key.clone() }],
            },
            AttemptEnd::Parked {} | AttemptEnd::Stopped {} => {
                vec![Event::StepRequeued {
                    key: key.clone(),
                    cause: Cause::Parked,
                }]
            }
        });
        Ok(events)
    }

    pub(super) fn checkpoint(&self, place: At, partial: bool) -> Event {
        let after = self
            .step(place)
            .map(|step| step.key.clone())
            .unwrap_or_default();
        Event::CheckpointTaken {
            number: self.next_checkpoint,
            after,
            partial,
        }
    }
}

/// Whether one more lost attempt is too much.
fn is_over(step: &Step, never_started: bool) -> bool {
    match never_started {
        true => step.never_started + 1 > NEVER_STARTED_LIMIT,
        false => step.lost + 1 > LOST_LIMIT,
    }
}

/// The wait after this many failures. With jitter a random length between half of it and all of it.
#[must_use]
pub fn backoff(retry: &Retry, failures: u32, random: u64) -> Duration {
    let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let millis = retry.backoff.as_millis() as f64 * retry.factor.max(1.0).powi(exponent);
    let millis = millis.min(retry.max.as_millis() as f64);
    let share = if retry.jitter {
        0.5 + (random as f64 / u64::MAX as f64) / 2.0
    } else {
        1.0
    };
    Duration::from_millis((millis * share) as u64)
}
