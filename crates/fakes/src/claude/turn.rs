//! A turn of the fake: the acts of its message, and what comes between them.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::ends::Failure;
use super::{Fake, Message};
use crate::flood::Flood;
use crate::input::LOOK;
use crate::{Act, acts, told};

/// Why a turn ended before its script.
#[derive(Debug)]
pub(super) enum Stop {
    /// As asked; with the use of a tool at work.
    Interrupted,
    /// A message that must be answered now.
    Displaced,
    Failed(Failure),
    /// The process ends without a result, after these last words.
    Crash {
        said: String,
    },
}

impl Fake {
    /// A whole turn, its `result` included.
    pub(super) fn turn(&mut self, message: Message) -> Result<(), Stop> {
        self.session.said.push(message.text.clone());
        self.save();
        self.wire.lifecycle(&message.uuid, "started");
        let mode = self.args.mode.clone();
        self.wire.init(&mode);
        self.replay(&message);
        self.calls = 0;
        let mut said = String::new();
        let mut script: VecDeque<Act> = told(&self.session.said, &message.text).into();
        let stopped = self.play(&mut script, &mut said);
        let state = match stopped {
            Ok(()) => {
                self.answer(&said);
                "completed"
            }
            Err(Stop::Interrupted) => {
                self.interrupted();
                self.interrupted = false;
                "cancelled"
            }
            Err(Stop::Displaced) => {
                self.succeed("", "aborted_tools");
                "cancelled"
            }
            Err(Stop::Failed(failure)) => {
                self.fail(&failure);
                "completed"
            }
            Err(crash @ Stop::Crash { .. }) => {
                self.save();
                return Err(crash);
            }
        };
        self.save();
        self.wire.lifecycle(&message.uuid, state);
        Ok(())
    }

    /// The end of a turn that went well; with `--json-schema` through the tool that takes the answer.
    fn answer(&mut self, said: &str) {
        let value = serde_json::from_str::<serde_json::Value>(said).ok();
        if let Some(value) = value.filter(|value| self.args.schema && value.is_object()) {
            let id = self.wire.tool_use("StructuredOutput", &value, None);
            let taken = Ok("Structured output provided successfully".to_owned());
            self.wire.tool_result(&id, &taken, json!("ok"), "accept");
        }
        self.succeed(said, "completed");
    }

    fn play(&mut self, script: &mut VecDeque<Act>, said: &mut String) -> Result<(), Stop> {
        while let Some(act) = script.pop_front() {
            self.pause(Duration::ZERO)?;
            self.act(act, said)?;
            self.limits()?;
            self.fold(script);
        }
        Ok(())
    }

    fn replay(&mut self, message: &Message) {
        if self.args.replay {
            self.wire.replay(&message.uuid, &message.text);
        }
    }

    /// Takes what has come, waiting for it so long; an interrupt and a `now` message end the turn.
    pub(super) fn pause(&mut self, within: Duration) -> Result<(), Stop> {
        if let Some(heard) = self.input.hear(within) {
            self.take(heard);
            self.listen();
        }
        if self.interrupted {
            Err(Stop::Interrupted)
        } else if self.queue.iter().any(|message| message.now) {
            Err(Stop::Displaced)
        } else {
            Ok(())
        }
    }

    /// The messages that wait join the turn: their acts come next.
    fn fold(&mut self, script: &mut VecDeque<Act>) {
        self.listen();
        let mut joined: Vec<Act> = Vec::new();
        while let Some(at) = self.queue.iter().position(|message| !message.now) {
            let Some(message) = self.queue.remove(at) else {
                break;
            };
            self.session.said.push(message.text.clone());
            self.replay(&message);
            self.wire.lifecycle(&message.uuid, "started");
            joined.extend(acts(&message.text));
            self.wire.lifecycle(&message.uuid, "completed");
        }
        for act in joined.into_iter().rev() {
            script.push_front(act);
        }
    }

    fn limits(&mut self) -> Result<(), Stop> {
        self.calls += 1;
        if let Some(most) = self.args.max_turns.filter(|most| self.calls > *most) {
            return Err(Stop::Failed(Failure::turns(most)));
        }
        match self.args.max_usd {
            Some(most) if self.spent.2 >= most => Err(Stop::Failed(Failure::budget(most))),
            _ => Ok(()),
        }
    }

    fn act(&mut self, act: Act, said: &mut String) -> Result<(), Stop> {
        match act {
            Act::Say(text) | Act::Answer(text) => self.say(text, said),
            Act::Think(text) => {
                let block = json!({"type": "thinking", "thinking": text, "signature": "ZmFrZQ=="});
                self.wire.assistant(&block, None);
            }
            Act::Todo(items) => self.todo(items),
            Act::Doing(number) => self.update(number, "in_progress"),
            Act::Done(number) => self.update(number, "completed"),
            Act::Read(path) => self.read(&path),
            Act::Write(path, text) => self.write(&path, &text)?,
            Act::Run(command) => self.run(&command)?,
            Act::Choose(question, options) => {
                let chosen = self.choose(&question, &options)?;
                self.say(chosen, said);
            }
            Act::Plan(plan) => self.plan(&plan)?,
            Act::Wait(path) => self.wait(&path, said)?,
            Act::Limit(seconds) => self.limit(seconds)?,
            Act::Retry(status) => self.retry(status)?,
            Act::Fail(kind) => return Err(Stop::Failed(Failure::of(&kind))),
            Act::Crash => {
                let said = String::new();
                return Err(Stop::Crash { said });
            }
            Act::Garble => {
                let said = r#"{"type":"result","subtype":"succ"#.to_owned();
                return Err(Stop::Crash { said });
            }
            Act::Once(path, act) => {
                if !Path::new(&path).exists() && std::fs::write(&path, "").is_ok() {
                    self.act(*act, said)?;
                }
            }
            Act::Big(bytes) => self.say("x".repeat(bytes), said),
            Act::Flood(lines, per_second) => {
                let mut flood = Flood::new(lines, per_second);
                while let Some(wait) = flood.due() {
                    self.pause(wait)?;
                    self.say(flood.line(), said);
                }
            }
            Act::Spend(input, output, usd) => {
                self.spent.0 += input;
                self.spent.1 += output;
                self.spent.2 += usd;
            }
            Act::Subagent(text) => self.subagent(&text),
            Act::Mcp(tool, arguments) => self.mcp(&tool, &arguments, said),
            Act::Again => {}
        }
        Ok(())
    }

    fn say(&mut self, text: String, said: &mut String) {
        let block = json!({"type": "text", "text": text});
        self.wire.assistant(&block, None);
        *said = text;
    }

    /// As a command that waits; messages are taken at once, and what they ask for is done.
    fn wait(&mut self, path: &str, said: &mut String) -> Result<(), Stop> {
        let command = format!("until test -e {path}; do sleep 0.01; done");
        let input = json!({"command": command, "description": "Wait"});
        let id = self.wire.tool_use("Bash", &input, None);
        let ended = self.wait_for(path, said);
        let structured = json!({"stdout": "", "stderr": "", "interrupted": false});
        let (result, decision) = match &ended {
            Ok(()) => (Ok("(Bash completed with no output)".to_owned()), "accept"),
            Err(_) => (Err(super::files::STOPPED.to_owned()), ""),
        };
        self.wire.tool_result(&id, &result, structured, decision);
        ended
    }

    fn wait_for(&mut self, path: &str, said: &mut String) -> Result<(), Stop> {
        while !Path::new(path).exists() {
            self.pause(LOOK)?;
            let mut script = VecDeque::new();
            self.fold(&mut script);
            self.play(&mut script, said)?;
        }
        Ok(())
    }

    /// A tool of a server is used without asking when its server is among the allowed tools.
    fn mcp(&mut self, tool: &str, arguments: &str, said: &mut String) {
        let input = serde_json::from_str(arguments).unwrap_or_default();
        let name = format!("mcp__baton__{tool}");
        let id = self.wire.tool_use(&name, &input, None);
        let may = |allowed: &String| *allowed == name || allowed == "mcp__baton";
        let done = match self.args.allowed.iter().any(may) {
            true => crate::mcp::call(&self.args.servers, "baton", tool, &input),
            false => Err(format!("Claude requested permissions to use {name}")),
        };
        self.wire.tool_result(&id, &done, json!(null), "accept");
        self.say(done.unwrap_or_else(|wrong| format!("error: {wrong}")), said);
    }

    /// In the foreground, so that it ends with its tool's result.
    fn subagent(&mut self, text: &str) {
        let input =
            json!({"description": "Look", "prompt": text, "subagent_type": "general-purpose"});
        let id = self.wire.tool_use("Agent", &input, None);
        let block = json!({"type": "text", "text": text});
        self.wire.assistant(&block, Some(&id));
        let structured = json!({"status": "completed", "content": [block]});
        self.wire
            .tool_result(&id, &Ok(text.to_owned()), structured, "accept");
    }
}
