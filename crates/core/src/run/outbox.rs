//! What a run has to tell other aggregates: made by its events, gone when delivered. Each message
//! keeps its number, so a second delivery is recognised and changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::big::Big;
use super::event::{ChildOutcome, Key, SlotClaim};
use super::redirect::Successor;
use crate::ids::{CommandId, RunId};

/// Messages not yet delivered, by number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    next: u32,
    open: BTreeMap<u32, Message>,
}

/// A message to another aggregate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// Ask a concurrency key for a place.
    RequestSlot(SlotClaim),
    /// Give the place, or the wait for it, back.
    ReleaseSlot(SlotClaim),
    /// Start a child run.
    StartChild {
        /// The step it belongs to.
        key: Key,
        /// The id it will have.
        child: RunId,
        /// The definition's key.
        workflow: String,
        /// Its args as JSON text.
        args: String,
        /// It has a worktree of its own, from this commit of its parent's files.
        #[serde(default)]
        isolated: Option<String>,
        /// How often its parent's files were brought back.
        #[serde(default)]
        generation: u32,
        /// The newest commit of its parent's files.
        #[serde(default)]
        newest: Option<String>,
    },
    /// Tell a child run.
    TellChild {
        /// The child.
        child: RunId,
        /// What.
        order: ChildOrder,
    },
    /// Make the run that takes this one's place.
    StartSuccessor(Box<Successor>),
    /// Tell the run that takes this one's place that nothing of this one runs any more.
    TellSuccessor {
        /// The new run.
        run: RunId,
    },
    /// Tell the parent how this run ended.
    TellParent {
        /// The parent.
        parent: RunId,
        /// The step of the parent.
        key: Key,
        /// How.
        outcome: ChildOutcome,
    },
}

/// What a parent tells its child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ChildOrder {
    Pause,
    /// Its agents are interrupted.
    PauseNow,
    Resume,
    Cancel,
}

impl Outbox {
    /// Keeps a message; returns its number.
    pub(super) fn push(&mut self, message: Message) -> u32 {
        let number = self.next;
        self.open.insert(number, message);
        self.next += 1;
        number
    }

    pub(super) fn delivered(&mut self, number: u32) {
        self.open.remove(&number);
    }

    /// What is not yet delivered, oldest first.
    pub fn open(&self) -> impl Iterator<Item = (u32, &Message)> {
        self.open.iter().map(|(number, message)| (*number, message))
    }

    pub(super) fn bigs(&mut self) -> impl Iterator<Item = &mut Big> {
        self.open.values_mut().flat_map(|message| match message {
            Message::TellParent {
                outcome: ChildOutcome::Completed { outputs, .. },
                ..
            } => vec![outputs],
            Message::StartSuccessor(successor) => successor.bigs(),
            _ => vec![],
        })
    }

    /// Whether everything is delivered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether this message is still to be delivered.
    #[must_use]
    pub fn holds(&self, number: u32) -> bool {
        self.open.contains_key(&number)
    }
}

/// The id of the command that delivers message `number` of `source`: the same at every delivery.
#[must_use]
pub fn command_id(source: &str, number: u32) -> CommandId {
    CommandId(format!("{source}/{number}"))
}
