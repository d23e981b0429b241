//! What a run's program asks for, and its end.

use serde_json::Value;

use super::super::event::{Action, ActionStatus, Actor, Event, MessagePosted, StepOutput};
use super::super::program::{
    Ask, CallKind, FunctionEnd, MAX_CALLS, ProgramEnd, ProgramError, ProgramFault,
};
use super::super::state::{Run, Status};
use super::attempt::backoff;
use super::post::MESSAGE_LIMIT;
use super::{Context, Refusal};
use crate::definition::{Retry, read_step};

impl Run {
    /// The first of these calls has the number `from`; what was taken before is passed over, since
    /// whoever replays a program makes its last calls a second time.
    pub(super) fn asked(
        &self,
        epoch: u32,
        from: usize,
        asks: &[Ask],
        end: Option<&ProgramEnd>,
        context: &mut Context,
    ) -> Result<Vec<Event>, Refusal> {
        let program = self.program.as_ref().ok_or(Refusal::Stale)?;
        let going_on = matches!(self.status, Status::Running(_) | Status::Paused(_));
        let made = program.calls.len();
        if epoch != program.epoch || !going_on || program.end.is_some() || from > made {
            return Err(Refusal::Stale);
        }
        let mut events = Vec::new();
        let mut messages = self.messages;
        for (number, ask) in asks.iter().enumerate().skip(made - from) {
            if from + number >= MAX_CALLS {
                let error = ProgramError {
                    code: ProgramFault::Size,
                    message: format!(
                        "a run makes at most {MAX_CALLS} calls; this one is at {}",
                        ask.call.line
                    ),
                    step: None,
                };
                let end = ProgramEnd::Threw(error);
                events.push(Event::ProgramEnded { end });
                return Ok(events);
            }
            events.push(Event::Called {
                call: ask.call.clone(),
                options: ask.options.clone(),
            });
            events.extend(self.follows(ask, &mut messages, context));
        }
        if let Some(end) = end {
            events.push(Event::ProgramEnded { end: end.clone() });
        }
        Ok(events)
    }

    /// How the failures of this function are retried, and how many there are with this one.
    fn tried(&self, ask: &Ask) -> Option<(Retry, u32)> {
        if let CallKind::Again = ask.call.kind {
            let step = self.find(&ask.call.key)?.step;
            let failures = u32::try_from(self.steps[step].failures.len()).unwrap_or(u32::MAX);
            return Some((self.plan.definition.steps[step].retry, failures + 1));
        }
        let options = ask.options.as_str();
        let step = read_step(&self.plan.definition, &ask.call.key, options).ok()?;
        Some((step.retry, 1))
    }

    /// What follows from a call at once.
    fn follows(&self, ask: &Ask, messages: &mut u32, context: &mut Context) -> Option<Event> {
        let call = &ask.call;
        match call.kind {
            CallKind::Step => None,
            CallKind::Function | CallKind::Again => Some(match ask.end.clone()? {
                FunctionEnd::Returned(data) => Event::StepCompleted {
                    key: call.key.clone(),
                    output: StepOutput {
                        data: Some(data),
                        ..StepOutput::default()
                    },
                },
                FunctionEnd::Threw(error) => Event::StepFailed {
                    key: call.key.clone(),
                    error,
                    output: StepOutput::default(),
                },
                FunctionEnd::Tried(failure) => {
                    let (retry, failures) = self.tried(ask)?;
                    let wait = backoff(&retry, failures, context.mint.random());
                    Event::RetryScheduled {
                        key: call.key.clone(),
                        until: context.now.plus(wait),
                        failure,
                    }
                }
            }),
            CallKind::Comment | CallKind::Log => {
                let options: Value = serde_json::from_str(ask.options.as_str()).ok()?;
                let content = options.get("content")?.as_str()?;
                let content = bounded(content).to_owned();
                let metadata = serde_json::json!({"from": call.kind.word(), "line": call.line});
                *messages += 1;
                Some(Event::MessagePosted(Box::new(MessagePosted {
                    message: *messages - 1,
                    by: Actor::System,
                    content,
                    action: Action::Comment,
                    status: ActionStatus::Processed,
                    step: self.find(&call.key).map(|_| call.key.clone()),
                    metadata: Some(metadata),
                    place: None,
                })))
            }
            CallKind::Checkpoint => {
                let last = self.steps.iter().filter(|step| step.state.is_ended());
                let last = last.max_by_key(|step| step.order)?;
                let partial = self.in_flight().is_some_and(|all| !all.is_empty());
                Some(Event::CheckpointTaken {
                    number: self.next_checkpoint,
                    after: last.key.clone(),
                    partial,
                    commit: self.files.newest.clone(),
                })
            }
        }
    }
}

/// As much of a text as a message may hold, in whole characters.
fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_LIMIT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_is_cut_before_the_character_that_does_not_fit() {
        let text = format!("a{}", "é".repeat(MESSAGE_LIMIT / 2));
        assert_eq!(bounded(&text).len(), MESSAGE_LIMIT - 1);
        assert!(text.starts_with(bounded(&text)));
        assert_eq!(bounded("short"), "short");
    }
}
