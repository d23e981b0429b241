//! Activities of a session: a line of `events.jsonl` as it goes over the wire.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The kinds of activities that are kept; pieces of texts are not.
pub const KINDS: [&str; 16] = [
    "session",
    "turn_started",
    "message",
    "thinking",
    "tool_use",
    "todos",
    "plan",
    "question",
    "question_closed",
    "usage",
    "rate_limit",
    "api_retry",
    "compaction",
    "steered",
    "turn_ended",
    "error",
];

/// The kind of one that is not known.
pub const UNKNOWN: &str = "unknown";

/// What is read of a line without reading all of it.
#[derive(Debug, Deserialize)]
pub struct Head<'l> {
    /// Its kind.
    #[serde(borrow)]
    pub kind: Cow<'l, str>,
    /// The sub-agent that did it.
    #[serde(borrow, default)]
    pub parent: Option<Cow<'l, str>>,
}

impl<'l> Head<'l> {
    /// Of a line; `None` for one that is no activity.
    pub fn of(line: &'l [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// A line of this attempt, which begins at this byte of `events.jsonl`: both together name it.
#[must_use]
pub fn row(line: &[u8], attempt: &str, offset: u64) -> Option<Value> {
    let mut activity: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let mut take = |name: &str| activity.remove(name).unwrap_or(Value::Null);
    let (at, parent, raw) = (take("at"), take("parent"), take("offset"));
    Some(json!({
        "attempt": attempt,
        "offset": offset,
        "at": at,
        "parent": parent,
        "raw_offset": raw,
        "activity": activity,
    }))
}

/// In place of one that is too long to be sent: its log has it.
#[must_use]
pub fn too_long(attempt: &str, offset: u64) -> Value {
    json!({
        "attempt": attempt,
        "offset": offset,
        "at": null,
        "parent": null,
        "raw_offset": null,
        "activity": {"kind": UNKNOWN, "what": "too long: read it in the events log"},
    })
}

#[cfg(test)]
mod tests {
    use baton_core::activity::{Activity, Record};

    use super::*;

    #[test]
    fn what_is_said_of_a_line_is_apart_from_the_activity() {
        let record = Record {
            offset: 7,
            parent: Some("t1".into()),
            activity: Activity::Error {
                message: "no".into(),
            },
        };
        let mut line = serde_json::to_value(&record).unwrap();
        line["at"] = json!("2026-01-01T00:00:00.000Z");
        let line = line.to_string();
        let head = Head::of(line.as_bytes()).unwrap();
        assert_eq!((&*head.kind, head.parent.as_deref()), ("error", Some("t1")));
        assert_eq!(
            row(line.as_bytes(), "att_1", 99).unwrap(),
            json!({
                "attempt": "att_1", "offset": 99, "raw_offset": 7, "parent": "t1",
                "at": "2026-01-01T00:00:00.000Z",
                "activity": {"kind": "error", "message": "no"},
            })
        );
        assert_eq!(row(b"{\"at\":", "att_1", 0), None);
    }
}
