//! A person's yes or no, and the end of a wait by hand.

use super::super::big::Big;
use super::super::event::{Actor, Cause, ErrorCode, Event, StepError, StepOutput};
use super::super::state::{At, Run, State, Status};
use super::Refusal;
use crate::activity::Answer;
use crate::definition::{Action, OnReject};

impl Run {
    pub(super) fn answer(
        &self,
        step: Option<&str>,
        approved: bool,
        message: Option<&str>,
        by: &Actor,
    ) -> Result<Vec<Event>, Refusal> {
        if let Actor::Attempt(_) = by {
            return Err(Refusal::Forbidden(
                "what runs inside a run may not approve or answer for it".into(),
            ));
        }
        let waits = |at: &At| {
            self.step(*at).is_some_and(|s| {
                matches!(s.state, State::Approval { .. } | State::AskLost { .. })
                    || self.asks_yes_or_no(s)
            })
        };
        let place = match step {
            Some(name) => {
                let place = self.find_any(name)?;
                if !waits(&place) {
                    let name = self.step(place).map_or(name, |step| step.key.as_str());
                    return Err(Refusal::NotWaiting(format!(
                        "step `{name}` does not wait for an answer, or was answered before"
                    )));
                }
                place
            }
            None => {
                let mut waiting = self.active.iter().copied().filter(waits);
                match (waiting.next(), waiting.next()) {
                    (Some(place), None) => place,
                    (None, _) => {
                        return Err(Refusal::NotWaiting("no step waits for an answer".into()));
                    }
                    (Some(_), Some(_)) => {
                        return Err(Refusal::Invalid(
                            "several steps wait for an answer: name the step".into(),
                        ));
                    }
                }
            }
        };
        if !matches!(self.status, Status::Running(_) | Status::Paused(_)) {
            return Err(self.invalid_state("nothing waits for an answer"));
        }
        if let Some(step) = self.step(place)
            && self.asks_yes_or_no(step)
            && let Some(asked) = step.session.as_deref().and_then(|s| s.unanswered())
        {
            let message = message.map(str::to_owned);
            let answer = if approved {
                Answer::Approve {
                    remember: false,
                    message,
                }
            } else {
                Answer::Reject { message }
            };
            return self.reply(Some(&step.key), Some(&asked.question.id), &answer, by);
        }
        Ok(self.answered(place, approved, message, by))
    }

    pub(super) fn answered(
        &self,
        place: At,
        approved: bool,
        message: Option<&str>,
        by: &Actor,
    ) -> Vec<Event> {
        let Some(step) = self.step(place) else {
            return vec![];
        };
        let key = step.key.clone();
        let answered = Event::ApprovalAnswered {
            key: key.clone(),
            approved,
            by: by.clone(),
            message: message.map(str::to_owned),
        };
        let asked = match &step.state {
            State::Approval { message, .. } => message,
            _ => "Its process was lost. Run it again?",
        };
        let said = self.says_decided(&key, asked, approved, message, by);
        if let State::AskLost { .. } = step.state {
            let next = if approved {
                Event::StepRequeued {
                    key,
                    cause: Cause::Lost,
                }
            } else {
                let error = StepError {
                    code: ErrorCode::Lost,
                    message: "lost, and not to be run again".into(),
                };
                Event::StepFailed {
                    key,
                    error,
                    output: StepOutput::default(),
                }
            };
            return vec![answered, said, next];
        }
        let by = match by {
            Actor::User(user) => user.to_string(),
            Actor::System => "timeout".into(),
            Actor::Attempt(attempt) => attempt.to_string(),
            Actor::Parent(run) => run.to_string(),
        };
        let output = StepOutput {
            result: Some(Big::new(message.unwrap_or_default())),
            data: Some(Big::new(
                serde_json::json!({"approved": approved, "by": by}).to_string(),
            )),
            ..StepOutput::default()
        };
        let on_reject = match &self.declared(place).action {
            Action::Approval(approval) => approval.on_reject,
            _ => OnReject::Fail,
        };
        let end = match (approved, on_reject) {
            (true, _) | (false, OnReject::Continue) => Event::StepCompleted { key, output },
            (false, OnReject::Fail) => {
                let message = match message {
                    Some(message) => format!("rejected: {message}"),
                    None => "rejected".into(),
                };
                let error = StepError {
                    code: ErrorCode::Rejected,
                    message,
                };
                Event::StepFailed { key, error, output }
            }
        };
        vec![answered, said, end]
    }

    pub(super) fn skip_wait(&self, step: &str, by: &Actor) -> Result<Vec<Event>, Refusal> {
        if let Actor::Attempt(_) = by {
            return Err(Refusal::Forbidden(
                "what runs inside a run may not end its waits".into(),
            ));
        }
        let place = self.find_any(step)?;
        let Some(found) = self.step(place) else {
            return Err(Refusal::NoStep(step.to_owned()));
        };
        let key = found.key.clone();
        match (&self.status, &found.state) {
            (Status::Running(_) | Status::Paused(_), State::Timer { .. }) => {
                Ok(vec![Event::StepCompleted {
                    key,
                    output: StepOutput::default(),
                }])
            }
            (Status::Running(_) | Status::Paused(_), State::UsageLimit { .. }) => {
                Ok(vec![Event::StepRequeued {
                    key,
                    cause: Cause::UsageLimit,
                }])
            }
            (Status::Running(_) | Status::Paused(_), State::Backoff { .. }) => {
                Ok(vec![Event::StepRequeued {
                    key,
                    cause: Cause::Retry,
                }])
            }
            _ => Err(Refusal::NotWaiting(format!(
                "step `{step}` waits for no point in time"
            ))),
        }
    }

    /// The step of this key or id.
    pub(super) fn find_any(&self, name: &str) -> Result<At, Refusal> {
        self.find(name)
            .or_else(|| self.find_id(name.parse().ok()?))
            .ok_or_else(|| Refusal::NoStep(name.chars().take(80).collect()))
    }
}
