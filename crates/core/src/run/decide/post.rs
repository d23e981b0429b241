//! Words in the thread, and what they do.

use serde_json::Value;

use super::super::event::{Action, ActionStatus, Actor, Event, MessagePosted, PauseReason};
use super::super::state::{Run, Status};
use super::{Context, Refusal};

/// The longest message, in bytes.
pub const MESSAGE_LIMIT: usize = 256 * 1024;

impl Run {
    pub(super) fn post(
        &self,
        content: &str,
        action: Action,
        step: Option<&str>,
        metadata: Option<&Value>,
        by: &Actor,
        context: &mut Context,
    ) -> Result<Vec<Event>, Refusal> {
        if content.trim().is_empty() {
            return Err(Refusal::Invalid("a message needs content".into()));
        }
        if content.len() > MESSAGE_LIMIT {
            return Err(Refusal::Invalid(format!(
                "a message has at most {MESSAGE_LIMIT} bytes; attach a file instead"
            )));
        }
        if self.status.is_ended() && action != Action::Comment {
            return Err(self.invalid_state("it has ended; a comment is still possible"));
        }
        let step = match step {
            Some(name) => {
                let place = self.find_any(name)?;
                self.step(place).map(|step| step.key.clone())
            }
            None => None,
        };
        let (status, effects) = match action {
            Action::Comment => (ActionStatus::Processed, vec![]),
            Action::Instruction => (ActionStatus::Pending, vec![]),
            Action::Pause => {
                let immediate = metadata.and_then(|metadata| metadata.get("immediate"));
                let immediate = immediate.and_then(Value::as_bool).unwrap_or(false);
                let effects = self.pause(Some(content), by, PauseReason::Request, immediate)?;
                (ActionStatus::Acknowledged, effects)
            }
            Action::Resume => match &self.status {
                Status::Pending { .. } | Status::Running(_) | Status::Paused(_) => {
                    (ActionStatus::Processed, self.resume(None, None, by)?)
                }
                _ => return Err(self.invalid_state("it cannot go on")),
            },
            Action::Cancel => (ActionStatus::Acknowledged, self.cancel(Some(content), by)?),
            Action::Redirect => (
                ActionStatus::Acknowledged,
                self.redirect(content, metadata, by, context)?,
            ),
        };
        let mut events = vec![Event::MessagePosted(Box::new(MessagePosted {
            message: self.messages,
            by: by.clone(),
            content: content.to_owned(),
            action,
            status,
            step,
            metadata: metadata.cloned(),
            place: None,
        }))];
        events.extend(effects);
        Ok(events)
    }
}
