//! A prompt: its directives, one after the other.

use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::time::Duration;

use serde_json::{Value, json};

use super::wire::{Heard, Wire};
use super::{NAME, Open};
use crate::memory;
use crate::script::{Act, acts};

/// How an act ended.
enum Next {
    Go,
    /// The prompt's answer.
    Stop(&'static str),
    /// The prompt's error.
    Error(i64, String),
    /// The process ends here.
    Exit,
}

struct Turn<'a> {
    wire: &'a mut Wire,
    session: &'a mut Open,
    todos: Vec<(String, &'static str)>,
    calls: usize,
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
    for act in acts(&said) {
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

    fn update(&mut self, update: &Value) {
        self.wire.update(&self.session.id, update);
    }

    fn say(&mut self, text: &str) {
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
            Act::Spend(input, output, usd) => self.spend(input, output, usd),
            Act::Subagent(text) => self.subagent(&text),
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

    fn call(&mut self, name: &str, kind: &str, title: &str, content: &Value) -> Value {
        self.calls += 1;
        let turn = self.session.memory.said.len();
        let id = format!("{name}__fake_{turn}_{}", self.calls);
        json!({"toolCallId": id, "title": title, "kind": kind, "content": content, "locations": []})
    }

    fn read(&mut self, path: &str) {
        let mut call = self.call("read_file", "read", path, &json!([]));
        call["locations"] = json!([{"path": path}]);
        self.update(&with(
            &call,
            json!({"sessionUpdate": "tool_call", "status": "in_progress"}),
        ));
        self.end(
            &call,
            std::fs::read_to_string(path).map_err(|error| error.to_string()),
        );
    }

    fn end(&mut self, call: &Value, result: Result<String, String>) {
        let (status, text) = match result {
            Ok(text) => ("completed", text),
            Err(text) => ("failed", text),
        };
        let content = match call["content"][0]["type"] == "diff" {
            true => call["content"].clone(),
            false => json!([{"type": "content", "content": {"type": "text", "text": text}}]),
        };
        let update = json!({
            "sessionUpdate": "tool_call_update", "status": status, "content": content,
        });
        self.update(&with(call, update));
    }

    fn write(&mut self, path: &str, text: &str) -> Next {
        let old = std::fs::read_to_string(path).ok();
        let diff = json!([{"type": "diff", "path": path, "oldText": old, "newText": text}]);
        let mut call = self.call("write_file", "edit", &format!("Writing to {path}"), &diff);
        call["locations"] = json!([{"path": path}]);
        let asks = self.session.mode == "default";
        match self.may(&call, asks) {
            Ok(true) => {}
            Ok(false) => return Next::Go,
            Err(next) => return next,
        }
        if let Some(parent) = Path::new(path).parent() {
            let _ = std::fs::create_dir_all(parent);
        }
        let written = std::fs::write(path, text).map(|()| String::new());
        self.end(&call, written.map_err(|error| error.to_string()));
        Next::Go
    }

    fn run(&mut self, command: &str) -> Next {
        let call = self.call("run_shell_command", "execute", command, &json!([]));
        let asks = matches!(self.session.mode.as_str(), "default" | "autoEdit");
        match self.may(&call, asks) {
            Ok(true) => {}
            Ok(false) => return Next::Go,
            Err(next) => return next,
        }
        let result = match shell(command) {
            // An exit code that is not 0 is not said, as Gemini CLI does not.
            Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Err(error) => Err(error.to_string()),
        };
        self.end(&call, result);
        Next::Go
    }

    /// Begins a call, or asks for it; whether it may be done.
    fn may(&mut self, call: &Value, asks: bool) -> Result<bool, Next> {
        if self.session.mode == "plan" {
            self.end(call, Err("Access denied: this is plan mode".into()));
            return Ok(false);
        }
        if !asks {
            let begun = json!({"sessionUpdate": "tool_call", "status": "in_progress"});
            self.update(&with(call, begun));
            return Ok(true);
        }
        let call = with(call, json!({"status": "pending"}));
        let chosen = self.permission(&call)?;
        if chosen == "proceed_always" {
            self.session.mode = "yolo".into();
        }
        Ok(chosen.starts_with("proceed"))
    }

    fn put_forward(&mut self, plan: &str) -> Next {
        let mut call = self.call(
            "exit_plan_mode",
            "switch_mode",
            "Ready to code?",
            &json!([]),
        );
        call["rawInput"] = json!({"plan": plan});
        match self.permission(&call) {
            Ok(chosen) if chosen.starts_with("proceed") => self.say("the plan is approved"),
            Ok(_) => self.say("the plan is rejected"),
            Err(next) => return next,
        }
        Next::Go
    }

    /// Asks; gives the id of the chosen option.
    fn permission(&mut self, call: &Value) -> Result<String, Next> {
        let option = |(id, name, kind): (&str, &str, &str)| json!({"optionId": id, "name": name, "kind": kind});
        let options = [
            ("proceed_always", "Allow for this session", "allow_always"),
            ("proceed_once", "Allow", "allow_once"),
            ("cancel", "Reject", "reject_once"),
        ];
        let params = json!({
            "sessionId": self.session.id, "options": options.map(option), "toolCall": call,
        });
        let id = self.wire.ask("session/request_permission", &params);
        loop {
            match self.wire.hear(Duration::from_secs(3600)) {
                Heard::Nothing => {}
                Heard::End => return Err(Next::Exit),
                Heard::Message(message) if message["method"] == "session/cancel" => {
                    return Err(Next::Stop("cancelled"));
                }
                Heard::Message(message) if message["id"] == id => {
                    let chosen = message["result"]["outcome"]["optionId"].as_str();
                    return Ok(chosen.unwrap_or("cancel").to_owned());
                }
                Heard::Message(message) => self.wire.keep(message),
            }
        }
    }

    /// Until the file exists or the turn is cancelled; without a file until it is cancelled.
    fn wait(&mut self, path: Option<&Path>) -> Next {
        loop {
            if path.is_some_and(Path::exists) {
                return Next::Go;
            }
            match self.wire.hear(Duration::from_millis(20)) {
                Heard::Nothing => {}
                Heard::End => return Next::Exit,
                Heard::Message(message) if message["method"] == "session/cancel" => {
                    return Next::Stop("cancelled");
                }
                Heard::Message(message) => self.wire.keep(message),
            }
        }
    }
}

fn with(call: &Value, more: Value) -> Value {
    let mut all = more;
    if let (Some(all), Some(call)) = (all.as_object_mut(), call.as_object()) {
        for (name, value) in call {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    all
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

/// In a session of its own, as the real agents run their tools.
fn shell(command: &str) -> std::io::Result<Output> {
    let own = Command::new("setsid")
        .args(["-w", "sh", "-c", command])
        .output();
    match own {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Command::new("sh").args(["-c", command]).output()
        }
        other => other,
    }
}
