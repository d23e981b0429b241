//! Any program that prints: the prompt goes to its standard input, what it prints is its answer. It
//! asks nothing, hears nothing more, and has no session to go on with.

use baton_core::activity::Activity;

use crate::bounded;
use crate::driver::{Capabilities, Driver, Exit, Order, Output};
use crate::outcome::{Failure, FailureKind, Turn};
use crate::setup::{Permission, Refused, Setup, Start};

/// The answer is the end of what it printed, at most this much.
const ANSWER: usize = 64 << 10;

/// A variable holds the prompt too when it is shorter: Linux takes 128 KB a variable.
const VARIABLE: usize = 100_000;

/// A command: [`Setup::program`] are its words. Its prompt comes on standard input, and in
/// `BATON_PROMPT` when it is under 100 KB; an addition to the system prompt stands before it.
///
/// # Errors
/// What no command can be told: a model, tools, MCP servers, a limit of turns, to plan only, to go
/// on in a session.
pub fn command(setup: &Setup) -> Result<(Start, Box<dyn Driver>), Refused> {
    let refuse = |what: &str| Err(Refused(format!("a command {what}")));
    if setup.program.is_empty() {
        return refuse("needs its words: `command:<command>`");
    }
    if setup.permission == Permission::Plan {
        return refuse("cannot be kept from changing things: leave out `permission: plan`");
    }
    if setup.model.is_some() {
        return refuse("takes no model: put it into its words");
    }
    if setup.max_turns.is_some() {
        return refuse("takes no limit of turns: limit the step's time");
    }
    if !setup.allow_tools.is_empty() || !setup.deny_tools.is_empty() || !setup.mcp.is_empty() {
        return refuse("takes no tools");
    }
    if setup.resume.is_some() {
        return refuse("has no session to go on with");
    }
    let prompt = match &setup.system_prompt {
        Some(system) => format!("{system}\n\n{}", setup.prompt),
        None => setup.prompt.clone(),
    };
    let mut start = Start {
        words: setup.program.clone(),
        stdin: true,
        ..Start::default()
    };
    // A variable cannot hold a zero byte.
    if prompt.len() < VARIABLE && !prompt.contains('\0') {
        start.env.insert("BATON_PROMPT".into(), prompt.clone());
    }
    Ok((
        start,
        Box::new(Command {
            prompt,
            said: String::new(),
            over: false,
        }),
    ))
}

struct Command {
    prompt: String,
    /// The end of what it printed.
    said: String,
    over: bool,
}

impl Command {
    fn print(&mut self, text: &str) -> Output {
        self.said.push_str(text);
        // Cut now and then, not with every line.
        if self.said.len() > 4 * ANSWER {
            self.said = bounded::tail(&self.said, ANSWER).to_owned();
        }
        activity(Activity::MessageDelta { text: text.into() })
    }
}

impl Driver for Command {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn begin(&mut self) -> Vec<Output> {
        vec![
            activity(Activity::TurnStarted {}),
            Output::Send {
                id: "prompt".into(),
                text: self.prompt.clone(),
            },
            Output::CloseStdin,
        ]
    }

    fn line(&mut self, line: &str) -> Vec<Output> {
        vec![self.print(&format!("{line}\n"))]
    }

    fn order(&mut self, _: &Order) -> Vec<Output> {
        Vec::new()
    }

    fn ended(&mut self, exit: &Exit) -> Vec<Output> {
        if std::mem::replace(&mut self.over, true) {
            return Vec::new();
        }
        let mut outputs = Vec::new();
        if !exit.rest.is_empty() {
            outputs.push(self.print(&exit.rest));
        }
        let text = bounded::tail(&self.said, ANSWER).trim_end().to_owned();
        if !text.is_empty() {
            outputs.push(activity(Activity::Message { text: text.clone() }));
        }
        let how = match (exit.code, exit.signal) {
            (Some(0), _) => None,
            (Some(code), _) => Some(format!("exit code {code}")),
            (None, Some(signal)) => Some(format!("signal {signal}")),
            (None, None) => Some("an unknown end".into()),
        };
        let reason = how.clone().unwrap_or_else(|| "completed".into());
        outputs.push(activity(Activity::TurnEnded { reason }));
        outputs.push(Output::Turn(match how {
            None => Turn::Done {
                text,
                structured: None,
            },
            Some(how) => {
                let last = bounded::last_lines(&exit.stderr, 1);
                let message = match last.is_empty() {
                    true => how,
                    false => format!("{how}: {last}"),
                };
                Turn::Failed(Failure::new(FailureKind::Other, message))
            }
        }));
        outputs
    }
}

fn activity(activity: Activity) -> Output {
    Output::Activity {
        parent: None,
        activity,
    }
}
