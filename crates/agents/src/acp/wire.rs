//! The messages of the Agent Client Protocol, version 1: one JSON-RPC 2.0 message a line.

use serde_json::{Value, json};

use crate::lean::{self, Want};

/// The version of the protocol that is spoken.
pub(super) const VERSION: u64 = 1;

/// JSON-RPC: the method is not known.
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
/// ACP: somebody has to log in first.
pub(super) const AUTH_REQUIRED: i64 = -32000;

/// An error of JSON-RPC.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Error {
    /// Its code; Gemini CLI 0.61.0 gives HTTP statuses here.
    pub(super) code: i64,
    /// In words, details included.
    pub(super) message: String,
}

/// A line of the agent.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The answer to our request of this number.
    Response {
        id: u64,
        result: Result<Value, Error>,
    },
    /// It asks; the answer goes back under its id.
    Request {
        id: Value,
        method: String,
        params: Value,
    },
    /// It tells.
    Notification { method: String, params: Value },
    /// Not of the protocol; its kind, if it says one.
    Foreign(String),
}

/// What is read of an agent's lines: of what it offers its ids, not its words; of its commands
/// nothing.
fn wants(under: &str, name: &str) -> Want {
    match (under, name) {
        ("", "params" | "result")
        | ("params", "update")
        | ("result", "configOptions" | "modes" | "models")
        | ("modes", "availableModes")
        | ("models", "availableModels")
        | ("configOptions", "options") => Want::Parts,
        ("update", "availableCommands" | "configOptions")
        | ("availableModes" | "availableModels" | "options", "name" | "description" | "_meta")
        | ("configOptions", "description") => Want::Nothing,
        _ => Want::Whole,
    }
}

/// Reads a line.
pub(super) fn read(line: &str) -> Incoming {
    let Some(mut message) = lean::object(line, wants) else {
        return Incoming::Foreign("not a JSON object".into());
    };
    let id = message.remove("id").filter(|id| !id.is_null());
    let params = message.remove("params").unwrap_or_default();
    match (message.remove("method"), id) {
        (Some(Value::String(method)), Some(id)) => Incoming::Request { id, method, params },
        (Some(Value::String(method)), None) => Incoming::Notification { method, params },
        (Some(_), _) => Incoming::Foreign("method".into()),
        (None, id) => {
            let result = match (message.remove("result"), message.remove("error")) {
                (_, Some(fault)) if !fault.is_null() => Err(error(&fault)),
                (Some(result), _) => Ok(result),
                (None, _) => return Incoming::Foreign(kind(&message)),
            };
            match id.as_ref().and_then(Value::as_u64) {
                Some(id) => Incoming::Response { id, result },
                None => Incoming::Foreign("response".into()),
            }
        }
    }
}

fn kind(message: &serde_json::Map<String, Value>) -> String {
    let kind = message.get("type").and_then(Value::as_str);
    crate::bounded::head(kind.unwrap_or("message"), 100)
}

fn error(fault: &Value) -> Error {
    let message = fault["message"].as_str().unwrap_or("unknown error");
    let data = &fault["data"];
    let details = ["details", "message", "error", "errorMessage"]
        .iter()
        .find_map(|name| data[*name].as_str())
        .or(data.as_str());
    let message = match details {
        Some(details) if !message.contains(details) => format!("{message}: {details}"),
        _ => message.to_owned(),
    };
    Error {
        code: fault["code"].as_i64().unwrap_or(0),
        message: crate::bounded::head(&message, 4 * crate::bounded::LINE),
    }
}

/// A request, with its line end.
pub(super) fn request(id: u64, method: &str, params: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// A notification, with its line end.
pub(super) fn notification(method: &str, params: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
}

/// The answer to a request of the agent, with its line end.
pub(super) fn reply(id: &Value, result: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// The refusal of a request of the agent, with its line end.
pub(super) fn refuse(id: &Value, code: i64, message: &str) -> String {
    line(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}))
}

fn line(message: &Value) -> String {
    format!("{message}\n")
}
