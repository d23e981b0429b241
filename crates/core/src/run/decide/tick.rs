//! What the time brings: ends of waits, retries, time-outs, a used-up budget, a long pause.

use std::time::Duration;

use super::super::event::{Actor, ErrorCode, Event, PauseReason, PauseThen, StepError, StepOutput};
use super::super::state::{At, Run, State, Status};
use super::Context;
use super::advance::SYSTEM;
use crate::definition::{Action, OnTimeout};
use crate::time::Timestamp;

/// Timers per commit.
const TIMERS: usize = 256;

impl Run {
    pub(super) fn tick(&self, context: &mut Context) -> Vec<Event> {
        match &self.status {
            Status::Running(running) if running.pause.is_none() => {
                if self.budget_due().is_some_and(|due| due <= context.now) {
                    return vec![Event::PauseRequested {
                        reason: PauseReason::Budget,
                        detail: self.created.budget.minutes.map(|minutes| {
                            format!("the budget of {minutes} minutes of running time is used up")
                        }),
                        by: SYSTEM,
                        immediate: true,
                    }];
                }
                let mut due: Vec<At> = Vec::new();
                for &(at, place) in self.timers.iter().take(TIMERS) {
                    if at > context.now {
                        break;
                    }
                    due.push(place);
                }
                let mut events = Vec::new();
                for place in due {
                    events.extend(self.timer(place, context));
                }
                events
            }
            Status::Paused(_) if self.due().is_some_and(|due| due <= context.now) => {
                let then = self.created.pause_policy.then;
                let mut events = vec![Event::PauseTimedOut { then }];
                let follows = match then {
                    PauseThen::Stay => "it stays paused",
                    PauseThen::Resume => "it goes on",
                    PauseThen::Cancel => "it is cancelled",
                };
                let length = Duration::from_millis(self.created.pause_policy.timeout_ms);
                let length = humane(length);
                let text = format!("Workflow paused for more than {length}: {follows}");
                events.push(self.says(0, None, text));
                match then {
                    PauseThen::Stay => {}
                    PauseThen::Resume => {
                        events.push(Event::RunResumed { by: SYSTEM });
                        events.push(self.says(0, None, "Workflow resumed".into()));
                    }
                    PauseThen::Cancel => events.push(Event::CancelRequested {
                        reason: Some("it was paused too long".into()),
                        by: SYSTEM,
                    }),
                }
                events
            }
            _ => vec![],
        }
    }

    fn timer(&self, place: At, context: &mut Context) -> Vec<Event> {
        let Some(step) = self.step(place) else {
            return vec![];
        };
        let key = step.key.clone();
        let expired = |what: &str| StepError {
            code: ErrorCode::Timeout,
            message: what.into(),
        };
        let fails = |error: StepError| {
            vec![Event::StepFailed {
                key: key.clone(),
                error,
                output: StepOutput::default(),
            }]
        };
        match &step.state {
            State::Backoff { .. } | State::UsageLimit { .. } => self.start(place, context),
            State::Timer { .. } => {
                vec![Event::StepCompleted {
                    key,
                    output: StepOutput::default(),
                }]
            }
            State::Child { run, .. } => {
                let mut events = vec![Event::ChildAbandoned {
                    key: key.clone(),
                    child: *run,
                }];
                events.extend(fails(expired("the child run took longer than its timeout")));
                events
            }
            State::Approval { .. } => match &self.declared(place).action {
                Action::Approval(approval) => match approval.on_timeout {
                    OnTimeout::Fail => fails(expired("nobody answered in time")),
                    OnTimeout::Approve => self.answered(place, true, None, &Actor::System),
                    OnTimeout::Reject => self.answered(place, false, None, &Actor::System),
                },
                _ => vec![],
            },
            State::Pending
            | State::Working { .. }
            | State::Settling
            | State::AskLost { .. }
            | State::Items { .. }
            | State::Completed
            | State::Failed(_)
            | State::Skipped(_)
            | State::AwaitsMerge { .. }
            | State::Merging { .. }
            | State::Cancelled => vec![],
        }
    }

    /// When this wait began.
    #[must_use]
    pub fn waiting_since(&self, place: At) -> Option<Timestamp> {
        match self.step(place)?.state {
            State::Backoff { since, .. }
            | State::UsageLimit { since, .. }
            | State::Approval { since, .. }
            | State::AskLost { since }
            | State::Timer { since, .. }
            | State::Child { since, .. } => Some(since),
            _ => None,
        }
    }
}

/// A length of time for people.
fn humane(length: Duration) -> String {
    match length.as_secs() {
        0 => format!("{} ms", length.as_millis()),
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3600),
    }
}
