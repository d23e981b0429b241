//! Words in a run's thread, in their stored form, and what they do (document 4).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::{Actor, Key};

/// Words in a run's thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessagePosted {
    /// Counts the run's messages from 0. The wire id is the event's position.
    pub message: u32,
    /// Who wrote.
    pub by: Actor,
    /// What it says.
    pub content: String,
    /// What it does.
    pub action: Action,
    /// Where its action stands at once.
    pub status: ActionStatus,
    /// The step it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Key>,
    /// As the client gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// What an agent's attempt comments on: with the attempt it makes the message unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A place in an attempt's conversation: the byte at which the agent's line begins, and the count
/// of what it said there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Byte offset of the line in `raw.jsonl`.
    pub offset: u64,
    /// Which of the activities read from that line.
    pub nth: u32,
}

/// What a message does (document 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Action {
    Comment,
    Instruction,
    Pause,
    Resume,
    Cancel,
    Redirect,
}

/// Where a message's action stands (document 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ActionStatus {
    Pending,
    Acknowledged,
    Processed,
    Ignored,
}
