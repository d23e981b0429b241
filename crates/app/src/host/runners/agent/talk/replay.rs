//! Going through a session's log, as it grows and again after a restart: lines and orders in the
//! order in which they happened, a piece at a time. What a replay shows of the past is told once.

use std::time::Instant;

use baton_agents::Order;
use baton_core::activity::Activity;
use baton_core::run::decide::News;
use baton_runner::Entry;
use serde_json::Value;

use super::State;

/// How much of a log is gone through at a time, in bytes.
const PIECE: u64 = 1 << 20;

impl State {
    /// Goes through the next piece of what is there; false when there is no more.
    pub(super) fn go_through(&mut self) -> bool {
        let piece = self.heard.min(self.gone_through + PIECE);
        match self.conversation.read(piece) {
            Ok(entries) => {
                let more = piece < self.heard || !entries.is_empty();
                self.gone_through = piece;
                for entry in entries {
                    self.enter(entry);
                }
                more
            }
            Err(error) => {
                let attempt = self.attempt;
                tracing::warn!(%attempt, %error, "a session's log cannot be read now");
                false
            }
        }
    }

    /// Goes through all that its process has left; gives a last line that is no whole one.
    pub(super) fn go_to_the_end(&mut self) -> String {
        self.begin();
        self.heard = self.heard.max(self.conversation.length());
        while self.go_through() {}
        let mut rest = String::new();
        match self.conversation.rest() {
            Ok(entries) => {
                let count = entries.len();
                for (index, entry) in entries.into_iter().enumerate() {
                    match entry {
                        // A whole line is one that its driver can read, with or without its end.
                        Entry::Line { text, .. }
                            if index + 1 == count
                                && serde_json::from_str::<Value>(&text).is_err() =>
                        {
                            rest = text;
                        }
                        entry => self.enter(entry),
                    }
                }
            }
            Err(error) => {
                let attempt = self.attempt;
                tracing::warn!(%attempt, %error, "the end of a session's log cannot be read");
            }
        }
        self.caught_up = true;
        rest
    }

    /// What a replay has shown of the past is told once: which questions are open, which are not,
    /// and the sums.
    pub(super) fn tell_past(&mut self) {
        for (id, question) in std::mem::take(&mut self.past) {
            let news = match question {
                Some(question) => News::Asked(question),
                None => News::Closed { question: id },
            };
            self.reports.news(self.attempt, news);
        }
        self.tell_usage(true);
    }

    fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Line { offset, text } => {
                self.offset = offset;
                self.last_line = Instant::now();
                let outputs = self.driver.line(&text);
                self.act(outputs, None);
            }
            Entry::Said { id: _, note } => {
                let order = note.and_then(|note| serde_json::from_value::<Order>(note).ok());
                if let Some(order) = order
                    && self.given.insert(name(&order))
                {
                    self.note_order(&order);
                    let outputs = self.driver.order(&order);
                    self.act(outputs, Some(&order));
                }
            }
            Entry::TooLong { offset, bytes } => {
                self.offset = offset;
                let message = format!("a line of {bytes} bytes was left out");
                self.record(None, Activity::Error { message });
            }
        }
    }
}

/// What makes an order unique within its attempt.
pub(super) fn name(order: &Order) -> String {
    match order {
        Order::Tell { message, .. } => format!("tell-{message}"),
        Order::Ask { id, .. } => format!("ask-{id}"),
        Order::Answer { question, .. } => format!("answer-{question}"),
        Order::Interrupt {} => "interrupt".into(),
        Order::Finish {} => "finish".into(),
    }
}
