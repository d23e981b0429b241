//! The tools of the fake Codex: they really read, write and run, and ask first as the policy says.

use std::path::Path;

use serde_json::{Value, json};

use super::acting::LOOK;
use super::server::{Server, Stop, Voice};
use super::shells::Running;

impl Server {
    /// `cat`.
    pub fn read(&mut self, path: &str) {
        let id = self.id("call");
        let read = std::fs::read_to_string(path);
        let actions =
            json!([{"type": "read", "command": format!("cat {path}"), "name": path, "path": path}]);
        let command = format!("/bin/bash -lc 'cat {path}'");
        self.tell_item(
            "item/started",
            &command_item(&id, &command, &actions, "inProgress", None),
        );
        let (code, output) = match read {
            Ok(text) => (0, text),
            Err(error) => (1, format!("cat: {path}: {error}\n")),
        };
        let status = if code == 0 { "completed" } else { "failed" };
        self.tell_item(
            "item/completed",
            &command_item(&id, &command, &actions, status, Some((code, &output))),
        );
    }

    /// `apply_patch`.
    pub fn write_file(&mut self, path: &str, text: &str) -> Result<(), Stop> {
        let allowed = self.policy.edits || self.policy.always;
        if !allowed && !self.policy.asks {
            // As measured: a patch that the policy refuses leaves no item.
            return Ok(());
        }
        let id = self.id("call");
        let kind = if Path::new(path).exists() {
            json!({"type": "update", "move_path": null})
        } else {
            json!({"type": "add"})
        };
        let diff = match kind["type"].as_str() {
            Some("update") => format!("@@ -1 +1 @@\n+{text}\n"),
            _ => format!("{text}\n"),
        };
        let item = |status: &str| json!({"type": "fileChange", "id": id, "changes": [{"path": path, "kind": kind, "diff": diff}], "status": status});
        self.tell_item("item/started", &item("inProgress"));
        if !allowed {
            let params = json!({"threadId": self.thread, "turnId": self.turn, "itemId": id, "startedAtMs": 0, "reason": null, "grantRoot": null});
            if !self.approved("item/fileChange/requestApproval", params)? {
                self.tell_item("item/completed", &item("declined"));
                return Ok(());
            }
        }
        let parent = Path::new(path).parent().map(std::fs::create_dir_all);
        let wrote = parent
            .unwrap_or(Ok(()))
            .and_then(|()| std::fs::write(path, format!("{text}\n")));
        self.tell_item(
            "item/completed",
            &item(if wrote.is_ok() { "completed" } else { "failed" }),
        );
        Ok(())
    }

    /// `exec_command`.
    pub fn run(&mut self, command: &str) -> Result<(), Stop> {
        let id = self.id("call");
        let shown = format!("/bin/bash -lc '{}'", command.replace('\'', r"'\''"));
        let actions = json!([{"type": "unknown", "command": command}]);
        let item = |status: &str, end: Option<(i32, &str)>| {
            command_item(&id, &shown, &actions, status, end)
        };
        self.tell_item("item/started", &item("inProgress", None));
        if !self.policy.runs && !self.policy.always {
            if !self.policy.asks {
                self.tell_item(
                    "item/completed",
                    &item("failed", Some((1, "Read-only file system\n"))),
                );
                return Ok(());
            }
            let params = json!({"kind": "command", "threadId": self.thread, "turnId": self.turn, "itemId": id, "startedAtMs": 0,
                "environmentId": "local", "reason": null, "command": shown, "cwd": null, "commandActions": actions});
            if !self.approved("item/commandExecution/requestApproval", params)? {
                self.tell_item("item/completed", &item("declined", None));
                return Ok(());
            }
        }
        let mut running = match Running::start(command) {
            Ok(running) => running,
            Err(error) => {
                self.tell_item(
                    "item/completed",
                    &item("failed", Some((127, &error.to_string()))),
                );
                return Ok(());
            }
        };
        loop {
            if let Some((code, output)) = running.ended() {
                let status = if code == 0 { "completed" } else { "failed" };
                self.tell_item("item/completed", &item(status, Some((code, &output))));
                return Ok(());
            }
            if let Err(stop) = self.listen(LOOK) {
                self.shells.leave(running);
                return Err(stop);
            }
        }
    }

    fn approved(&mut self, method: &str, params: Value) -> Result<bool, Stop> {
        let answer = self.ask(method, params)?;
        let decision = answer["decision"].as_str().unwrap_or("decline");
        self.policy.always |= decision == "acceptForSession";
        Ok(decision.starts_with("accept"))
    }

    /// `request_user_input`.
    pub fn choose(&mut self, question: &str, options: &[String]) -> Result<(), Stop> {
        let id = self.id("call");
        let options: Vec<Value> = options
            .iter()
            .map(|label| json!({"label": label, "description": ""}))
            .collect();
        let question = json!({"id": "choice", "header": "Choice", "question": question, "isOther": true, "isSecret": false, "options": options});
        let params = json!({"threadId": self.thread, "turnId": self.turn, "itemId": id, "questions": [question], "isBlocking": false, "autoResolutionMs": null});
        let answer = match self.voice {
            Voice::AppServer => self.ask("item/tool/requestUserInput", params)?,
            Voice::Exec(_) => Value::Null,
        };
        let chosen = answer["answers"]["choice"]["answers"]
            .as_array()
            .into_iter()
            .flatten();
        let chosen: Vec<&str> = chosen.filter_map(Value::as_str).collect();
        self.message(&format!("You chose: {}", chosen.join(", ")), None);
        Ok(())
    }
}

fn command_item(
    id: &str,
    command: &str,
    actions: &Value,
    status: &str,
    end: Option<(i32, &str)>,
) -> Value {
    json!({"type": "commandExecution", "id": id, "command": command, "cwd": null, "processId": null, "source": "agent",
        "status": status, "commandActions": actions, "aggregatedOutput": end.map(|(_, output)| output), "exitCode": end.map(|(code, _)| code)})
}
