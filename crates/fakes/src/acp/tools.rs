//! Tools: what is read, written and run, and the requests for permission.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use super::turn::{Next, Turn};
use super::wire::Heard;

impl Turn<'_> {
    pub(super) fn call(&mut self, name: &str, kind: &str, title: &str, content: &Value) -> Value {
        self.calls += 1;
        let turn = self.session.memory.said.len();
        let id = format!("{name}__fake_{turn}_{}", self.calls);
        json!({"toolCallId": id, "title": title, "kind": kind, "content": content, "locations": []})
    }

    pub(super) fn read(&mut self, path: &str) {
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

    pub(super) fn write(&mut self, path: &str, text: &str) -> Next {
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

    pub(super) fn run(&mut self, command: &str) -> Next {
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

    pub(super) fn put_forward(&mut self, plan: &str) -> Next {
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
}

pub(super) fn with(call: &Value, more: Value) -> Value {
    let mut all = more;
    if let (Some(all), Some(call)) = (all.as_object_mut(), call.as_object()) {
        for (name, value) in call {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    all
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
