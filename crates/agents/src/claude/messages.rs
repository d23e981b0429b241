//! The messages we have sent, until Claude says that it has taken them. Never sends.

use std::collections::{BTreeMap, BTreeSet};

use super::wire;

/// By their uuids.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Makes the uuids of this attempt different from those of all others.
    seed: String,
    /// Sent and not taken.
    waiting: BTreeMap<String, Waiting>,
    /// The thread's messages that were sent, by uuid.
    numbers: BTreeMap<String, u32>,
    /// Of which it was said that they were taken.
    taken: BTreeSet<u32>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Sent between turns: the next turn begins with it.
    begins: bool,
    /// Claude says what becomes of it.
    is_followed: bool,
}

impl Messages {
    pub(super) fn new(seed: String) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// A message is sent under this id, between turns or in one: its uuid.
    pub(super) fn sent(&mut self, id: &str, number: Option<u32>, begins: bool) -> String {
        let uuid = wire::uuid(&self.seed, id);
        let waiting = Waiting {
            begins,
            is_followed: false,
        };
        self.waiting.insert(uuid.clone(), waiting);
        if let Some(number) = number {
            self.numbers.insert(uuid.clone(), number);
        }
        uuid
    }

    /// Claude has begun with it, or says it back. The thread's message that is now known to have
    /// arrived; once.
    pub(super) fn taken(&mut self, uuid: &str, text: &str) -> Option<u32> {
        self.waiting.remove(uuid);
        let known = self.numbers.get(uuid).copied();
        let number = known.or_else(|| number_in(text))?;
        self.taken.insert(number).then_some(number)
    }

    /// Claude has it in its queue (`command_lifecycle`, 2.1.329).
    pub(super) fn queued(&mut self, uuid: &str) {
        if let Some(waiting) = self.waiting.get_mut(uuid) {
            waiting.is_followed = true;
        }
    }

    /// A turn has begun, for a version that does not say with which message.
    pub(super) fn turn_began(&mut self) {
        self.waiting
            .retain(|_, waiting| waiting.is_followed || !waiting.begins);
    }

    /// Claude will not take it (an interrupt).
    pub(super) fn dropped(&mut self, uuid: &str) {
        self.waiting.remove(uuid);
    }

    /// A turn will begin, or go on, with one of them.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

/// The number of a text that begins with `[message 12]`.
fn number_in(text: &str) -> Option<u32> {
    let (number, _) = text
        .trim_start()
        .strip_prefix("[message ")?
        .split_once(']')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_once_by_its_uuid_or_its_words() {
        let mut messages = Messages::new("attempt".into());
        let uuid = messages.sent("message-7", Some(7), false);
        assert!(messages.are_waiting());
        assert_eq!(messages.taken(&uuid, ""), Some(7));
        assert_eq!(messages.taken(&uuid, "[message 7] x"), None);
        assert!(!messages.are_waiting());
        assert_eq!(messages.taken("", "[message 8] x"), Some(8));
        assert_eq!(messages.taken("", "[message x] [message 9]"), None);
    }

    #[test]
    fn a_turn_begins_with_what_was_sent_between_turns() {
        let mut messages = Messages::new("attempt".into());
        messages.sent("prompt", None, true);
        messages.turn_began();
        assert!(!messages.are_waiting());
        let uuid = messages.sent("message-7", Some(7), true);
        messages.queued(&uuid);
        messages.turn_began();
        assert!(messages.are_waiting());
        messages.dropped(&uuid);
        assert!(!messages.are_waiting());
    }
}
