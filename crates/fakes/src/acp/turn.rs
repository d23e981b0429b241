//! A prompt: its directives, one after the other.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::tools::with;
use super::wire::{Heard, Wire};
use super::{NAME, Open};
use crate::flood::Flood;
use crate::memory;
use crate::script::{Act, told};

/// How an act ended.
pub(super) enum Next {
    Go,
    /// The prompt's answer.
    Stop(&'static str),
    /// The prompt's error.
    Error(i64, String),
    /// The process ends here.
    Exit,
}

pub(super) struct Turn<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) session: &'a mut Open,
    todos: Vec<(String, &'static str)>,
    pub(super) calls: usize,
    spent: (u64, u64),
    answer: Option<String>,
}

/// Works on a prompt; `Some` when the process is to end.
pub(super) fn prompt(
    wire: &mut Wire,
    id: &Value,
    params: &Value,
    session: &mut Open,
) -> Option<ExitCode> {
    let blocks = params["prompt"].as_array().into_iter().flatten();
    let texts: Vec<&str> = blocks.filter_map(|block| block["text"].as_str()).collect();
    let said = texts.join("\n");
    session.memory.said.push(said.clone());
    let mut turn = Turn {
        wire,
        session,
        todos: Vec::new(),
        calls: 0,
        spent: (0, 0),
        answer: None,
    };
    turn.save();
    let mut end = Next::Stop("end_turn");
    for act in told(&turn.session.memory.said, &said) {
        match turn.act(act) {
            Next::Go => {}
            other => {
                end = other;
                break;
            }
        }
    }
    if let (Next::Stop("end_turn"), Some(answer)) = (&end, turn.answer.take()) {
        turn.say(&answer);
    }
    if !matches!(end, Next::Exit) {
        turn.save();
    }
    let (input, output) = turn.spent;
    match end {
        Next::Exit => return Some(ExitCode::SUCCESS),
        Next::Error(code, message) => turn.wire.refuse(id, code, &message),
        Next::Stop(reason) => {
            let count = json!({"input_tokens": input, "output_tokens": output});
            let quota = json!({"token_count": count, "model_usage": []});
            let mut result = json!({"stopReason": reason});
            if reason != "cancelled" {
                result["_meta"] = json!({"quota": quota});
            }
            turn.wire.reply(id, &result);
        }
        Next::Go => {}
    }
    None
}

impl Turn<'_> {
    fn save(&self) {
        // A fake that cannot remember shows in the test that resumes it.
        let _ = memory::save(NAME, &self.session.id, &self.session.memory);
    }

    pub(super) fn update(&mut self, update: &Value) {
        self.wire.update(&self.session.id, update);
    }

    pub(super) fn say(&mut self, text: &str) {
        let middle = (0..=text.len() / 2)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        let (first, second) = text.split_at(middle.unwrap_or(0));
        for part in [first, second] {
            if !part.is_empty() {
                self.wire
                    .chunk(&self.session.id, "agent_message_chunk", part);
            }
        }
    }

    fn act(&mut self, act: Act) -> Next {
        match act {
            Act::Say(text) => self.say(&text),
            Act::Answer(text) => self.answer = Some(text),
            Act::Think(text) => self
                .wire
                .chunk(&self.session.id, "agent_thought_chunk", &text),
            Act::Todo(items) => {
                self.todos = items.into_iter().map(|item| (item, "pending")).collect();
                self.plan();
            }
            Act::Doing(n) => self.todo(n, "in_progress"),
            Act::Done(n) => self.todo(n, "completed"),
            Act::Read(path) => self.read(&path),
            Act::Write(path, text) => return self.write(&path, &text),
            Act::Run(command) => return self.run(&command),
            Act::Choose(question, _) => self.say(&format!("nobody can be asked: {question}")),
            Act::Plan(text) => return self.put_forward(&text),
            Act::Wait(path) => return self.wait(Some(Path::new(&path))),
            // Its service is asked again and again, and nothing of it is seen.
            Act::Retry(_) => return self.wait(None),
            Act::Limit(_) => {
                let met = &mut self.session.memory.met;
                if !met.iter().any(|name| name == "limit") {
                    met.push("limit".into());
                    let words = "You have exhausted your daily quota on this model.";
                    return Next::Error(429, words.into());
                }
            }
            Act::Fail(kind) => return fail(&kind),
            Act::Crash => return Next::Exit,
            Act::Garble => {
                self.wire
                    .raw("{\"jsonrpc\":\"2.0\",\"method\":\"session/upd");
                return Next::Exit;
            }
            Act::Once(path, act) => {
                if !Path::new(&path).exists() {
                    let _ = std::fs::write(&path, "");
                    return self.act(*act);
                }
            }
            Act::Big(bytes) => {
                let text = "x".repeat(bytes);
                self.wire
                    .chunk(&self.session.id, "agent_message_chunk", &text);
            }
            Act::Flood(lines, per_second) => return self.flood(&mut Flood::new(lines, per_second)),
            Act::Spend(input, output, usd) => self.spend(input, output, usd),
            Act::Subagent(text) => self.subagent(&text),
            Act::Mcp(tool, arguments) => {
                let arguments = serde_json::from_str(&arguments).unwrap_or_default();
                let servers = &self.session.servers;
                let done = crate::mcp::call(servers, "baton", &tool, &arguments);
                self.say(&done.unwrap_or_else(|wrong| format!("error: {wrong}")));
            }
            Act::Again => {}
        }
        Next::Go
    }

    fn plan(&mut self) {
        let entry = |(content, status): &(String, &str)| json!({"content": content, "status": status, "priority": "medium"});
        let entries: Vec<Value> = self.todos.iter().map(entry).collect();
        self.update(&json!({"sessionUpdate": "plan", "entries": entries}));
    }

    fn todo(&mut self, n: usize, status: &'static str) {
        if let Some(todo) = self.todos.get_mut(n.wrapping_sub(1)) {
            todo.1 = status;
        }
        self.plan();
    }

    fn spend(&mut self, input: u64, output: u64, usd: f64) {
        self.spent = (self.spent.0 + input, self.spent.1 + output);
        let memory = &mut self.session.memory;
        memory.usd += usd;
        memory.tokens = (memory.tokens.0 + input, memory.tokens.1 + output);
        let cost = json!({"amount": memory.usd, "currency": "USD"});
        let used = memory.tokens.0;
        self.update(
            &json!({"sessionUpdate": "usage_update", "used": used, "size": 200_000, "cost": cost}),
        );
    }

    fn subagent(&mut self, text: &str) {
        let call = self.call("Task", "think", text, &json!([]));
        self.update(&with(
            &call,
            json!({"sessionUpdate": "tool_call", "status": "in_progress"}),
        ));
        self.update(&json!({
            "sessionUpdate": "agent_message_chunk",
            "content": {"type": "text", "text": text},
            "_meta": {"claudeCode": {"parentToolUseId": call["toolCallId"]}},
        }));
        self.update(&with(
            &call,
            json!({"sessionUpdate": "tool_call_update", "status": "completed"}),
        ));
    }

    /// Until the file exists or the turn is cancelled; without a file until it is cancelled.
    fn wait(&mut self, path: Option<&Path>) -> Next {
        loop {
            if path.is_some_and(Path::exists) {
                return Next::Go;
            }
            match self.hear(Duration::from_millis(20)) {
                Next::Go => {}
                stop => return stop,
            }
        }
    }

    fn hear(&mut self, within: Duration) -> Next {
        match self.wire.hear(within) {
            Heard::Nothing => {}
            Heard::End => return Next::Exit,
            Heard::Message(message) if message["method"] == "session/cancel" => {
                return Next::Stop("cancelled");
            }
            Heard::Message(message) => self.wire.keep(message),
        }
        Next::Go
    }

    fn flood(&mut self, flood: &mut Flood) -> Next {
        while let Some(wait) = flood.due() {
            match self.hear(wait) {
                Next::Go => self.say(&flood.line()),
                stop => return stop,
            }
        }
        Next::Go
    }
}

fn fail(kind: &str) -> Next {
    match kind {
        "login" => Next::Error(-32000, "Authentication required.".into()),
        "key" => Next::Error(
            400,
            "API key not valid. Please pass a valid API key.".into(),
        ),
        "credit" => Next::Error(402, "Your credit balance is too low.".into()),
        "context" => Next::Error(400, "The input token count exceeds the maximum.".into()),
        "model" => Next::Error(404, "models/fake is not found.".into()),
        "turns" => Next::Stop("max_turn_requests"),
        "refused" => Next::Stop("refusal"),
        _ => Next::Error(500, "Internal error (fake)".into()),
    }
}
