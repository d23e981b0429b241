//! The lines Claude Code 2.1.329 prints, field by field as recorded; what nothing reads is left out.

use std::io::Write;

use serde_json::{Value, json};

/// Prints lines of one session.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) session: String,
    pub(super) model: String,
    pub(super) counter: u64,
}

impl Wire {
    /// A line, and its end.
    pub(super) fn print(&mut self, mut line: Value) {
        if let Some(fields) = line.as_object_mut() {
            let owns = matches!(
                fields.get("type").and_then(Value::as_str),
                Some("control_request" | "control_response" | "control_cancel_request")
            );
            if !owns {
                let uuid = self.id("00000000");
                fields
                    .entry("session_id")
                    .or_insert(self.session.as_str().into());
                fields.entry("uuid").or_insert(uuid.into());
            }
        }
        self.raw(&format!("{line}\n"));
    }

    /// As it is, at once.
    pub(super) fn raw(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        drop(out.write_all(text.as_bytes()));
        drop(out.flush());
    }

    /// Unique within all processes that live.
    pub(super) fn id(&mut self, begin: &str) -> String {
        self.counter += 1;
        format!(
            "{begin}-0000-4000-8000-{:06x}{:06x}",
            std::process::id() & 0xff_ffff,
            self.counter
        )
    }

    pub(super) fn init(&mut self, mode: &str) {
        let cwd = std::env::current_dir().unwrap_or_default();
        // Where the real one keeps its transcripts is known by this path; the fake keeps none.
        let home = std::env::var("FAKE_AGENT_HOME").unwrap_or_default();
        self.print(json!({
            "type": "system", "subtype": "init", "cwd": cwd,
            "memory_paths": {"auto": format!("{home}/projects/x/memory/")},
            "tools": ["Agent", "AskUserQuestion", "Bash", "Edit", "ExitPlanMode", "Read", "Write"],
            "mcp_servers": [], "model": self.model, "permissionMode": mode, "slash_commands": [],
            "apiKeySource": "ANTHROPIC_API_KEY", "claude_code_version": super::VERSION,
            "output_style": "default", "agents": [], "skills": [], "plugins": [],
            "capabilities": ["interrupt_receipt_v1", "interrupt_cancel_queued_v1", "msg_lifecycle_v1"],
        }));
    }

    pub(super) fn assistant(&mut self, block: &Value, parent: Option<&str>) {
        let id = self.id("msg_0000");
        self.print(json!({
            "type": "assistant",
            "message": {"id": id, "type": "message", "role": "assistant", "model": self.model,
                "content": [block], "stop_reason": null,
                "usage": {"input_tokens": 0, "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0, "output_tokens": 0}},
            "parent_tool_use_id": parent,
        }));
    }

    /// An error of the service, in the place of a message.
    pub(super) fn api_error(&mut self, error: &str, status: Option<u16>, text: &str) {
        let id = self.id("00000001");
        self.print(json!({
            "type": "assistant",
            "message": {"id": id, "model": "<synthetic>", "role": "assistant", "type": "message",
                "stop_reason": "stop_sequence", "usage": {"input_tokens": 0, "output_tokens": 0},
                "content": [{"type": "text", "text": text}]},
            "parent_tool_use_id": null, "error": error, "is_api_error_message": true,
            "api_error_status": status,
        }));
    }

    pub(super) fn tool_use(&mut self, name: &str, input: &Value, parent: Option<&str>) -> String {
        let id = self.id("toolu_00");
        let block = json!({"type": "tool_use", "id": id, "name": name, "input": input});
        self.assistant(&block, parent);
        id
    }

    /// `structured` is the tool's own form; `decision` what the permissions said.
    pub(super) fn tool_result(
        &mut self,
        id: &str,
        said: &Result<String, String>,
        structured: Value,
        decision: &str,
    ) {
        let (text, structured) = match said {
            Ok(text) => (text, structured),
            Err(text) => (text, format!("Error: {text}").into()),
        };
        let mut meta = json!({"id": id});
        if !decision.is_empty() {
            meta["permission_decision"] = json!({"decision": decision, "source": "config"});
        }
        self.print(json!({
            "type": "user",
            "message": {"role": "user", "content": [{"tool_use_id": id, "type": "tool_result",
                "content": text, "is_error": said.is_err()}]},
            "parent_tool_use_id": null, "tool_use_result": structured,
            "tool_result_meta": [meta],
        }));
    }

    /// A message of the user comes back.
    pub(super) fn replay(&mut self, uuid: &str, text: &str) {
        self.print(json!({
            "type": "user",
            "message": {"role": "user", "content": [{"type": "text", "text": text}]},
            "parent_tool_use_id": null, "uuid": uuid, "isReplay": true,
        }));
    }

    pub(super) fn lifecycle(&mut self, uuid: &str, state: &str) {
        if !uuid.is_empty() {
            self.print(json!({"type": "command_lifecycle", "command_uuid": uuid, "state": state}));
        }
    }

    pub(super) fn respond(&mut self, request: &Value, response: &Value) {
        self.print(json!({"type": "control_response", "response":
            {"subtype": "success", "request_id": request, "response": response}}));
    }
}
