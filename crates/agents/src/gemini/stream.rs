//! The state of one run of `gemini --output-format stream-json`: one prompt, one turn.

use std::collections::BTreeMap;

use baton_core::activity::{Activity, Todo, ToolStatus, ToolUse, Usage};
use serde_json::Value;

use super::events;
use crate::acp::of_service;
use crate::bounded;
use crate::driver::{Capabilities, Driver, Exit, Order, Output};
use crate::outcome::{Failure, FailureKind, Turn};
use crate::setup::Setup;

pub(super) struct Stream {
    resume: Option<String>,
    /// Goes to standard input.
    stdin: Option<String>,
    /// The piece of text that is coming.
    text: String,
    answer: String,
    tools: BTreeMap<String, (ToolUse, Option<Vec<Todo>>)>,
    /// The last `error` line.
    error: Option<String>,
    /// The result says that it failed; the exit code may say more.
    failed: Option<Failure>,
    interrupted: bool,
    over: bool,
}

impl Stream {
    pub(super) fn new(setup: &Setup, stdin: Option<String>) -> Self {
        Self {
            resume: setup.resume.clone(),
            stdin,
            text: String::new(),
            answer: String::new(),
            tools: BTreeMap::new(),
            error: None,
            failed: None,
            interrupted: false,
            over: false,
        }
    }

    fn flush(&mut self) -> Option<Output> {
        if self.text.is_empty() {
            return None;
        }
        let text = std::mem::take(&mut self.text);
        self.answer.clone_from(&text);
        Some(activity(Activity::Message { text }))
    }

    fn message(&mut self, line: &Value) -> Vec<Output> {
        let Some(text) = line["content"].as_str().filter(|text| !text.is_empty()) else {
            return Vec::new();
        };
        // The prompt comes back as the message of the role `user`.
        if line["role"] != "assistant" {
            return Vec::new();
        }
        self.text.push_str(text);
        vec![activity(Activity::MessageDelta { text: text.into() })]
    }

    fn tool_use(&mut self, line: &Value) -> Vec<Output> {
        let mut outputs: Vec<Output> = self.flush().into_iter().collect();
        let Some(tool) = events::tool_use(line) else {
            return vec![unknown("tool_use")];
        };
        let todos = events::todos(&tool.name, &line["parameters"]);
        outputs.push(activity(Activity::ToolUse(Box::new(tool.clone()))));
        self.tools.insert(tool.id.clone(), (tool, todos));
        outputs
    }

    fn tool_result(&mut self, line: &Value) -> Vec<Output> {
        let id = line["tool_id"].as_str().unwrap_or_default();
        let Some((mut tool, todos)) = self.tools.remove(id) else {
            return vec![unknown("tool_result")];
        };
        let done = events::finish(&mut tool, line);
        let mut outputs = vec![activity(Activity::ToolUse(Box::new(tool)))];
        outputs.extend(
            todos
                .filter(|_| done)
                .map(|items| activity(Activity::Todos { items })),
        );
        outputs
    }

    fn error(&mut self, line: &Value) -> Vec<Output> {
        let message = bounded::head(
            line["message"].as_str().unwrap_or("unknown error"),
            bounded::OUTPUT,
        );
        self.error = Some(message.clone());
        vec![activity(Activity::Error { message })]
    }

    fn result(&mut self, line: &Value) -> Vec<Output> {
        let mut outputs: Vec<Output> = self.flush().into_iter().collect();
        outputs.push(Output::Usage(usage(&line["stats"])));
        let status = line["status"].as_str().unwrap_or("nothing");
        let reason = bounded::head(status, 100);
        outputs.push(activity(Activity::TurnEnded { reason }));
        if status == "success" {
            self.over = true;
            let text = self.answer.clone();
            outputs.push(Output::Turn(Turn::Done {
                text,
                structured: None,
            }));
            return outputs;
        }
        let (kind, said) = (&line["error"]["type"], line["error"]["message"].as_str());
        let said = said.map(|said| bounded::head(said, bounded::OUTPUT));
        let message = said
            .or(self.error.take())
            .unwrap_or("the turn failed".into());
        self.failed = Some(match kind.as_str() {
            Some("FatalTurnLimitedError") => Failure::new(FailureKind::MaxTurns, message),
            Some("FatalAuthenticationError") => Failure::new(FailureKind::NotLoggedIn, message),
            _ => of_service(None, &message),
        });
        outputs
    }

    /// What the end of a process that gave no good result means.
    fn turn(&mut self, exit: &Exit) -> Turn {
        if self.interrupted {
            return Turn::Interrupted;
        }
        if let Some(failure) = self.failed.take() {
            let status = exit.code.and_then(status_of);
            let told_more = failure.kind == FailureKind::Api { status: None } && status.is_some();
            return Turn::Failed(match told_more {
                true => of_service(status, &failure.message),
                false => failure,
            });
        }
        let by_code = super::exit_failure(exit);
        if let Some(failure) = by_code {
            return Turn::Failed(failure);
        }
        let mut message = String::from("Gemini CLI ended without a result");
        if !exit.rest.trim().is_empty() {
            message.push_str(" and in the middle of a line: part of its output is lost");
        }
        let words = bounded::last_lines(&exit.stderr, 3);
        if !words.is_empty() {
            message = format!("{message}; it last said: {words}");
        }
        Turn::Failed(Failure::new(FailureKind::NoResult, message))
    }
}

impl Driver for Stream {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            interrupt: true,
            resume: true,
            // Only Gemini 2.x models have the tool (0.61.0).
            todos: true,
            ..Capabilities::default()
        }
    }

    fn begin(&mut self) -> Vec<Output> {
        let mut outputs = vec![activity(Activity::TurnStarted {})];
        if let Some(text) = self.stdin.take() {
            outputs.push(Output::Send {
                id: "prompt".into(),
                text,
            });
            outputs.push(Output::CloseStdin);
        }
        outputs
    }

    fn line(&mut self, line: &str) -> Vec<Output> {
        if line.trim().is_empty() {
            return Vec::new();
        }
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            return vec![unknown("not JSON")];
        };
        match line["type"].as_str() {
            Some("init") => events::session(&line),
            Some("message") => self.message(&line),
            Some("tool_use") => self.tool_use(&line),
            Some("tool_result") => self.tool_result(&line),
            Some("error") => self.error(&line),
            Some("result") if !self.over && self.failed.is_none() => self.result(&line),
            other => vec![unknown(other.unwrap_or("message"))],
        }
    }

    fn order(&mut self, order: &Order) -> Vec<Output> {
        match order {
            Order::Interrupt {} if !self.over => {
                self.interrupted = true;
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
        let mut outputs: Vec<Output> = self.flush().into_iter().collect();
        if self.over {
            return outputs;
        }
        self.over = true;
        for (mut tool, _) in std::mem::take(&mut self.tools).into_values() {
            tool.status = ToolStatus::Failed;
            tool.output = Some("the agent's process ended".into());
            outputs.push(activity(Activity::ToolUse(Box::new(tool))));
        }
        let mut turn = self.turn(exit);
        if let (Turn::Failed(failure), Some(session)) = (&mut turn, &self.resume)
            && failure.kind == FailureKind::SessionLost
        {
            failure.message = format!("session {session}: {}", failure.message);
        }
        if let Turn::Failed(Failure {
            kind: FailureKind::UsageLimit { resets_at },
            ..
        }) = &turn
        {
            let (resets_at, window) = (*resets_at, None);
            let limit = Activity::RateLimit {
                rejected: true,
                resets_at,
                window,
                used: None,
            };
            outputs.extend([activity(limit), Output::Limited { resets_at }]);
        }
        outputs.push(Output::Turn(turn));
        outputs
    }
}

/// The statistics of a result: `input_tokens` holds what was cached too.
fn usage(stats: &Value) -> Usage {
    let count = |name: &str| stats[name].as_u64().unwrap_or(0);
    let cached = count("cached");
    Usage {
        input: count("input_tokens").saturating_sub(cached),
        output: count("output_tokens"),
        cache_read: cached,
        ..Usage::default()
    }
}

/// The HTTP status behind an exit code: it is the status modulo 256 (0.61.0).
fn status_of(code: i32) -> Option<u16> {
    const STATUSES: [u16; 14] = [
        400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529,
    ];
    STATUSES
        .into_iter()
        .find(|status| i32::from(status % 256) == code)
}

fn activity(activity: Activity) -> Output {
    Output::Activity {
        parent: None,
        activity,
    }
}

fn unknown(what: &str) -> Output {
    activity(Activity::Unknown {
        what: bounded::head(what, 100),
    })
}
