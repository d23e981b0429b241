//! Turns: how they begin, are steered, interrupted and end, and where a person's words go meanwhile.

use baton_core::activity::Activity;
use serde_json::{Value, json};

use super::super::failure;
use super::super::said::say;
use super::super::wire::{list, str};
use super::{AppServer, Asked};
use crate::driver::Output;
use crate::outcome::{Failure, FailureKind, Turn};

/// Whether a turn is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turning {
    Idle,
    /// Asked for; its id is not known, so that nothing can be added to it yet.
    Starting,
    Active(String),
}

/// Something to say to Codex.
#[derive(Debug, Clone)]
pub struct Words {
    text: String,
    /// Ours, given back with the `userMessage` item (measured: `clientUserMessageId` is `clientId`).
    id: String,
    message: Option<u32>,
}

impl Words {
    pub fn prompt(text: String) -> Self {
        Self {
            text,
            id: "baton-prompt".into(),
            message: None,
        }
    }

    pub fn message(message: u32, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            id: format!("baton-message-{message}"),
            message: Some(message),
        }
    }

    pub fn ask(id: &str, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            id: format!("baton-ask-{id}"),
            message: None,
        }
    }
}

impl AppServer {
    /// Adds words to the turn at work, or begins one with them.
    pub fn words(&mut self, words: Words, out: &mut Vec<Output>) {
        match &self.turning {
            _ if self.finished => {}
            Turning::Active(turn) => {
                let turn = turn.clone();
                self.steer(&turn, words, out);
            }
            Turning::Idle if self.thread.is_some() => self.start(words, out),
            Turning::Idle | Turning::Starting => self.waiting.push(words),
        }
    }

    /// Begins a turn.
    pub fn start(&mut self, words: Words, out: &mut Vec<Output>) {
        let mut params = self.input(&words);
        if let Some(schema) = &self.schema {
            params["outputSchema"] = schema.clone();
        }
        self.on_its_way(&words);
        self.turning = Turning::Starting;
        self.said = false;
        self.text = None;
        self.request("turn/start", &params, Asked::TurnStart, out);
    }

    fn steer(&mut self, turn: &str, words: Words, out: &mut Vec<Output>) {
        let mut params = self.input(&words);
        params["expectedTurnId"] = json!(turn);
        self.on_its_way(&words);
        self.request("turn/steer", &params, Asked::Steer(words), out);
    }

    fn input(&self, words: &Words) -> Value {
        json!({
            "threadId": self.thread,
            "clientUserMessageId": words.id,
            "input": [{"type": "text", "text": words.text}],
        })
    }

    fn on_its_way(&mut self, words: &Words) {
        if let Some(message) = words.message {
            self.sent.insert(words.id.clone(), message);
        }
    }

    /// The turn was over, or takes no words: they begin the next one.
    pub fn not_steered(&mut self, words: Words, out: &mut Vec<Output>) {
        self.waiting.push(words);
        if self.turning == Turning::Idle && self.go_on(out) {
            out.push(Output::Busy);
        }
    }

    /// Begins a turn with the first words that wait, if there are any.
    fn go_on(&mut self, out: &mut Vec<Output>) -> bool {
        if self.finished || self.waiting.is_empty() {
            return false;
        }
        let words = self.waiting.remove(0);
        self.start(words, out);
        true
    }

    /// A turn's id is known: by the answer to its request, or because it is at work.
    pub fn began(&mut self, turn: &str, out: &mut Vec<Output>) {
        self.turns.insert(turn.to_owned());
        if self.turning == Turning::Active(turn.to_owned()) {
            return;
        }
        self.turning = Turning::Active(turn.to_owned());
        for words in std::mem::take(&mut self.waiting) {
            self.steer(turn, words, out);
        }
        if self.interrupt {
            self.stop(turn, out);
        }
    }

    /// Ends the turn, as soon as it can be named. Between turns there is nothing to end.
    pub fn interrupt(&mut self, out: &mut Vec<Output>) {
        let over = self.said && self.turning == Turning::Idle;
        if over || std::mem::replace(&mut self.interrupt, true) {
            return;
        }
        if let Turning::Active(turn) = self.turning.clone() {
            self.stop(&turn, out);
        }
    }

    fn stop(&mut self, turn: &str, out: &mut Vec<Output>) {
        let params = json!({"threadId": self.thread, "turnId": turn});
        self.request("turn/interrupt", &params, Asked::Nothing, out);
    }

    /// `turn/completed`: how the turn ended is its status, and its error.
    pub fn completed(&mut self, turn: &Value, out: &mut Vec<Output>) {
        let id = str(turn, "id").unwrap_or("");
        match &self.turning {
            Turning::Idle => return,
            Turning::Active(active) if active != id => return,
            Turning::Active(_) | Turning::Starting => {}
        }
        self.turning = Turning::Idle;
        self.close_questions(out);
        let status = str(turn, "status").unwrap_or("without a status");
        say(
            Activity::TurnEnded {
                reason: status.to_owned(),
            },
            out,
        );
        match status {
            "completed" => {
                // Words that came too late for this turn go on at once: it was not the last.
                if self.interrupt || !self.go_on(out) {
                    let text = self.answer(turn);
                    self.end(
                        Turn::Done {
                            text,
                            structured: None,
                        },
                        out,
                    );
                }
            }
            "interrupted" => {
                // An interrupt leaves the shells running (measured).
                let params = json!({"threadId": self.thread});
                self.request(
                    "thread/backgroundTerminals/clean",
                    &params,
                    Asked::Nothing,
                    out,
                );
                self.end(Turn::Interrupted, out);
            }
            "failed" => {
                let error = turn.get("error").unwrap_or(&Value::Null);
                let failure = failure::of_turn(error, &self.limits);
                if let FailureKind::UsageLimit { resets_at } = failure.kind {
                    say(
                        Activity::RateLimit {
                            rejected: true,
                            resets_at,
                            window: None,
                            used: None,
                        },
                        out,
                    );
                    out.push(Output::Limited { resets_at });
                }
                self.end(Turn::Failed(failure), out);
            }
            other => {
                let message = format!("Codex ended a turn in a way that is not known: {other}");
                self.end(
                    Turn::Failed(Failure::new(FailureKind::Protocol, message)),
                    out,
                );
            }
        }
    }

    /// The last text that Codex said in the turn, its final answer before others.
    fn answer(&mut self, turn: &Value) -> String {
        if let Some((text, _)) = self.text.take() {
            return text;
        }
        let messages = list(turn, "items")
            .iter()
            .filter(|item| str(item, "type") == Some("agentMessage"));
        messages
            .filter_map(|item| str(item, "text"))
            .next_back()
            .unwrap_or("")
            .to_owned()
    }

    /// Says how the turn ended.
    pub fn end(&mut self, turn: Turn, out: &mut Vec<Output>) {
        self.interrupt = false;
        self.said = true;
        self.text = None;
        out.push(Output::Turn(turn));
    }

    /// No question is open any more.
    pub fn close_questions(&mut self, out: &mut Vec<Output>) {
        for question in std::mem::take(&mut self.questions).into_keys() {
            out.push(Output::Closed { question });
        }
    }
}
