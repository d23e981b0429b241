//! A fake Claude Code 2.1.329: its command line, its stream of JSON lines, its control channel and
//! its endings as recorded and measured, with a script ([`crate::Act`]) in the place of a model. It
//! keeps sessions as the real one does ([`crate::memory`]). With `CLAUDE_CODE_ENABLE_TODO_TOOLS` it has
//! a list of todos, without it none.

mod args;
mod ask;
mod ends;
mod files;
mod turn;
mod wire;

use std::collections::VecDeque;
use std::process::ExitCode;

use serde_json::{Value, json};

use self::args::Args;
use self::turn::Stop;
use self::wire::Wire;
use crate::input::{Heard, Input, LOOK};
use crate::memory::{self, Session};

/// The version whose protocol this is.
const VERSION: &str = "2.1.329";
/// Its model, when none is named.
const MODEL: &str = "claude-opus-5-5";

/// The whole program.
pub fn run(words: impl Iterator<Item = String>) -> ExitCode {
    let args = match Args::read(words) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if args.version {
        println!("{VERSION} (Claude Code)");
        return ExitCode::SUCCESS;
    }
    match Fake::start(args) {
        Ok(fake) => fake.live(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A message of the user.
#[derive(Debug, Clone, Default)]
struct Message {
    uuid: String,
    text: String,
    now: bool,
}

/// A running fake.
struct Fake {
    args: Args,
    input: Input,
    wire: Wire,
    session: Session,
    queue: VecDeque<Message>,
    /// Told to end the turn, by request or signal.
    interrupted: bool,
    sigint: bool,
    garbage: Option<String>,
    /// Uses of tools that need not be asked for any more.
    granted: Vec<String>,
    todos: Vec<String>,
    /// Of this process: tokens in and out, dollars.
    spent: (u64, u64, f64),
    /// The same at the last result.
    told: (u64, u64, f64),
    calls: u32,
    results: u32,
    last_failed: bool,
}

impl Fake {
    /// Finds its session, or says why not, as the real one does.
    fn start(args: Args) -> Result<Self, String> {
        let known = |id: &str| memory::load("claude", id).map_err(|error| error.to_string());
        let mut wire = Wire {
            model: args.model.clone().unwrap_or_else(|| MODEL.into()),
            ..Wire::default()
        };
        let is_root = rustix::process::getuid().is_root();
        let sandboxed = std::env::var_os("IS_SANDBOX").is_some_and(|value| value == "1");
        if args.mode == "bypassPermissions" && is_root && !sandboxed {
            let error = "--dangerously-skip-permissions cannot be used with root/sudo privileges \
                         for security reasons";
            if std::env::var_os("CLAUDE_CODE_STARTUP_FAILURE_RESULTS").is_some() {
                wire.print(ends::startup_failure(error, Some("bypass_root")));
            }
            return Err(error.into());
        }
        let mut session = Session::default();
        if let Some(resume) = &args.resume {
            wire.session.clone_from(resume);
            let Some(found) = known(resume)? else {
                let error = format!("No conversation found with session ID: {resume}");
                wire.print(ends::startup_failure(&error, None));
                return Err(error);
            };
            session = found;
        }
        if args.resume.is_none() || args.fork {
            let id = args.session.clone();
            wire.session = id.unwrap_or_else(|| wire.id("5e550000"));
            if known(&wire.session)?.is_some() {
                let id = &wire.session;
                return Err(format!("Error: Session ID {id} is already in use."));
            }
        }
        let input = Input::open().map_err(|error| error.to_string())?;
        let prompt = args.prompt.clone().map(|text| Message {
            text,
            ..Message::default()
        });
        Ok(Self {
            args,
            input,
            wire,
            session,
            queue: prompt.into_iter().collect(),
            interrupted: false,
            sigint: false,
            garbage: None,
            granted: Vec::new(),
            todos: Vec::new(),
            spent: (0, 0, 0.0),
            told: (0, 0, 0.0),
            calls: 0,
            results: 0,
            last_failed: false,
        })
    }

    /// Turn after turn, until standard input has ended and nothing waits.
    fn live(mut self) -> ExitCode {
        loop {
            self.listen();
            if let Some(garbage) = &self.garbage {
                let length = garbage.len();
                eprintln!(
                    "Error parsing streaming input line (type=unknown, {length} chars): SyntaxError"
                );
                return ExitCode::FAILURE;
            }
            if let Some(message) = self.queue.pop_front() {
                match self.turn(message) {
                    Ok(()) if self.sigint => return ExitCode::SUCCESS,
                    Ok(()) => {}
                    Err(Stop::Crash { said }) => {
                        self.wire.raw(&said);
                        return ExitCode::SUCCESS;
                    }
                    Err(_) => return ExitCode::FAILURE,
                }
            } else if self.input.has_ended() || !self.args.stream_input || self.sigint {
                return ExitCode::from(u8::from(self.last_failed));
            } else if let Some(heard) = self.input.hear(LOOK) {
                self.take(heard);
            }
            // Between turns there is nothing to interrupt.
            self.interrupted = false;
        }
    }

    /// Takes all that has come.
    fn listen(&mut self) {
        while let Some(heard) = self.input.hear(std::time::Duration::ZERO) {
            self.take(heard);
            if self.input.has_ended() {
                return;
            }
        }
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Line(line) => self.told(&line),
            Heard::Garbage(line) => self.garbage = Some(line),
            Heard::Sigint => {
                self.sigint = true;
                self.interrupted = true;
            }
            Heard::End => {}
        }
    }

    /// A line of the host that answers nothing.
    fn told(&mut self, line: &Value) {
        let request = &line["request"];
        match line["type"].as_str().unwrap_or_default() {
            "user" => self.message(line),
            "control_request" => {
                let response = match request["subtype"].as_str().unwrap_or_default() {
                    "initialize" => json!({"commands": [], "agents": [], "output_style": "default",
                        "models": [], "account": {}, "claude_code_version": VERSION}),
                    "interrupt" => {
                        self.interrupted = true;
                        self.cancel_queued(request["cancel_queued"] == true)
                    }
                    "set_permission_mode" => {
                        let mode = request["mode"].as_str().unwrap_or_default();
                        self.args.mode = mode.to_owned();
                        json!({"mode": mode})
                    }
                    _ => json!({}),
                };
                self.wire.respond(&line["request_id"], &response);
            }
            _ => {}
        }
    }

    fn cancel_queued(&mut self, cancels: bool) -> Value {
        let uuids: Vec<String> = self
            .queue
            .iter()
            .map(|message| message.uuid.clone())
            .collect();
        if !cancels {
            return json!({"still_queued": uuids});
        }
        self.queue.clear();
        for uuid in &uuids {
            self.wire.lifecycle(uuid, "cancelled");
        }
        json!({"still_queued": [], "cancelled": uuids})
    }

    /// A second message of a uuid only comes back.
    fn message(&mut self, line: &Value) {
        let content = &line["message"]["content"];
        let text = content[0]["text"].as_str().or_else(|| content.as_str());
        let message = Message {
            uuid: line["uuid"].as_str().unwrap_or_default().to_owned(),
            text: text.unwrap_or_default().to_owned(),
            now: line["priority"] == "now",
        };
        let mark = format!("uuid {}", message.uuid);
        if !message.uuid.is_empty() && self.session.met.contains(&mark) {
            self.wire.replay(&message.uuid, &message.text);
            return;
        }
        self.session.met.push(mark);
        self.wire.lifecycle(&message.uuid, "queued");
        self.queue.push_back(message);
    }

    /// The session as it is, for who resumes it.
    fn save(&self) {
        drop(memory::save("claude", &self.wire.session, &self.session));
    }
}
