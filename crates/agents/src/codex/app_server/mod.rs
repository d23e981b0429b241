//! The driver of `codex app-server`: one connection, one thread of Codex, turns one after another.
//! Owns what was asked of the server and what is open; `turns` begins and ends turns, `events` reads
//! what the server tells.
//!
//! Measured with 0.169.0: it ends by itself within 0.1 s when its standard input ends, also in the
//! middle of a turn, and takes its shells along; SIGINT kills it at once and leaves them. It works in
//! a directory without git.

mod events;
mod turns;

use std::collections::{BTreeMap, BTreeSet};

use baton_core::activity::Activity;
use serde_json::{Value, json};

use self::turns::{Turning, Words};
use super::bounds::{TITLE, cut};
use super::limits::Limits;
use super::questions::{self, Pending};
use super::said::{no_result, say, unknown};
use super::usage::Meter;
use super::wire::{self, Line};
use super::{failure, options, schema};
use crate::driver::{Capabilities, Driver, Exit, Order, Output};
use crate::outcome::{Failure, FailureKind, Turn};
use crate::setup::Setup;

/// What a request of ours is waiting for.
#[derive(Debug)]
enum Asked {
    Initialize,
    Thread,
    TurnStart,
    Steer(Words),
    /// An interrupt and the cleaning up behind it: their answers say nothing.
    Nothing,
}

/// See the module.
#[derive(Debug)]
pub struct AppServer {
    open: (&'static str, Value),
    prompt: Option<String>,
    schema: Option<Value>,
    notes: Vec<String>,
    version: Option<String>,

    /// The number of the last request; numbers are the same in every replay.
    requests: u64,
    asked: BTreeMap<u64, Asked>,
    thread: Option<String>,
    turning: Turning,
    /// Words that wait for a turn to be added to, or to begin.
    waiting: Vec<Words>,
    /// Messages on their way, by the id we gave them.
    sent: BTreeMap<String, u32>,
    interrupt: bool,
    /// Standard input was closed.
    finished: bool,
    /// [`Output::Turn`] was said since the last turn began.
    said: bool,

    questions: BTreeMap<String, Pending>,
    /// File changes at work, by their id: what a question about them shows.
    changes: BTreeMap<String, Value>,
    /// Threads of sub-agents, and the tool use that made them.
    children: BTreeMap<String, String>,
    /// Turns that began in this attempt.
    turns: BTreeSet<String>,
    /// The last text of the turn, and whether Codex called it its final answer.
    text: Option<(String, bool)>,
    limits: Limits,
    meter: Meter,
}

impl AppServer {
    /// A driver of a session that is not begun.
    pub fn new(setup: &Setup) -> Self {
        Self {
            open: options::thread(setup),
            prompt: Some(options::prompt(setup)),
            schema: setup.output.as_ref().and_then(schema::strict),
            notes: options::notes(setup),
            version: None,
            requests: 0,
            asked: BTreeMap::new(),
            thread: None,
            turning: Turning::Idle,
            waiting: Vec::new(),
            sent: BTreeMap::new(),
            interrupt: false,
            finished: false,
            said: false,
            questions: BTreeMap::new(),
            changes: BTreeMap::new(),
            children: BTreeMap::new(),
            turns: BTreeSet::new(),
            text: None,
            limits: Limits::default(),
            meter: Meter::of(setup.model.clone()),
        }
    }

    fn request(&mut self, method: &str, params: &Value, asked: Asked, out: &mut Vec<Output>) {
        self.requests += 1;
        let id = self.requests;
        self.asked.insert(id, asked);
        out.push(Output::Send {
            id: format!("codex-request-{id}"),
            text: wire::request(id, method, params),
        });
    }

    fn response(&mut self, id: u64, result: Result<Value, Value>, out: &mut Vec<Output>) {
        let Some(asked) = self.asked.remove(&id) else {
            return unknown("a response to nothing", out);
        };
        match (asked, result) {
            (Asked::Nothing, _) => {}
            (Asked::Initialize, Ok(result)) => self.initialized(&result, out),
            (Asked::Thread, Ok(result)) => self.opened(&result, out),
            (Asked::TurnStart, Ok(result)) => {
                let turn = result.get("turn").and_then(|turn| wire::str(turn, "id"));
                match turn {
                    Some(turn) => self.began(turn, out),
                    None => self.broken("Codex began a turn without an id", out),
                }
            }
            // That it is taken is said when the model is given it: `userMessage`.
            (Asked::Steer(_), Ok(_)) => {}
            (Asked::Steer(words), Err(_)) => self.not_steered(words, out),
            (Asked::Initialize | Asked::Thread | Asked::TurnStart, Err(error)) => {
                let message = wire::str(&error, "message").unwrap_or("Codex refused a request");
                let failure = failure::of_text(message, &self.limits);
                self.turning = Turning::Idle;
                self.end(Turn::Failed(failure), out);
            }
        }
    }

    fn initialized(&mut self, result: &Value, out: &mut Vec<Output>) {
        // "baton/0.169.0 (Debian …": our name, its version.
        let agent = wire::str(result, "userAgent").and_then(|agent| agent.split('/').nth(1));
        let version = agent.and_then(|rest| rest.split_whitespace().next());
        self.version = version.map(|version| cut(version, TITLE));
        out.push(Output::Send {
            id: "codex-initialized".into(),
            text: wire::notification("initialized"),
        });
        let (method, params) = self.open.clone();
        self.request(method, &params, Asked::Thread, out);
    }

    fn opened(&mut self, result: &Value, out: &mut Vec<Output>) {
        let thread = result.get("thread").unwrap_or(&Value::Null);
        let Some(id) = wire::str(thread, "id") else {
            return self.broken("Codex opened a thread without an id", out);
        };
        self.thread = Some(id.to_owned());
        if let Some(model) = wire::str(result, "model") {
            self.meter.model = Some(cut(model, TITLE));
        }
        out.push(Output::Session {
            id: id.to_owned(),
            transcript: wire::str(thread, "path").map(str::to_owned),
        });
        say(self.session(id), out);
        if let Some(text) = self.prompt.take() {
            self.start(Words::prompt(text), out);
        }
    }

    fn session(&self, id: &str) -> Activity {
        Activity::Session {
            session: id.to_owned(),
            model: self.meter.model.clone(),
            version: self.version.clone(),
        }
    }

    fn asks(&mut self, request: &Value, method: &str, params: &Value, out: &mut Vec<Output>) {
        let change = wire::str(params, "itemId").and_then(|item| self.changes.get(item));
        let Some((question, pending)) = questions::ask(request.clone(), method, params, change)
        else {
            let refusal = format!("{} is not supported by Baton", cut(method, TITLE));
            out.push(Output::Send {
                id: format!("{}-refused", questions::id(request)),
                text: wire::refusal(request, &refusal),
            });
            return unknown(method, out);
        };
        self.questions.insert(question.id.clone(), pending);
        out.push(Output::Ask(question));
    }

    /// The server has broken its own protocol: nothing good can follow.
    fn broken(&mut self, message: &str, out: &mut Vec<Output>) {
        self.turning = Turning::Idle;
        self.end(
            Turn::Failed(Failure::new(FailureKind::Protocol, message)),
            out,
        );
    }
}

impl Driver for AppServer {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            steer: true,
            interrupt: true,
            approve: true,
            fork: true,
            resume: true,
            cost: false,
            todos: true,
            limits: true,
            schema: true,
        }
    }

    fn begin(&mut self) -> Vec<Output> {
        let mut out = Vec::new();
        for message in std::mem::take(&mut self.notes) {
            say(Activity::Error { message }, &mut out);
        }
        let params = json!({
            "clientInfo": {"name": "baton", "title": "Baton", "version": env!("CARGO_PKG_VERSION")},
            // `thread/backgroundTerminals/clean` needs it.
            "capabilities": {"experimentalApi": true, "requestAttestation": false},
        });
        self.request("initialize", &params, Asked::Initialize, &mut out);
        out
    }

    fn line(&mut self, line: &str) -> Vec<Output> {
        let mut out = Vec::new();
        if line.trim().is_empty() {
            return out;
        }
        if wire::is_of(line, events::says_nothing) {
            return out;
        }
        match wire::read(line) {
            Line::Response { id, result } => self.response(id, result, &mut out),
            Line::Request { id, method, params } => self.asks(&id, &method, &params, &mut out),
            Line::Notification { method, params } => self.told(&method, &params, &mut out),
            Line::Other(what) => unknown(&what, &mut out),
        }
        out
    }

    fn order(&mut self, order: &Order) -> Vec<Output> {
        let mut out = Vec::new();
        match order {
            Order::Tell { message, text, .. } => {
                self.words(Words::message(*message, text), &mut out)
            }
            Order::Ask { id, text } => self.words(Words::ask(id, text), &mut out),
            Order::Answer { question, answer } => {
                let Some(pending) = self.questions.get_mut(question).filter(|it| !it.answered)
                else {
                    return out;
                };
                pending.answered = true;
                let (result, words) = questions::answer(pending, answer);
                out.push(Output::Send {
                    id: format!("{question}-answer"),
                    text: wire::response(&pending.request, &result),
                });
                if let Some(text) = words {
                    self.words(Words::ask(&format!("{question}-words"), &text), &mut out);
                }
            }
            Order::Interrupt {} => self.interrupt(&mut out),
            Order::Finish {} => {
                if !std::mem::replace(&mut self.finished, true) {
                    out.push(Output::CloseStdin);
                }
            }
        }
        out
    }

    fn ended(&mut self, exit: &Exit) -> Vec<Output> {
        let mut out = Vec::new();
        self.close_questions(&mut out);
        if self.said && self.turning == Turning::Idle {
            return out;
        }
        let turn = if self.interrupt {
            Turn::Interrupted
        } else {
            Turn::Failed(no_result(exit, &self.limits))
        };
        out.push(Output::Turn(turn));
        out
    }
}
