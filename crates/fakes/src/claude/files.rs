//! The tools of the fake that touch the world: files, commands, and the list of todos.

use serde_json::{Value, json};

use super::Fake;
use super::ask::Leave;
use super::turn::Stop;
use crate::input::LOOK;
use crate::shell::Shell;

/// The result of a use that an interrupt stopped.
pub(super) const STOPPED: &str = "The user doesn't want to proceed with this tool use. The tool use \
    was rejected. STOP what you are doing and wait for the user to tell you how to proceed.";

impl Fake {
    pub(super) fn read(&mut self, path: &str) {
        let id = self
            .wire
            .tool_use("Read", &json!({"file_path": path}), None);
        let (said, structured) = match std::fs::read_to_string(path) {
            Ok(text) => {
                let lines = text.lines().enumerate();
                let shown: Vec<String> = lines
                    .map(|(at, line)| format!("{}\t{line}", at + 1))
                    .collect();
                let file = json!({"filePath": path, "content": text, "numLines": shown.len()});
                (Ok(shown.join("\n")), json!({"type": "text", "file": file}))
            }
            Err(_) => (Err("File does not exist.".to_owned()), Value::Null),
        };
        self.wire.tool_result(&id, &said, structured, "accept");
    }

    /// Asks when its mode says so, then writes.
    pub(super) fn write(&mut self, path: &str, text: &str) -> Result<(), Stop> {
        let input = json!({"file_path": path, "content": text});
        let id = self.wire.tool_use("Write", &input, None);
        if let Leave::No(why) = self.leave("Write", &input, &id)? {
            self.wire.tool_result(&id, &Err(why), Value::Null, "reject");
            return Ok(());
        }
        let before = std::fs::read_to_string(path).ok();
        let parent = std::path::Path::new(path).parent();
        let made = parent.map_or(Ok(()), std::fs::create_dir_all);
        let said = match made.and_then(|()| std::fs::write(path, text)) {
            Ok(()) => Ok(format!("File created successfully at: {path}")),
            Err(error) => Err(error.to_string()),
        };
        let old: Vec<&str> = before.iter().flat_map(|text| text.lines()).collect();
        let new: Vec<&str> = text.lines().collect();
        let minus = old.iter().map(|line| format!("-{line}"));
        let plus = new.iter().map(|line| format!("+{line}"));
        let hunk = json!({"oldStart": 1, "oldLines": old.len(), "newStart": 1,
            "newLines": new.len(), "lines": minus.chain(plus).collect::<Vec<_>>()});
        let patch = if before.is_some() { vec![hunk] } else { vec![] };
        let kind = if before.is_some() { "update" } else { "create" };
        let structured = json!({"type": kind, "filePath": path, "content": text,
            "structuredPatch": patch, "originalFile": before, "userModified": false});
        self.wire.tool_result(&id, &said, structured, "accept");
        Ok(())
    }

    /// Asks when its mode says so, then runs, in a session of its own.
    pub(super) fn run(&mut self, command: &str) -> Result<(), Stop> {
        let input = json!({"command": command, "description": "Run"});
        let id = self.wire.tool_use("Bash", &input, None);
        if let Leave::No(why) = self.leave("Bash", &input, &id)? {
            self.wire.tool_result(&id, &Err(why), Value::Null, "reject");
            return Ok(());
        }
        let mut stopped = Ok(());
        let ran = Shell::start(command).and_then(|mut shell| {
            while !shell.has_ended()? {
                // A `now` message waits for the tool; an interrupt does not.
                match self.pause(LOOK) {
                    Err(stop @ Stop::Interrupted) => {
                        shell.kill();
                        stopped = Err(stop);
                        break;
                    }
                    Err(Stop::Displaced) | Ok(()) => {}
                    Err(stop) => {
                        stopped = Err(stop);
                        break;
                    }
                }
            }
            shell.finish()
        });
        let (said, stdout) = match ran {
            _ if stopped.is_err() => (Err(STOPPED.to_owned()), String::new()),
            Ok((0, out)) if out.is_empty() => {
                (Ok("(Bash completed with no output)".to_owned()), out)
            }
            Ok((0, out)) => (Ok(out.trim_end().to_owned()), out),
            Ok((code, out)) => (Err(format!("Exit code {code}\n{}", out.trim_end())), out),
            Err(error) => (Err(error.to_string()), String::new()),
        };
        let structured = json!({"stdout": stdout, "stderr": "", "interrupted": false});
        let decision = if stopped.is_err() { "" } else { "accept" };
        self.wire.tool_result(&id, &said, structured, decision);
        stopped
    }

    /// A new list: the tasks it had are completed.
    pub(super) fn todo(&mut self, items: Vec<String>) {
        for item in items {
            let input = json!({"subject": item, "description": item, "activeForm": item});
            let number = self.todos.len() + 1;
            let made = format!("Task #{number} created successfully: {item}");
            let structured = json!({"task": {"id": number.to_string(), "subject": item}});
            if self.task("TaskCreate", &input, made, structured) {
                self.todos.push(item);
            }
        }
    }

    pub(super) fn update(&mut self, number: usize, status: &str) {
        let id = number.to_string();
        let input = json!({"taskId": id, "status": status});
        let structured = json!({"success": number <= self.todos.len(), "taskId": id,
            "updatedFields": ["status"], "statusChange": {"to": status}});
        let made = format!("Updated task #{number} status");
        self.task("TaskUpdate", &input, made, structured);
    }

    /// Whether there are such tools at all: newer models have none unless asked to.
    fn task(&mut self, name: &str, input: &Value, said: String, structured: Value) -> bool {
        let id = self.wire.tool_use(name, input, None);
        let has = std::env::var_os("CLAUDE_CODE_ENABLE_TODO_TOOLS").is_some();
        let said = if has {
            Ok(said)
        } else {
            Err(format!(
                "<tool_use_error>Error: No such tool available: {name}. {name} is disabled for this \
                 session, in subagents as well as here.</tool_use_error>"
            ))
        };
        self.wire.tool_result(&id, &said, structured, "accept");
        has
    }
}
