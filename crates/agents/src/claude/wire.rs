//! What is written to Claude Code's standard input, one JSON object a line, and small ways to read
//! its lines. The shapes are those of the recordings (2.1.329) and of the types published with
//! `@anthropic-ai/claude-agent-sdk` 0.3.329 (`SDKUserMessage`, `SDKControlRequest`). Never keeps state.

use serde_json::{Value, json};

use crate::Output;
use crate::lean::{self, Want};

/// Reads a line that is a JSON object.
pub(super) fn read(line: &str) -> Option<Value> {
    lean::object(line, wants).map(Value::Object)
}

/// What is read of Claude's lines. Left out are lists of what it has, times, its model's accounts
/// beyond tokens, pictures, and what its tools give a second time (2.1.329).
fn wants(under: &str, name: &str) -> Want {
    match (under, name) {
        ("", "message" | "event" | "tool_use_result" | "usage")
        | ("message", "content" | "usage")
        | ("content", "content")
        | ("event", "delta") => Want::Parts,
        (
            "",
            "timestamp" | "subagent_stats" | "permission_denials" | "slash_commands" | "tools"
            | "skills" | "plugins" | "agents" | "mcp_servers" | "capabilities",
        )
        | ("message", "stop_reason" | "stop_sequence" | "context_management" | "role" | "type")
        | ("content", "signature" | "source")
        | ("tool_use_result", "stdout" | "stderr" | "oldString" | "newString") => Want::Nothing,
        ("usage", "input_tokens" | "output_tokens") => Want::Whole,
        ("usage", "cache_read_input_tokens" | "cache_creation_input_tokens") => Want::Whole,
        ("delta", "type" | "text") => Want::Whole,
        ("usage" | "event" | "delta", _) => Want::Nothing,
        ("tool_use_result", "originalFile") => Want::Presence,
        _ => Want::Whole,
    }
}

/// A text field; empty when it is missing or something else.
pub(super) fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A list; empty when it is missing or something else.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A number of tokens; 0 when it is missing or something else.
pub(super) fn count(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

/// The text of a message's or tool result's `content`, which is a text or a list of blocks.
pub(super) fn content_text(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let texts = list(content).iter().map(|block| text(block, "text"));
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    texts.join("\n")
}

/// A message of the user. `uuid` is ours: Claude Code (2.1.329) echoes it (`isReplay`), says what
/// becomes of it (`command_lifecycle`), and drops a second message of the same uuid in a session.
/// `priority` (`now`, `next`, `later`) as measured: `next` joins the running turn after the tool at
/// work; `now` ends the running turn there and begins one of its own.
pub(super) fn user(id: String, uuid: &str, text: &str, priority: Option<&str>) -> Output {
    let mut line = json!({
        "type": "user",
        "message": {"role": "user", "content": [{"type": "text", "text": text}]},
        "parent_tool_use_id": null,
        "uuid": uuid,
    });
    if let Some(priority) = priority {
        line["priority"] = priority.into();
    }
    send(id, &line)
}

/// A request of ours; its id is the id of the `Send`.
pub(super) fn request(id: String, request: &Value) -> Output {
    let line = json!({"type": "control_request", "request_id": id, "request": request});
    send(id, &line)
}

/// The answer to a request of Claude's.
pub(super) fn respond(id: String, request: &str, response: &Value) -> Output {
    let body = json!({"subtype": "success", "request_id": request, "response": response});
    send(id, &json!({"type": "control_response", "response": body}))
}

/// To a request of a kind we do not know, so that it does not wait for ever.
pub(super) fn respond_error(id: String, request: &str, error: &str) -> Output {
    let body = json!({"subtype": "error", "request_id": request, "error": error});
    send(id, &json!({"type": "control_response", "response": body}))
}

fn send(id: String, line: &Value) -> Output {
    Output::Send {
        id,
        text: format!("{line}\n"),
    }
}

/// A UUID that is the same in every replay and another in every attempt: a resumed session would
/// take a uuid it has met before for a repetition, and drop the message.
pub(super) fn uuid(seed: &str, id: &str) -> String {
    let half = |begin: u64| {
        let bytes = seed.bytes().chain([0]).chain(id.bytes());
        // FNV-1a, with a last stir so that near texts are far apart.
        let hash = bytes.fold(begin, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^ (hash >> 33)
    };
    let (high, low) = (half(0xcbf2_9ce4_8422_2325), half(0x6c62_272e_07bb_0142));
    // Version 8 (made by the application), variant 1.
    let high = (high & !0xf000) | 0x8000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let digits = format!("{high:016x}{low:016x}");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    parts.map(|(from, to)| &digits[from..to]).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_follows_from_attempt_and_message() {
        let one = uuid("attempt-1", "prompt");
        assert_eq!(one, uuid("attempt-1", "prompt"));
        assert_ne!(one, uuid("attempt-2", "prompt"));
        assert_ne!(one, uuid("attempt-1", "message-1"));
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'8');
    }
}
