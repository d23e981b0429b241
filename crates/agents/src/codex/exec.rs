//! The driver of `codex exec --json` (0.169.0): one turn, then the process ends. It asks nothing,
//! says no diffs, no denials and no `in_progress` of todos, and cannot be spoken to.

use baton_core::activity::{Activity, Usage};
use serde_json::Value;

use super::bounds::{WORDS, cut};
use super::limits::Limits;
use super::said::{no_result, say, unknown};
use super::wire::str;
use super::{failure, normalize, options, usage};
use crate::driver::{Capabilities, Driver, Exit, Order, Output};
use crate::outcome::{FailureKind, Turn};
use crate::setup::Setup;

/// See the module.
#[derive(Debug)]
pub struct Exec {
    /// A prompt that is too long for the command line.
    first: Option<String>,
    notes: Vec<String>,
    model: Option<String>,
    resumed: bool,
    before: Option<Usage>,
    text: String,
    interrupt: bool,
    said: bool,
}

impl Exec {
    /// A driver of a process that is not started; `first` goes to its standard input.
    pub fn new(setup: &Setup, first: Option<String>, before: Option<Usage>) -> Self {
        Self {
            first,
            notes: options::notes(setup),
            model: setup.model.clone(),
            resumed: setup.resume.is_some(),
            before,
            text: String::new(),
            interrupt: false,
            said: false,
        }
    }

    fn event(&mut self, kind: &str, event: &Value, out: &mut Vec<Output>) {
        match kind {
            "thread.started" => {
                let Some(id) = str(event, "thread_id") else {
                    return unknown(kind, out);
                };
                out.push(Output::Session {
                    id: id.to_owned(),
                    transcript: None,
                });
                say(
                    Activity::Session {
                        session: id.to_owned(),
                        model: self.model.clone(),
                        version: None,
                    },
                    out,
                );
            }
            "turn.started" => say(Activity::TurnStarted {}, out),
            "item.started" | "item.updated" | "item.completed" => {
                let item = event.get("item").unwrap_or(&Value::Null);
                let done = kind == "item.completed";
                if let (true, Some("agent_message"), Some(text)) =
                    (done, str(item, "type"), str(item, "text"))
                {
                    text.clone_into(&mut self.text);
                }
                if let Some(said) = normalize::item(item, done) {
                    say(said, out);
                }
            }
            "error" => say(error(event), out),
            "turn.completed" => {
                if let Some(counts) = event.get("usage") {
                    let model = self.model.as_deref();
                    let usage = usage::of_exec(counts, self.before, self.resumed, model);
                    out.push(Output::Usage(usage));
                }
                let text = std::mem::take(&mut self.text);
                self.end(
                    "completed",
                    Turn::Done {
                        text,
                        structured: None,
                    },
                    out,
                );
            }
            "turn.failed" => {
                let message = event.get("error").and_then(|error| str(error, "message"));
                let message = message.unwrap_or("Codex failed and did not say why");
                let failure = failure::of_text(message, &Limits::default());
                if let FailureKind::UsageLimit { resets_at } = failure.kind {
                    out.push(Output::Limited { resets_at });
                }
                self.end("failed", Turn::Failed(failure), out);
            }
            _ => unknown(kind, out),
        }
    }

    fn end(&mut self, reason: &str, turn: Turn, out: &mut Vec<Output>) {
        let reason = reason.to_owned();
        say(Activity::TurnEnded { reason }, out);
        if !std::mem::replace(&mut self.said, true) {
            out.push(Output::Turn(turn));
        }
    }
}

impl Driver for Exec {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            interrupt: true,
            resume: true,
            todos: true,
            schema: true,
            ..Capabilities::default()
        }
    }

    fn begin(&mut self) -> Vec<Output> {
        let mut out = Vec::new();
        for message in std::mem::take(&mut self.notes) {
            say(Activity::Error { message }, &mut out);
        }
        if let Some(text) = self.first.take() {
            out.push(Output::Send {
                id: "codex-prompt".into(),
                text,
            });
            // It reads its prompt to the end (agents.md 3: an open pipe blocks it).
            out.push(Output::CloseStdin);
        }
        out
    }

    fn line(&mut self, line: &str) -> Vec<Output> {
        let mut out = Vec::new();
        if line.trim().is_empty() {
            return out;
        }
        match serde_json::from_str::<Value>(line) {
            Ok(event) => match str(&event, "type") {
                Some(kind) => self.event(kind, &event, &mut out),
                None => unknown("no type", &mut out),
            },
            Err(_) => unknown("not JSON", &mut out),
        }
        out
    }

    fn order(&mut self, order: &Order) -> Vec<Output> {
        match order {
            // It ends by itself; measured: SIGINT, exit code 1, no last line, the session is kept.
            Order::Interrupt {} if !self.said => {
                self.interrupt = true;
                vec![Output::Sigint]
            }
            Order::Interrupt {}
            | Order::Tell { .. }
            | Order::Ask { .. }
            | Order::Answer { .. }
            | Order::Finish {} => Vec::new(),
        }
    }

    fn ended(&mut self, exit: &Exit) -> Vec<Output> {
        if std::mem::replace(&mut self.said, true) {
            return Vec::new();
        }
        let turn = if self.interrupt {
            Turn::Interrupted
        } else {
            Turn::Failed(no_result(exit, &Limits::default()))
        };
        vec![Output::Turn(turn)]
    }
}

/// An error before the turn's own, mostly `Reconnecting... 1/5 (why)`.
fn error(event: &Value) -> Activity {
    let message = str(event, "message").unwrap_or("an error without words");
    match failure::reconnecting(message) {
        Some((attempt, max, why)) => Activity::ApiRetry {
            attempt,
            max,
            status: why.and_then(failure::status_in),
            message: cut(why.unwrap_or(message), WORDS),
        },
        None => Activity::Error {
            message: cut(message, WORDS),
        },
    }
}
