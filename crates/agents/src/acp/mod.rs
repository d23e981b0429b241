//! Any agent that speaks the Agent Client Protocol, version 1, over its standard streams: the state
//! of one session, from `initialize` to the answer of `session/prompt`. `wire` reads and writes the
//! messages, `opening` begins a session, `updates` tells what it does, `permission` what it asks.
//!
//! The messages are read as JSON values, not into the types of the crate
//! `agent-client-protocol-schema` (1.15.1, Apache-2.0): that has neither `session/set_model` and
//! `models`, which Gemini CLI 0.61.0 speaks, nor (in its stable part) a turn's tokens; an unknown
//! word in an enumeration loses the message; and by `serde_with` it puts `chrono` and `time`, which
//! `deny.toml` bans, into the lock file.
//!
//! No file system and no terminal are offered to the agent: it uses its own. Words while it works
//! do not reach it (the protocol has no way), nor does the reason of a no.

mod failure;
mod opening;
mod permission;
mod profile;
mod prompt;
mod speech;
mod tools;
mod updates;
mod usage;
mod wire;

use std::collections::BTreeMap;

use baton_core::activity::Activity;
use serde_json::Value;

use crate::bounded;
use crate::driver::{Capabilities, Driver, Exit, Order, Output};
use crate::outcome::{Failure, FailureKind, Turn};
use crate::setup::{Refused, Setup, Start};

pub(crate) use failure::of_service;
use opening::Opened;
use profile::{Offers, Profile};
use speech::Speech;
use tools::Tools;
use usage::Spent;

/// An agent of the Agent Client Protocol: [`Setup::program`] is its command.
///
/// # Errors
/// What the protocol has no way to ask for: a limit of turns, lists of tools.
pub fn acp(setup: &Setup) -> Result<(Start, Box<dyn Driver>), Refused> {
    let driver = Acp::new(setup, setup.model.clone())?;
    let start = Start {
        words: setup.program.clone(),
        stdin: true,
        ..Start::default()
    };
    Ok((start, Box::new(driver)))
}

/// What is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// The session is not open yet. `stopped`: it was interrupted before the first prompt.
    Opening { stopped: bool },
    /// A prompt is being worked on; `taken`: the message it is of, until the agent has begun.
    Prompted { cancelled: bool, taken: Option<u32> },
    /// The turn is over.
    Idle,
    /// Nothing more comes of it.
    Failed,
}

/// What a request of ours was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Initialize,
    Open(Opened),
    Mode,
    Model,
    Prompt,
}

pub(crate) struct Acp {
    setup: Setup,
    /// To be set through the protocol.
    model: Option<String>,
    /// Gemini CLI: some of its words mean something else.
    gemini: bool,
    profile: Profile,
    offers: Offers,
    /// The mode for the step's permission, when the agent has one and took it.
    mode: Option<String>,
    session: Option<String>,
    phase: Phase,
    /// The prompt is one of the agent's own commands: Gemini CLI 0.61.0 answers those itself.
    is_command: bool,
    /// The last request's number.
    asked: u64,
    waiting: BTreeMap<u64, Asked>,
    /// How many requests of the agent were answered or asked.
    replies: u64,
    questions: BTreeMap<String, permission::Request>,
    speech: Speech,
    tools: Tools,
    todos: Vec<baton_core::activity::Todo>,
    spent: Spent,
    /// Why it cannot go on, until a turn's end has said so.
    fatal: Option<Failure>,
}

impl Acp {
    /// A driver of an agent; the model is set through the protocol.
    pub(crate) fn new(setup: &Setup, model: Option<String>) -> Result<Self, Refused> {
        if setup.program.is_empty() {
            return Err(Refused("name the agent's command: `acp:<command>`".into()));
        }
        if setup.max_turns.is_some() {
            return Err(Refused(
                "an ACP agent takes no limit of turns: limit the step's time or cost".into(),
            ));
        }
        if !setup.allow_tools.is_empty() || !setup.deny_tools.is_empty() {
            return Err(Refused(
                "an ACP agent takes no lists of tools: choose a permission, or the agent's own settings"
                    .into(),
            ));
        }
        opening::check_servers(&setup.mcp)?;
        Ok(Self {
            setup: setup.clone(),
            model,
            gemini: false,
            profile: Profile::default(),
            offers: Offers::default(),
            mode: None,
            session: None,
            phase: Phase::Opening { stopped: false },
            is_command: false,
            asked: 0,
            waiting: BTreeMap::new(),
            replies: 0,
            questions: BTreeMap::new(),
            speech: Speech::default(),
            tools: Tools::default(),
            todos: Vec::new(),
            spent: Spent::default(),
            fatal: None,
        })
    }

    /// The same, known to be Gemini CLI before it says so.
    pub(crate) fn gemini(mut self) -> Self {
        self.gemini = true;
        self
    }

    /// Sends a request; its answer comes to [`Acp::response`].
    fn request(&mut self, what: Asked, method: &str, params: &Value) -> Output {
        self.asked += 1;
        self.waiting.insert(self.asked, what);
        Output::Send {
            id: format!("request-{}", self.asked),
            text: wire::request(self.asked, method, params),
        }
    }

    fn response(&mut self, id: u64, result: Result<Value, wire::Error>) -> Vec<Output> {
        match self.waiting.remove(&id) {
            Some(Asked::Initialize) => self.initialized(result),
            Some(Asked::Open(how)) => self.opened(how, result),
            Some(Asked::Mode) => self.mode_set(result.err()),
            Some(Asked::Model) => self.model_set(result.err()),
            Some(Asked::Prompt) => self.prompt_ended(result),
            None => vec![unknown("response")],
        }
    }

    /// A request of the agent: of what is not offered, only that it is not.
    fn requested(&mut self, id: &Value, method: &str, params: &Value) -> Vec<Output> {
        if method == "session/request_permission" {
            return self.permission_asked(id, params);
        }
        self.replies += 1;
        let refusal = format!("{} is not offered", bounded::head(method, 100));
        let send = Output::Send {
            id: format!("reply-{}", self.replies),
            text: wire::refuse(id, wire::METHOD_NOT_FOUND, &refusal),
        };
        vec![unknown(method), send]
    }

    /// Nothing more comes of this session.
    fn fatal(&mut self, failure: Failure) -> Vec<Output> {
        self.phase = Phase::Failed;
        self.fatal = Some(failure.clone());
        vec![Output::Fatal(failure)]
    }

    /// Why a process that is gone did not finish its turn. Exit codes: Gemini CLI 0.61.0.
    fn gone(&mut self, exit: &Exit) -> Failure {
        if let Some(failure) = self.fatal.take() {
            return failure;
        }
        if self.gemini
            && let Some(failure) = crate::gemini::exit_failure(exit)
        {
            return failure;
        }
        let how = match (exit.code, exit.signal) {
            (Some(code), _) => format!("with exit code {code}"),
            (None, Some(signal)) => format!("by signal {signal}"),
            (None, None) => "for an unknown reason".into(),
        };
        let mut message = format!("the agent's process ended {how} before it had answered");
        if !exit.rest.trim().is_empty() {
            message.push_str(", in the middle of a line");
        }
        let last = bounded::last_lines(&exit.stderr, 5);
        if !last.is_empty() {
            message = format!("{message}; it last said: {last}");
        }
        Failure::new(FailureKind::NoResult, message)
    }
}

impl Driver for Acp {
    fn capabilities(&self) -> Capabilities {
        let known = !self.profile.name.is_empty() || self.session.is_some();
        Capabilities {
            steer: false,
            interrupt: true,
            approve: true,
            fork: self.profile.forks,
            // Not known before the agent has said so; a session that cannot go on is `SessionLost`.
            resume: !known || self.profile.loads || self.profile.resumes,
            // Gemini CLI 0.61.0 says tokens only, and its todos are a tool that gives no `plan`.
            cost: !self.gemini,
            todos: !self.gemini,
            limits: false,
            schema: false,
        }
    }

    fn begin(&mut self) -> Vec<Output> {
        vec![self.initialize()]
    }

    fn line(&mut self, line: &str) -> Vec<Output> {
        if line.trim().is_empty() {
            return Vec::new();
        }
        match wire::read(line) {
            wire::Incoming::Response { id, result } => self.response(id, result),
            wire::Incoming::Request { id, method, params } => self.requested(&id, &method, &params),
            wire::Incoming::Notification { method, params } => match method.as_str() {
                "session/update" => self.updated(&params["update"]),
                "$/cancel_request" => self.withdrawn(&params["requestId"]),
                other => vec![unknown(other)],
            },
            wire::Incoming::Foreign(what) => vec![unknown(&what)],
        }
    }

    fn order(&mut self, order: &Order) -> Vec<Output> {
        match order {
            Order::Tell { message, text, .. } if self.phase == Phase::Idle => {
                self.prompt(&[text], Some(*message))
            }
            Order::Ask { text, .. } if self.phase == Phase::Idle => self.prompt(&[text], None),
            Order::Tell { .. } | Order::Ask { .. } => Vec::new(),
            Order::Answer { question, answer } => self.answered(question, answer),
            Order::Interrupt {} => self.interrupt(),
            Order::Finish {} => vec![Output::CloseStdin],
        }
    }

    fn ended(&mut self, exit: &Exit) -> Vec<Output> {
        let mut outputs = self.speech.flush();
        outputs.extend(self.close_questions());
        outputs.extend(self.close_tools("the agent's process ended"));
        let turn = match self.phase {
            Phase::Idle => return outputs,
            Phase::Failed if self.fatal.is_none() => return outputs,
            Phase::Opening { stopped: true }
            | Phase::Prompted {
                cancelled: true, ..
            } => Turn::Interrupted,
            _ => Turn::Failed(self.gone(exit)),
        };
        self.phase = Phase::Failed;
        outputs.push(Output::Turn(turn));
        outputs
    }
}

/// Something of the session itself, not of a sub-agent.
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
