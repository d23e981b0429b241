//! What was answered, as words in the thread: who reads it later sees what was asked and decided.

use serde_json::json;

use super::super::event::{Action, ActionStatus, Actor, Event, MessagePosted};
use super::super::state::Run;
use crate::activity::Answer;

/// As much of a question stands beside its answer, in bytes.
const ASKED: usize = 2 * 1024;

/// As much of an answer stands in the thread, in bytes.
const ANSWERED: usize = 16 * 1024;

impl Run {
    /// Yes or no to what was asked.
    pub(super) fn says_decided(
        &self,
        key: &str,
        asked: &str,
        approved: bool,
        why: Option<&str>,
        by: &Actor,
    ) -> Event {
        let word = if approved { "Approved" } else { "Rejected" };
        let why = why.map(str::trim).filter(|why| !why.is_empty());
        let content = match (why, by) {
            (Some(why), _) => format!("{word}: {why}"),
            (None, Actor::System) => format!("{word}: nobody answered in time"),
            (None, _) => word.to_owned(),
        };
        self.says_answer(key, asked, Some(approved), content, by)
    }

    /// The answer to an agent's question.
    pub(super) fn says_replied(
        &self,
        key: &str,
        asked: &str,
        answer: &Answer,
        by: &Actor,
    ) -> Event {
        match answer {
            Answer::Approve { message, .. } => {
                self.says_decided(key, asked, true, message.as_deref(), by)
            }
            Answer::Reject { message } => {
                self.says_decided(key, asked, false, message.as_deref(), by)
            }
            Answer::Choices { answers } => {
                let one = answers.len() == 1;
                let lines = answers.iter().map(|(question, given)| match one {
                    true => given.join(", "),
                    false => format!("{question} {}", given.join(", ")),
                });
                let content = lines.collect::<Vec<_>>().join("\n");
                self.says_answer(key, asked, None, content, by)
            }
        }
    }

    fn says_answer(
        &self,
        key: &str,
        asked: &str,
        approved: Option<bool>,
        content: String,
        by: &Actor,
    ) -> Event {
        let mut metadata = json!({"kind": "answer", "asked": cut(asked, ASKED)});
        if let Some(approved) = approved {
            metadata["approved"] = approved.into();
        }
        Event::MessagePosted(Box::new(MessagePosted {
            message: self.messages,
            by: by.clone(),
            content: cut(&content, ANSWERED).to_owned(),
            action: Action::Comment,
            status: ActionStatus::Processed,
            step: Some(key.to_owned()),
            metadata: Some(metadata),
            place: None,
        }))
    }
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
