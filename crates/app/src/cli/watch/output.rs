//! A step's output as it is written, line by line, across deaths of the host.

use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

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

/// Follows a step's output until it ends; always ends with [`Tail::End`].
pub async fn follow(client: Client, step: String, to: UnboundedSender<Tail>) {
    let mut lines = Lines::default();
    let mut offset: Option<u64> = None;
    let mut failures = 0;
    while failures < 5 {
        match stream(&client, &step, &mut offset, &mut lines, &to).await {
            Ok(()) => break,
            Err(error) if error.is_gone() => failures += 1,
            Err(_) => break,
        }
    }
    if let Some(rest) = lines.rest() {
        let _gone = to.send(Tail::Line(step.clone(), rest));
    }
    let _gone = to.send(Tail::End(step));
}

async fn stream(
    client: &Client,
    step: &str,
    offset: &mut Option<u64>,
    lines: &mut Lines,
    to: &UnboundedSender<Tail>,
) -> Result<(), Error> {
    let mut path = format!("/api/workflow-steps/{step}/logs/output");
    if let Some(offset) = offset {
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
        *offset = next.or(data["offset"].as_u64().map(|from| from + length));
        for line in lines.push(output) {
            if to.send(Tail::Line(step.to_owned(), line)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Cuts text into lines.
#[derive(Debug, Default)]
pub struct Lines {
    pending: String,
}

impl Lines {
    /// A line is cut here when its end does not come.
    const LONGEST: usize = 16 * 1024;

    /// More text; the lines that became whole.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.pending.push_str(text);
        let mut out = Vec::new();
        while let Some(end) = self.pending.find('\n') {
            let line: String = self.pending.drain(..=end).collect();
            out.push(line.trim_end_matches(['\n', '\r']).to_owned());
        }
        if self.pending.len() > Self::LONGEST {
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
    use super::Lines;

    #[test]
    fn lines_are_whole_however_the_text_is_cut() {
        let mut lines = Lines::default();
        assert!(lines.push("ab").is_empty());
        assert_eq!(lines.push("c\r\nd\n\ne"), ["abc", "d", ""]);
        assert_eq!(lines.rest().as_deref(), Some("e"));
        assert_eq!(lines.rest(), None);
    }
}
