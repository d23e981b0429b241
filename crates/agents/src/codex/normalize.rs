//! Codex's items as activities: those of the app-server (`commandExecution`, `aggregatedOutput`, with
//! diffs) and those of `exec --json` (`command_execution`, `aggregated_output`, without), which are
//! otherwise the same (0.169.0).

use baton_core::activity::{Activity, Todo, TodoStatus, ToolKind, ToolStatus, ToolUse};
use serde_json::Value;

use super::bounds::{OUTPUT, TITLE, cut, title};
use super::changes::edit;
use super::shell;
use super::wire::{list, str};

/// What an item says when it is begun, changed or done.
pub fn item(item: &Value, done: bool) -> Option<Activity> {
    match str(item, "type").unwrap_or("") {
        // Told whole when it is done; before that it comes in pieces.
        "agentMessage" | "agent_message" => {
            done.then(|| text(item, |text| Activity::Message { text }))?
        }
        "plan" => done.then(|| text(item, |text| Activity::Plan { text }))?,
        "reasoning" => done.then(|| thinking(item))?,
        "contextCompaction" => done.then_some(Activity::Compaction {}),
        // A person's words: the driver looks whether they are a message of the thread.
        "userMessage" | "hookPrompt" | "enteredReviewMode" | "exitedReviewMode" => None,
        "todo_list" => Some(todo_list(item)),
        // A warning of `exec`, such as an unknown model's.
        "error" => done.then(|| Activity::Error {
            message: cut(
                str(item, "message").unwrap_or("an error without words"),
                OUTPUT,
            ),
        }),
        kind => match tool(kind, item) {
            Some(tool) => Some(Activity::ToolUse(Box::new(tool))),
            None => done.then(|| Activity::Unknown {
                what: cut(&format!("item {kind}"), TITLE),
            }),
        },
    }
}

/// The plan of `turn/plan/updated`.
pub fn plan(params: &Value) -> Activity {
    let todo = |step: &Value| Todo {
        content: cut(str(step, "step").unwrap_or(""), OUTPUT),
        status: match str(step, "status") {
            Some("completed") => TodoStatus::Completed,
            Some("inProgress") => TodoStatus::InProgress,
            _ => TodoStatus::Pending,
        },
        active_form: None,
    };
    Activity::Todos {
        items: list(params, "plan").iter().map(todo).collect(),
    }
}

/// `exec` knows done and not done only.
fn todo_list(item: &Value) -> Activity {
    let todo = |step: &Value| Todo {
        content: cut(str(step, "text").unwrap_or(""), OUTPUT),
        status: match step.get("completed").and_then(Value::as_bool) {
            Some(true) => TodoStatus::Completed,
            _ => TodoStatus::Pending,
        },
        active_form: None,
    };
    Activity::Todos {
        items: list(item, "items").iter().map(todo).collect(),
    }
}

fn text(item: &Value, say: impl FnOnce(String) -> Activity) -> Option<Activity> {
    let text = str(item, "text").filter(|text| !text.is_empty())?;
    Some(say(text.to_owned()))
}

/// Summaries in the app-server (raw reasoning where a model gives it), one text in `exec`.
fn thinking(item: &Value) -> Option<Activity> {
    let parts = |key| -> Vec<&str> { list(item, key).iter().filter_map(Value::as_str).collect() };
    let text = match str(item, "text") {
        Some(text) => text.to_owned(),
        None => [parts("summary"), parts("content")].concat().join("\n\n"),
    };
    (!text.is_empty()).then_some(Activity::Thinking { text })
}

fn tool(kind: &str, item: &Value) -> Option<ToolUse> {
    let base = ToolUse {
        id: str(item, "id").unwrap_or("").to_owned(),
        status: status(item),
        ..ToolUse::default()
    };
    Some(match kind {
        "commandExecution" | "command_execution" => command(base, item),
        "fileChange" | "file_change" => edit(base, item),
        "mcpToolCall" | "mcp_tool_call" => mcp(base, item),
        "webSearch" | "web_search" => {
            let action = item.get("action").unwrap_or(item);
            let what = ["query", "url", "pattern"]
                .iter()
                .find_map(|key| str(action, key));
            let what = what.or_else(|| str(item, "query")).unwrap_or("");
            let fetch = str(action, "type") == Some("openPage");
            ToolUse {
                name: "web_search".into(),
                tool: if fetch {
                    ToolKind::Fetch
                } else {
                    ToolKind::Search
                },
                title: title(what),
                ..base
            }
        }
        "imageView" => {
            let path = str(item, "path").unwrap_or("");
            ToolUse {
                name: "view_image".into(),
                tool: ToolKind::Read,
                title: title(path),
                paths: vec![cut(path, OUTPUT)],
                status: ToolStatus::Success,
                ..base
            }
        }
        "collabAgentToolCall" | "collab_tool_call" => ToolUse {
            name: cut(str(item, "tool").unwrap_or(kind), TITLE),
            tool: ToolKind::Subagent,
            title: title(str(item, "prompt").unwrap_or("")),
            ..base
        },
        "subAgentActivity" => ToolUse {
            name: "subagent".into(),
            tool: ToolKind::Subagent,
            title: title(str(item, "agentPath").unwrap_or("")),
            status: match str(item, "kind") {
                Some("completed") => ToolStatus::Success,
                Some("interrupted") => ToolStatus::Failed,
                _ => ToolStatus::Running,
            },
            ..base
        },
        "dynamicToolCall" => ToolUse {
            name: cut(str(item, "tool").unwrap_or(kind), TITLE),
            ..base
        },
        "imageGeneration" | "sleep" => ToolUse {
            name: kind.to_owned(),
            ..base
        },
        _ => return None,
    })
}

/// `inProgress` and `in_progress`; a decline is said only by the app-server.
fn status(item: &Value) -> ToolStatus {
    match str(item, "status") {
        Some("completed") => ToolStatus::Success,
        Some("failed" | "errored" | "interrupted") => ToolStatus::Failed,
        Some("declined") => ToolStatus::Denied,
        _ => ToolStatus::Running,
    }
}

fn either<'a>(item: &'a Value, camel: &str, snake: &str) -> Option<&'a Value> {
    item.get(camel).or_else(|| item.get(snake))
}

fn command(base: ToolUse, item: &Value) -> ToolUse {
    let command = shell::inner(str(item, "command").unwrap_or(""));
    let actions = list(item, "commandActions");
    let all = |kinds: &[&str]| {
        let is = |action: &Value| str(action, "type").is_some_and(|kind| kinds.contains(&kind));
        !actions.is_empty() && actions.iter().all(is)
    };
    let tool = if all(&["read"]) {
        ToolKind::Read
    } else if all(&["read", "search", "listFiles"]) {
        ToolKind::Search
    } else {
        ToolKind::Execute
    };
    let paths = actions.iter().filter_map(|action| str(action, "path"));
    let output = either(item, "aggregatedOutput", "aggregated_output").and_then(Value::as_str);
    let exit = either(item, "exitCode", "exit_code").and_then(Value::as_i64);
    ToolUse {
        name: "exec_command".into(),
        tool,
        title: title(&command),
        paths: paths.map(|path| cut(path, OUTPUT)).collect(),
        bytes: output
            .filter(|_| tool == ToolKind::Read)
            .map(|text| text.len() as u64),
        command: Some(cut(&command, OUTPUT)),
        exit_code: exit.and_then(|code| i32::try_from(code).ok()),
        output: output
            .filter(|text| !text.is_empty())
            .map(|text| cut(text, OUTPUT)),
        ..base
    }
}

fn mcp(base: ToolUse, item: &Value) -> ToolUse {
    let name = |key| str(item, key).unwrap_or("");
    let texts = item
        .get("result")
        .map(|result| list(result, "content"))
        .unwrap_or_default();
    let texts: Vec<&str> = texts.iter().filter_map(|part| str(part, "text")).collect();
    let error = item.get("error").and_then(|error| str(error, "message"));
    let output = error.map_or_else(|| texts.join("\n"), str::to_owned);
    // Measured: a call that a person or the policy refuses fails with these words.
    let denied =
        error.is_some_and(|e| e.contains("user rejected") || e.contains("requires approval"));
    ToolUse {
        name: cut(&format!("{}.{}", name("server"), name("tool")), TITLE),
        title: match item.get("arguments") {
            None | Some(Value::Null) => String::new(),
            Some(arguments) => title(&arguments.to_string()),
        },
        output: (!output.is_empty()).then(|| cut(&output, OUTPUT)),
        status: if denied {
            ToolStatus::Denied
        } else {
            base.status
        },
        ..base
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_item_of_an_unknown_kind_is_said_once() {
        let unknown = json!({"type": "teleport", "id": "1"});
        assert_eq!(item(&unknown, false), None);
        assert_eq!(
            item(&unknown, true),
            Some(Activity::Unknown {
                what: "item teleport".into()
            })
        );
    }
}
