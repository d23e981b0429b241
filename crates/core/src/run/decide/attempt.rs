//! The end of an attempt: the end of its step, another try, or a question.

use std::time::Duration;

use super::super::event::{
    ActionStatus, AttemptEnd, Cause, ErrorCode, Event, Finished, StepError, StepOutput,
};
use super::super::state::{At, Run, State, Status, Step};
use super::{Context, Refusal};
use crate::definition::{OnLost, OnUsageLimit, Retry};
use crate::ids::AttemptId;
use crate::time::Timestamp;

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
        let partial = self.others_are_at_work(place);
        let ended = Event::AttemptEnded {
            key: key.clone(),
            attempt,
            end: end.clone(),
        };
        let mut events = vec![ended];
        if !cancelling || matches!(end, AttemptEnd::Succeeded { .. }) {
            events.extend(self.says_ended(place, step, attempt, end));
        }
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
            AttemptEnd::Succeeded { .. } => {
                let mut events = self.processed(step);
                if step.apart.is_some() {
                    events.push(Event::MergeAwaited { key: key.clone() });
                } else {
                    events.push(Event::StepCompleted {
                        key: key.clone(),
                        output: StepOutput::default(),
                    });
                    events.push(self.checkpoint(place, partial));
                }
                events
            }
            _ if cancelling => vec![],
            AttemptEnd::UsageLimit { resets_at, detail } => {
                match self.declared(place).on_usage_limit {
                    OnUsageLimit::Wait => vec![Event::UsageLimitReached {
                        key: key.clone(),
                        until: usage_limit_end(*resets_at, step.usage_limits, context),
                        detail: detail.clone(),
                    }],
                    OnUsageLimit::Fail => fails(StepError {
                        code: ErrorCode::UsageLimit,
                        message: detail.clone(),
                    }),
                }
            }
            AttemptEnd::SessionLost { detail } => {
                let text = format!("The session of `{key}` is gone ({detail}); a new one begins.");
                vec![
                    Event::StepRequeued {
                        key: key.clone(),
                        cause: Cause::SessionLost,
                    },
                    self.says(0, Some(&key), text),
                ]
            }
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

    /// The ended run's branch was finished: said once.
    pub(super) fn finished(&self, outcome: &Finished) -> Vec<Event> {
        if !self.files.finishing || !matches!(self.status, Status::Completed { .. }) {
            return vec![];
        }
        vec![
            Event::FilesFinished {
                outcome: outcome.clone(),
            },
            self.says(0, None, outcome.detail.clone()),
        ]
    }

    /// Whether another step has begun to change the files and not ended, also while it waits.
    fn others_are_at_work(&self, place: At) -> bool {
        let mut open = self.active.iter().chain(&self.ready);
        open.any(|&at| {
            at != place
                && self.step(at).is_some_and(|step| match step.state {
                    State::Working { .. }
                    | State::Settling
                    | State::Backoff { .. }
                    | State::UsageLimit { .. }
                    | State::AskLost { .. }
                    | State::Child { .. }
                    | State::AwaitsMerge { .. }
                    | State::Merging { .. } => true,
                    // Parked or lost: its session goes on.
                    State::Pending => step.next_cause != Cause::First,
                    State::Approval { .. }
                    | State::Timer { .. }
                    | State::Items { .. }
                    | State::Completed
                    | State::Failed(_)
                    | State::Skipped(_)
                    | State::Cancelled => false,
                })
        })
    }

    /// The files as the child of this step left them, after the step's end: going back to it, or to
    /// what follows it, brings them back.
    pub(super) fn checkpoint_of_child(&self, place: At, commit: Option<&String>) -> Option<Event> {
        let step = self.step(place)?;
        Some(Event::CheckpointTaken {
            number: self.next_checkpoint,
            after: step.key.clone(),
            partial: self.others_are_at_work(place),
            commit: Some(commit?.clone()),
        })
    }

    pub(super) fn checkpoint(&self, place: At, partial: bool) -> Event {
        let step = self.step(place);
        Event::CheckpointTaken {
            number: self.next_checkpoint,
            after: step.map(|step| step.key.clone()).unwrap_or_default(),
            partial,
            commit: step.and_then(|step| step.commit.clone()),
        }
    }

    /// A checkpoint of the run's files after this step, as this commit has them.
    pub(super) fn checkpoint_with(&self, place: At, commit: Option<String>) -> Event {
        Event::CheckpointTaken {
            number: self.next_checkpoint,
            after: self.step(place).map_or_else(String::new, |s| s.key.clone()),
            partial: self.others_are_at_work(place),
            commit,
        }
    }

    /// The instructions that this step's session took are done with it.
    fn processed(&self, step: &Step) -> Vec<Event> {
        if step.session.is_none() {
            return vec![];
        }
        let done = self.open_instructions(step).filter(|(_, wait)| wait.taken);
        let done = done.map(|(message, _)| Event::MessageStatus {
            message,
            status: ActionStatus::Processed,
        });
        done.collect()
    }
}

/// When a session goes on after its usage limit: a little after the reset, at most a day from now.
/// Where the agent does not say when, or names a time that is over, it is looked at again after five
/// minutes; after `before` limits in a row that is doubled as often, up to an hour.
fn usage_limit_end(resets_at: Option<Timestamp>, before: u32, context: &mut Context) -> Timestamp {
    let random = context.mint.random();
    let jitter = Duration::from_millis(1_000 + random % 9_000);
    let reset = match resets_at.filter(|at| *at > context.now) {
        Some(at) => at.plus(jitter),
        None => {
            let wait = Duration::from_secs(300 << before.min(4)).min(Duration::from_secs(3600));
            context.now.plus(wait + jitter)
        }
    };
    reset.min(context.now.plus(Duration::from_secs(24 * 3600)))
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
