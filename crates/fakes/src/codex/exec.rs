//! What the app-server tells, as `codex exec --json` says it: fewer lines, other names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The state of the translation.
#[derive(Debug, Default)]
pub struct Exec {
    ids: BTreeMap<String, String>,
}

impl Exec {
    /// The lines for a notification.
    pub fn translate(&mut self, method: &str, params: &Value) -> Vec<Value> {
        match method {
            "thread/started" => {
                vec![json!({"type": "thread.started", "thread_id": params["thread"]["id"]})]
            }
            "turn/started" => vec![json!({"type": "turn.started"})],
            "item/started" | "item/completed" => {
                let item = &params["item"];
                let done = method == "item/completed";
                let kind = item["type"].as_str().unwrap_or_default();
                // Texts are said once; denials are not said.
                let silent = matches!(kind, "agentMessage" | "reasoning") && !done
                    || item["status"] == "declined";
                let Some(mut fields) = fields(kind, item).filter(|_| !silent) else {
                    return Vec::new();
                };
                fields["id"] = json!(self.id(item["id"].as_str().unwrap_or_default()));
                let event = if done {
                    "item.completed"
                } else {
                    "item.started"
                };
                vec![json!({"type": event, "item": fields})]
            }
            "turn/plan/updated" => {
                let known = self.ids.contains_key("plan");
                let steps = params["plan"].as_array().into_iter().flatten();
                let items: Vec<Value> = steps
                    .map(|step| json!({"text": step["step"], "completed": step["status"] == "completed"}))
                    .collect();
                let event = if known {
                    "item.updated"
                } else {
                    "item.started"
                };
                vec![
                    json!({"type": event, "item": {"id": self.id("plan"), "type": "todo_list", "items": items}}),
                ]
            }
            "error" => {
                let message = params["error"]["message"].as_str().unwrap_or_default();
                let text = match params["error"]["additionalDetails"].as_str() {
                    Some(details) => format!("{message} ({details})"),
                    None => message.to_owned(),
                };
                vec![json!({"type": "error", "message": text})]
            }
            "turn/completed" if params["turn"]["status"] == "failed" => {
                vec![
                    json!({"type": "turn.failed", "error": {"message": params["turn"]["error"]["message"]}}),
                ]
            }
            "turn/completed" => {
                let tokens = &params["fakeTokens"];
                vec![
                    json!({"type": "turn.completed", "usage": {"input_tokens": tokens[0], "cached_input_tokens": 0,
                    "cache_write_input_tokens": 0, "output_tokens": tokens[1], "reasoning_output_tokens": 0}}),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn id(&mut self, id: &str) -> String {
        let next = self.ids.len();
        self.ids
            .entry(id.to_owned())
            .or_insert_with(|| format!("item_{next}"))
            .clone()
    }
}

fn fields(kind: &str, item: &Value) -> Option<Value> {
    let status = match item["status"].as_str() {
        Some("inProgress") => "in_progress",
        Some(other) => other,
        None => "",
    };
    Some(match kind {
        "agentMessage" => json!({"type": "agent_message", "text": item["text"]}),
        "reasoning" => json!({"type": "reasoning", "text": item["summary"][0]}),
        "commandExecution" => json!({"type": "command_execution", "command": item["command"],
            "aggregated_output": item["aggregatedOutput"].as_str().unwrap_or(""), "exit_code": item["exitCode"], "status": status}),
        "fileChange" => {
            let change =
                |change: &Value| json!({"path": change["path"], "kind": change["kind"]["type"]});
            let changes: Vec<Value> = item["changes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(change)
                .collect();
            json!({"type": "file_change", "changes": changes, "status": status})
        }
        _ => return None,
    })
}
