//! The lines of Gemini CLI's JSON stream (0.61.0) as activities.

use baton_core::activity::{Activity, Todo, TodoStatus, ToolKind, ToolStatus, ToolUse};
use serde_json::Value;

use crate::bounded;
use crate::diff;
use crate::driver::Output;

/// `init`.
pub(super) fn session(line: &Value) -> Vec<Output> {
    let Some(session) = line["session_id"].as_str() else {
        return Vec::new();
    };
    let session = bounded::head(session, 200);
    let model = line["model"]
        .as_str()
        .map(|model| bounded::head(model, 200));
    let activity = Activity::Session {
        session: session.clone(),
        model,
        version: None,
    };
    vec![
        Output::Session {
            id: session,
            transcript: None,
        },
        Output::Activity {
            parent: None,
            activity,
        },
    ]
}

/// `tool_use{tool_name, tool_id, parameters}`.
pub(super) fn tool_use(line: &Value) -> Option<ToolUse> {
    let name = bounded::head(line["tool_name"].as_str()?, 200);
    let input = &line["parameters"];
    let text = |field: &str| input[field].as_str();
    let path = ["file_path", "path", "dir_path", "absolute_path"]
        .iter()
        .find_map(|f| text(f));
    let command = text("command").map(|command| bounded::head(command, bounded::OUTPUT));
    let others = [
        "query",
        "pattern",
        "prompt",
        "url",
        "agent_name",
        "description",
    ];
    let title = command
        .as_deref()
        .or(path)
        .or(others.iter().find_map(|f| text(f)));
    let mut tool = ToolUse {
        id: bounded::head(line["tool_id"].as_str()?, 200),
        tool: kind(&name),
        status: ToolStatus::Running,
        title: bounded::head(title.unwrap_or(&name), bounded::LINE),
        paths: path
            .map(|path| bounded::head(path, bounded::OUTPUT))
            .into_iter()
            .collect(),
        command: command.filter(|_| name == "run_shell_command"),
        name,
        ..ToolUse::default()
    };
    let path = path.unwrap_or_default();
    if let (Some(old), Some(new)) = (text("old_string"), text("new_string")) {
        tool.diff = Some(diff::unified(path, Some(old), new));
    } else if let ("write_file", Some(content)) = (tool.name.as_str(), text("content")) {
        tool.bytes = Some(content.len() as u64);
    }
    Some(tool)
}

fn kind(name: &str) -> ToolKind {
    match name {
        "read_file" | "read_many_files" => ToolKind::Read,
        "write_file" | "replace" => ToolKind::Edit,
        "run_shell_command" => ToolKind::Execute,
        "glob" | "grep_search" | "search_file_content" | "list_directory" | "google_web_search" => {
            ToolKind::Search
        }
        "web_fetch" => ToolKind::Fetch,
        "invoke_agent" | "codebase_investigator" => ToolKind::Subagent,
        _ => ToolKind::Other,
    }
}

/// `tool_result{tool_id, status, output, error}`; whether it went well. A command's exit code is
/// not said: it is a success also when it was 3.
pub(super) fn finish(tool: &mut ToolUse, line: &Value) -> bool {
    let error = &line["error"];
    let said = line["output"].as_str().filter(|output| !output.is_empty());
    let said = said.or(error["message"].as_str());
    tool.output = said.map(|said| bounded::head(said, bounded::OUTPUT));
    let is_denial = match error["type"].as_str() {
        // What a mode forbids is taken away: it is "not found".
        Some("tool_not_registered") => matches!(tool.tool, ToolKind::Edit | ToolKind::Execute),
        _ => said.is_some_and(|said| said.starts_with("Access denied:")),
    };
    tool.status = match line["status"].as_str() {
        Some("success") => ToolStatus::Success,
        _ if is_denial => ToolStatus::Denied,
        _ => ToolStatus::Failed,
    };
    if tool.status != ToolStatus::Success {
        tool.diff = None;
    }
    tool.status == ToolStatus::Success
}

/// The list of `write_todos`, which only Gemini 2.x models have.
pub(super) fn todos(name: &str, input: &Value) -> Option<Vec<Todo>> {
    if name != "write_todos" {
        return None;
    }
    let todo = |item: &Value| {
        let status = match item["status"].as_str() {
            Some("in_progress") => TodoStatus::InProgress,
            // `cancelled` will not be done any more either.
            Some("completed" | "cancelled") => TodoStatus::Completed,
            _ => TodoStatus::Pending,
        };
        let content = bounded::head(item["description"].as_str()?, bounded::LINE);
        Some(Todo {
            content,
            status,
            active_form: None,
        })
    };
    let items = input["todos"].as_array()?;
    Some(items.iter().filter_map(todo).take(500).collect())
}
