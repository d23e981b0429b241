//! Claude Code over its stream of JSON lines and its control channel: `claude -p` with
//! `--input-format stream-json --permission-prompt-tool stdio`. Measured with 2.1.329, compared with
//! recordings of 2.1.197.
//!
//! This file owns the session: what was sent, whether a turn runs, what the host wants. `normalize`
//! reads the lines; `tools`, `todos`, `questions`, `money`, `limits` and `ending` each know one thing
//! they tell of. Nothing here knows the time, or whether a line is read for the first time.

mod ending;
mod limits;
mod messages;
mod money;
mod normalize;
mod options;
mod patch;
mod questions;
mod text;
mod todos;
mod tools;
mod wire;

use std::collections::BTreeSet;

use baton_core::activity::{Activity, ToolStatus};
use serde_json::{Value, json};

use self::ending::Clues;
use self::messages::Messages;
use self::money::Money;
use self::questions::Questions;
use self::todos::Todos;
use self::tools::{Change, Tools};
use crate::{Capabilities, Driver, Exit, Order, Output, Refused, Setup, Start, Turn};

/// Claude Code for this setup: how its process is started, and how it is spoken to.
///
/// # Errors
/// What is asked of it that it cannot do: bypassing permissions as root, names that are no tools,
/// a budget that is used up, texts too long for a command line.
pub fn claude(setup: &Setup) -> Result<(Start, Box<dyn Driver>), Refused> {
    let start = options::start(setup)?;
    let driver = ClaudeDriver {
        prompt: setup.prompt.clone(),
        messages: Messages::new(format!(
            "{}\n{}",
            setup.scratch.display(),
            setup.new_session
        )),
        tools: Tools::forbidding(&setup.deny_tools),
        money: Money::new(setup.resume.is_some()),
        session: String::new(),
        model: String::new(),
        has_key: false,
        todos: Todos::default(),
        questions: Questions::default(),
        clues: Clues::default(),
        agents: BTreeSet::new(),
        phase: Phase::Between,
        is_running: false,
        held: None,
        interrupts: 0,
        is_interrupting: false,
        is_fatal: false,
    };
    Ok((start, Box::new(driver)))
}

/// Where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A turn runs, or will by itself.
    Busy,
    /// The end of the last turn was said.
    Between,
}

/// See [`claude`].
#[derive(Debug)]
struct ClaudeDriver {
    prompt: String,
    messages: Messages,
    tools: Tools,
    money: Money,
    session: String,
    model: String,
    /// It uses a key; otherwise a login, which it may renew by itself.
    has_key: bool,
    todos: Todos,
    questions: Questions,
    clues: Clues,
    /// Sub-agents at work in the background.
    agents: BTreeSet<String>,
    phase: Phase,
    /// A turn has begun, and its result has not come.
    is_running: bool,
    /// The end of a turn that is not said yet, as another follows by itself: sub-agents are at work,
    /// or a message waits.
    held: Option<Turn>,
    interrupts: u32,
    is_interrupting: bool,
    is_fatal: bool,
}

impl Driver for ClaudeDriver {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            steer: true,
            interrupt: true,
            approve: true,
            fork: true,
            resume: true,
            cost: true,
            todos: true,
            limits: true,
            schema: true,
        }
    }

    fn begin(&mut self) -> Vec<Output> {
        let initialize = wire::request("initialize".into(), &json!({"subtype": "initialize"}));
        let prompt = std::mem::take(&mut self.prompt);
        vec![initialize, self.say("prompt".into(), &prompt, None, None)]
    }

    fn line(&mut self, line: &str) -> Vec<Output> {
        let mut out = Vec::new();
        if line.trim().is_empty() {
            return out;
        }
        match wire::read(line) {
            Some(value) => self.read(&value, &mut out),
            None => out.push(unknown("not a JSON object".into())),
        }
        out
    }

    fn order(&mut self, order: &Order) -> Vec<Output> {
        match order {
            Order::Tell { message, text, now } => {
                let priority = if *now { "now" } else { "next" };
                let id = format!("message-{message}");
                vec![self.say(id, text, Some(*message), Some(priority))]
            }
            Order::Ask { id, text } => vec![self.say(format!("ask-{id}"), text, None, None)],
            Order::Answer { question, answer } => {
                let Some(answered) = self.questions.answer(question, answer) else {
                    return Vec::new();
                };
                let mut out = vec![answered.response];
                out.push(Output::Closed {
                    question: question.clone(),
                });
                if answered.allowed {
                    let id = &answered.tool_use;
                    let change = self.tools.pause(id, ToolStatus::Running);
                    out.extend(change.map(tool_use));
                } else {
                    self.tools.deny(&answered.tool_use);
                }
                if let Some(words) = answered.words {
                    let id = format!("words-{question}");
                    out.push(self.say(id, &words, None, Some("next")));
                }
                out
            }
            Order::Interrupt {} => self.interrupt(),
            Order::Finish {} => vec![Output::CloseStdin],
        }
    }

    fn ended(&mut self, exit: &Exit) -> Vec<Output> {
        // A last line that only lacks its end.
        let mut exit = exit.clone();
        let mut out = Vec::new();
        if serde_json::from_str::<Value>(&exit.rest).is_ok_and(|line| line.is_object()) {
            let rest = std::mem::take(&mut exit.rest);
            out = self.line(&rest);
        }
        self.close_questions(&mut out);
        out.extend(self.tools.end().into_iter().map(tool_use));
        if self.phase == Phase::Busy {
            let turn = self.held.take().unwrap_or_else(|| {
                if self.is_interrupting {
                    Turn::Interrupted
                } else {
                    ending::without_result(&exit)
                }
            });
            self.end_turn(turn, &mut out);
        }
        out
    }
}

impl ClaudeDriver {
    /// A message; a turn begins with it, or takes it in.
    fn say(
        &mut self,
        id: String,
        text: &str,
        number: Option<u32>,
        priority: Option<&str>,
    ) -> Output {
        let begins = self.phase == Phase::Between;
        self.phase = Phase::Busy;
        let uuid = self.messages.sent(&id, number, begins);
        wire::user(id, &uuid, text, priority)
    }

    /// Messages that wait are given up (`interrupt_cancel_queued_v1`, 2.1.329): they were not taken,
    /// and can be sent again to the session when it goes on.
    fn interrupt(&mut self) -> Vec<Output> {
        if self.phase == Phase::Between {
            return Vec::new();
        }
        self.interrupts += 1;
        let request = json!({"subtype": "interrupt", "cancel_queued": true});
        let id = format!("interrupt-{}", self.interrupts);
        let mut out = vec![wire::request(id, &request)];
        if self.held.is_some() && !self.is_running {
            // What another turn would have followed from (sub-agents, messages that wait) ends
            // without a further word.
            self.agents.clear();
            self.end_turn(Turn::Interrupted, &mut out);
        } else {
            self.is_interrupting = true;
        }
        out
    }

    /// Says the end of a turn.
    fn end_turn(&mut self, turn: Turn, out: &mut Vec<Output>) {
        self.phase = Phase::Between;
        self.held = None;
        self.is_interrupting = false;
        out.push(Output::Turn(turn));
    }

    /// Says the end that was held back, when nothing is left that another turn would follow from. A
    /// turn that was interrupted before it began has no result at all.
    fn release(&mut self, out: &mut Vec<Output>) {
        if self.is_running || self.messages.are_waiting() || !self.agents.is_empty() {
            return;
        }
        if self.is_interrupting {
            self.end_turn(Turn::Interrupted, out);
        } else if let Some(turn) = self.held.take() {
            self.end_turn(turn, out);
        }
    }

    /// Claude does something although its last turn has ended.
    fn wake(&mut self, out: &mut Vec<Output>) {
        if self.phase == Phase::Between {
            self.phase = Phase::Busy;
            out.push(Output::Busy);
        }
    }

    fn close_questions(&mut self, out: &mut Vec<Output>) {
        let closed = self.questions.close().into_iter();
        out.extend(closed.map(|question| Output::Closed { question }));
    }
}

fn tool_use((parent, shown): Change) -> Output {
    within(parent, Activity::ToolUse(Box::new(shown)))
}

fn within(parent: Option<String>, activity: Activity) -> Output {
    Output::Activity { parent, activity }
}

fn activity(activity: Activity) -> Output {
    within(None, activity)
}

fn unknown(what: String) -> Output {
    let what = text::head(&what, text::LINE);
    activity(Activity::Unknown { what })
}
