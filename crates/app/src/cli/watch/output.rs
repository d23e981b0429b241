//! A step's output as it is written, line by line, across deaths of the host: what it prints, or
//! what its agent does.

use std::collections::HashSet;

use baton_core::activity::{ToolStatus, ToolUse};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::agent::tool_line;
use crate::client::sse::Events;
use crate::client::{Client, Error};

/// What a tail says.
#[derive(Debug, PartialEq, Eq)]
pub enum Tail {
    /// A line of this step (id), without its end.
    Line(String, String),
    /// This step (id) has written its last.
    End(String),
}

/// What of a step is followed.
#[derive(Debug)]
pub enum Of {
    /// What it prints.
    Output,
    /// What its agent does, in the run's directory.
    Session(Session),
}

/// Follows a step until it ends; always ends with [`Tail::End`].
pub async fn follow(client: Client, step: String, of: Of, to: UnboundedSender<Tail>) {
    let longest = match of {
        Of::Output => Lines::LONGEST,
        // A line that is cut is no activity any more.
        Of::Session(_) => 64 * Lines::LONGEST,
    };
    let mut following = Following {
        step,
        of,
        offset: None,
        lines: Lines::new(longest),
        to,
    };
    let mut failures = 0;
    while failures < 5 {
        match following.stream(&client).await {
            Ok(()) => break,
            Err(error) if error.is_gone() => failures += 1,
            Err(_) => break,
        }
    }
    if let Some(rest) = following.lines.rest() {
        let _gone = following.say(&rest);
    }
    let _gone = following.to.send(Tail::End(following.step));
}

struct Following {
    step: String,
    of: Of,
    offset: Option<u64>,
    lines: Lines,
    to: UnboundedSender<Tail>,
}

impl Following {
    /// Whether anybody listens.
    fn say(&mut self, line: &str) -> bool {
        let lines = match &mut self.of {
            Of::Output => vec![line.to_owned()],
            Of::Session(session) => session.lines(line),
        };
        let mut lines = lines.into_iter();
        lines.all(|line| self.to.send(Tail::Line(self.step.clone(), line)).is_ok())
    }

    async fn stream(&mut self, client: &Client) -> Result<(), Error> {
        let log = match self.of {
            Of::Output => "output",
            Of::Session(_) => "events",
        };
        let mut path = format!("/api/workflow-steps/{}/logs/{log}", self.step);
        if let Some(offset) = self.offset {
            path = format!("{path}?offset={offset}");
        }
        let mut events = Events::new(client.stream(&path, "text/event-stream").await?);
        while let Some(event) = events.next().await? {
            if event.name == "end" {
                return Ok(());
            }
            let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
                continue;
            };
            let output = data["output"].as_str().unwrap_or_default();
            let next = event.id.as_deref().and_then(|id| id.parse().ok());
            let length = output.len() as u64;
            self.offset = next.or(data["offset"].as_u64().map(|from| from + length));
            for line in self.lines.push(output) {
                if !self.say(&line) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// An agent's activities as lines for people: what it says, and each use of a tool once.
#[derive(Debug, Default)]
pub struct Session {
    root: String,
    told: HashSet<String>,
}

impl Session {
    /// In this directory.
    #[must_use]
    pub fn new(root: &str) -> Self {
        Self {
            root: root.to_owned(),
            told: HashSet::new(),
        }
    }

    /// The lines that an activity (a line of `events.jsonl`) gives.
    fn lines(&mut self, activity: &str) -> Vec<String> {
        let Ok(activity) = serde_json::from_str::<Value>(activity) else {
            return Vec::new();
        };
        let within = if activity["parent"].is_null() {
            ""
        } else {
            "  "
        };
        let text = |name: &str| activity[name].as_str().unwrap_or_default();
        match text("kind") {
            "session" => {
                // Another attempt may name its tools' uses as the one before did.
                self.told.clear();
                Vec::new()
            }
            "message" if within.is_empty() => text("text").lines().map(str::to_owned).collect(),
            "error" => vec![format!("{within}! {}", text("message").replace('\n', " "))],
            "tool_use" => {
                let Ok(tool) = serde_json::from_value::<ToolUse>(activity) else {
                    return Vec::new();
                };
                // One that is only asked for may be refused, or be said more of.
                let is_due =
                    tool.status != ToolStatus::Pending && self.told.insert(tool.id.clone());
                let denied = match tool.status {
                    ToolStatus::Denied => "denied: ",
                    _ => "",
                };
                let line = format!("{within}{denied}{}", tool_line(&tool, &self.root));
                is_due.then_some(line).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Cuts text into lines.
#[derive(Debug)]
pub struct Lines {
    pending: String,
    longest: usize,
}

impl Lines {
    /// A line is cut here when its end does not come.
    const LONGEST: usize = 16 * 1024;

    /// Lines of at most about so many bytes.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self {
            pending: String::new(),
            longest,
        }
    }

    /// More text; the lines that became whole.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.pending.push_str(text);
        let mut out = Vec::new();
        while let Some(end) = self.pending.find('\n') {
            let line: String = self.pending.drain(..=end).collect();
            out.push(line.trim_end_matches(['\n', '\r']).to_owned());
        }
        if self.pending.len() > self.longest {
            out.push(std::mem::take(&mut self.pending));
        }
        out
    }

    /// What was left without an end.
    pub fn rest(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.pending)).filter(|rest| !rest.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_text_is_cut() {
        let mut lines = Lines::new(100);
        assert!(lines.push("ab").is_empty());
        assert_eq!(lines.push("c\r\nd\n\ne"), ["abc", "d", ""]);
        assert_eq!(lines.rest().as_deref(), Some("e"));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_tools_use_is_one_line_however_often_it_is_said() {
        let mut session = Session::new("/w");
        let mut tool = serde_json::json!({
            "at": "2026-01-01T00:00:00Z", "offset": 3, "kind": "tool_use", "id": "t", "name": "sh",
            "tool": "execute", "status": "pending", "command": "npm test",
        });
        assert_eq!(session.lines(&tool.to_string()), Vec::<String>::new());
        tool["status"] = "running".into();
        assert_eq!(session.lines(&tool.to_string()), ["$ npm test"]);
        tool["status"] = "success".into();
        assert!(session.lines(&tool.to_string()).is_empty());
        let refused = serde_json::json!({
            "kind": "tool_use", "id": "u", "name": "write", "tool": "edit", "status": "denied",
            "paths": ["/w/src/app.rs"],
        });
        assert_eq!(
            session.lines(&refused.to_string()),
            ["denied: edit src/app.rs"]
        );
        assert_eq!(
            session.lines(r#"{"kind":"message","text":"one\ntwo"}"#),
            ["one", "two"]
        );
        assert!(
            session
                .lines(r#"{"kind":"usage","input":1,"output":2}"#)
                .is_empty()
        );
        assert!(session.lines("{\"kind\":").is_empty());
    }
}
