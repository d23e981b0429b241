//! What an agent has heard by its own transcript: an instruction may have arrived although its
//! process was gone before it said so, and is not said again then. Reads only; a transcript that
//! cannot be read says nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use baton_core::activity::Activity;
use baton_core::run::decide::News;
use serde_json::Value;

use super::State;

/// The most that is read of a transcript, in bytes.
const MOST: u64 = 512 << 20;

impl State {
    /// Tells which of the instructions that nobody confirmed are in the transcript. Its process is
    /// gone: nobody writes there any more.
    pub(super) fn look_into_transcript(&mut self) {
        let Some(path) = self
            .transcript
            .as_ref()
            .filter(|_| !self.untaken.is_empty())
        else {
            return;
        };
        for message in heard(Path::new(path), &self.untaken) {
            self.untaken.remove(&message);
            self.record(None, Activity::Steered { message });
            self.reports.news(self.attempt, News::Taken { message });
        }
    }
}

/// Those of these instructions that this transcript, a JSON object a line, holds as words of the
/// user. What only waits in the agent's own queue it has not heard.
fn heard(path: &Path, messages: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut heard = BTreeSet::new();
    // A pipe would be waited for.
    let is_file = std::fs::metadata(path).is_ok_and(|meta| meta.is_file());
    let Some(file) = File::open(path).ok().filter(|_| is_file) else {
        return heard;
    };
    let marks: Vec<(u32, String)> = messages
        .iter()
        .map(|&message| (message, format!("[message {message}] ")))
        .collect();
    let mut lines = BufReader::new(file.take(MOST));
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .is_ok_and(|count| count > 0)
    {
        let text = String::from_utf8_lossy(&line);
        let mut here = marks
            .iter()
            .filter(|(_, mark)| text.contains(mark))
            .peekable();
        if here.peek().is_some()
            && let Ok(entry) = serde_json::from_str::<Value>(&text)
            && !entry["type"]
                .as_str()
                .is_some_and(|kind| kind.contains("queue"))
        {
            heard.extend(
                here.filter(|(_, mark)| says(&entry, mark))
                    .map(|(number, _)| *number),
            );
        }
        line.clear();
    }
    heard
}

/// Whether the user says something in it that begins like this; not a tool that gives it back, nor
/// the model that repeats it.
fn says(entry: &Value, mark: &str) -> bool {
    match entry {
        Value::String(text) => text.starts_with(mark),
        Value::Array(all) => all.iter().any(|one| says(one, mark)),
        Value::Object(fields) => {
            let kind = fields.get("type").and_then(Value::as_str).unwrap_or("");
            let role = fields.get("role").and_then(Value::as_str);
            let others = kind == "assistant" || role.is_some_and(|role| role != "user");
            let tools = kind.starts_with("tool")
                || kind.starts_with("function")
                || kind.ends_with("_output");
            !others
                && !tools
                && fields.iter().any(|(name, value)| {
                    // What Claude Code keeps of a tool's result beside the message.
                    name != "toolUseResult" && says(value, mark)
                })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard_in(lines: &[&str]) -> Vec<u32> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("transcript.jsonl");
        std::fs::write(&path, lines.join("\n")).unwrap();
        heard(&path, &BTreeSet::from([3, 4])).into_iter().collect()
    }

    #[test]
    fn words_of_the_user_were_heard_in_any_agents_transcript() {
        let claude = r#"{"type":"user","message":{"role":"user","content":[{"type":"text","text":"[message 3] hurry"}]}}"#;
        let joined = r#"{"type":"attachment","attachment":{"type":"queued_command","prompt":"[message 4] hurry"}}"#;
        let codex = r#"{"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"[message 3] hurry"}]}}"#;
        assert_eq!(heard_in(&["{}", claude]), [3]);
        assert_eq!(heard_in(&[joined, codex]), [3, 4]);
    }

    #[test]
    fn what_waits_or_is_only_repeated_was_not_heard() {
        for line in [
            r#"{"type":"queue-operation","operation":"enqueue","content":"[message 3] hurry"}"#,
            r#"{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"[message 3] hurry"}]}}"#,
            r#"{"type":"user","message":{"role":"user","content":[{"type":"tool_result","content":"[message 3] hurry"}]},"toolUseResult":{"stdout":"[message 3] hurry"}}"#,
            r#"{"type":"response_item","payload":{"type":"function_call_output","output":"[message 3] hurry"}}"#,
            r#"{"type":"user","message":{"role":"user","content":"see [message 3] above"}}"#,
            r#"{"type":"user","message":{"role":"user","content":"[message 33] hurry"}}"#,
            "[message 3] torn",
        ] {
            assert!(heard_in(&[line]).is_empty(), "{line}");
        }
        assert!(heard(Path::new("/dev/null"), &BTreeSet::from([3])).is_empty());
        assert!(heard(Path::new("/no/such/file"), &BTreeSet::from([3])).is_empty());
    }
}
