//! Lines of `codex app-server` (0.169.0): JSON-RPC 2.0 without the `jsonrpc` member, one message a
//! line. Reads loosely: a field that is missing or of another type is as good as absent.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::lean::{self, Want};

/// The id of a JSON-RPC request of the server: a number in 0.169.0, but a text is allowed.
pub type Id = Value;

/// A line of the server.
#[derive(Debug)]
pub enum Line {
    /// An answer to a request of ours.
    Response {
        /// The request's number.
        id: u64,
        /// What it gave, or the error's object.
        result: Result<Value, Value>,
    },
    /// It asks something and waits.
    Request {
        /// To be given back with the answer.
        id: Id,
        /// What it asks.
        method: String,
        /// The details.
        params: Value,
    },
    /// It tells something.
    Notification {
        /// What.
        method: String,
        /// The details.
        params: Value,
    },
    /// Something else, with its kind if it says one.
    Other(String),
}

/// Whether a line is a notification of such a method, and begins with it, as those of 0.169.0 do.
/// Nothing of it is kept.
pub fn is_of(line: &str, such: impl Fn(&str) -> bool) -> bool {
    /// What tells a request from a notification.
    #[derive(Deserialize)]
    struct Head {
        id: Option<IgnoredAny>,
    }
    let rest = line.strip_prefix(r#"{"method":""#);
    let method = rest.and_then(|rest| rest.split_once('"'));
    method.is_some_and(|(method, _)| such(method))
        && serde_json::from_str(line).is_ok_and(|head: Head| head.id.is_none())
}

/// What is read of the server's lines: of threads that are opened neither their turns nor the
/// machine's configuration.
fn wants(under: &str, name: &str) -> Want {
    match (under, name) {
        ("", "params" | "result") | ("result", "thread") => Want::Parts,
        ("thread", "turns" | "gitInfo") => Want::Nothing,
        _ => Want::Whole,
    }
}

/// Reads a line.
pub fn read(line: &str) -> Line {
    let Some(mut message) = lean::object(line, wants) else {
        return Line::Other("not a JSON object".into());
    };
    let method = match message.get_mut("method").map(Value::take) {
        Some(Value::String(method)) => Some(method),
        _ => None,
    };
    let id = message.get_mut("id").map(Value::take);
    let params = message.get_mut("params").map_or(Value::Null, Value::take);
    match (method, id) {
        (Some(method), Some(id)) => Line::Request { id, method, params },
        (Some(method), None) => Line::Notification { method, params },
        (None, Some(id)) => {
            let Some(id) = id.as_u64() else {
                return Line::Other("a response to nothing".into());
            };
            let result = match message.get_mut("error").map(Value::take) {
                Some(error) => Err(error),
                None => Ok(message.get_mut("result").map_or(Value::Null, Value::take)),
            };
            Line::Response { id, result }
        }
        (None, None) => Line::Other(
            str(&Value::Object(message), "type")
                .unwrap_or("no method")
                .into(),
        ),
    }
}

/// A request of ours, with its line end.
pub fn request(id: u64, method: &str, params: &Value) -> String {
    line(&json!({"id": id, "method": method, "params": params}))
}

/// A notification of ours, with its line end.
pub fn notification(method: &str) -> String {
    line(&json!({"method": method}))
}

/// Our answer to a request of the server, with its line end.
pub fn response(id: &Id, result: &Value) -> String {
    line(&json!({"id": id, "result": result}))
}

/// Our refusal to answer a request of the server, so that it does not wait for ever; measured: an
/// approval that is refused this way counts as declined.
pub fn refusal(id: &Id, message: &str) -> String {
    line(&json!({"id": id, "error": {"code": -32601, "message": message}}))
}

fn line(message: &Value) -> String {
    format!("{message}\n")
}

/// A text in an object.
pub fn str<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// A number of tokens and the like in an object: 0 when it is missing.
pub fn count(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// A list in an object: empty when it is missing.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_notification_of_the_method_is_passed_over() {
        let such = |line: &str| is_of(line, |method| method == "turn/diff/updated");
        assert!(such(
            r#"{"method":"turn/diff/updated","params":{"diff":"x"}}"#
        ));
        for other in [
            r#"{"method":"turn/diff/updated","id":1,"params":{}}"#,
            r#"{"method":"turn/diff/updated","params":{"#,
            r#"{"method":"turn/started","params":{}}"#,
            r#"{"params":{},"method":"turn/diff/updated"}"#,
        ] {
            assert!(!such(other), "{other}");
        }
    }
}
