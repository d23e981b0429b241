//! What a run can be told.

use serde_json::Value;

use super::super::event::{Action, Actor, AttemptEnd, ChildOutcome, Key, PauseReason, RunCreated};
use crate::ids::{AttemptId, RunId};

/// What a run can be told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begin to exist. Its facts were checked with [`super::unavailable`] and [`super::unfit`].
    Start(Box<RunCreated>),
    /// An attempt and its whole tree are gone.
    AttemptEnded {
        /// Which.
        attempt: AttemptId,
        /// How.
        end: AttemptEnd,
    },
    /// Look at the time.
    Tick,
    /// Start nothing new; be paused when no process runs.
    Pause {
        /// In words.
        detail: Option<String>,
        /// Why.
        reason: PauseReason,
        /// Who.
        by: Actor,
    },
    /// Go on, or go back and go on from there.
    Resume {
        /// Where to go back to; `None`: nowhere.
        from: Option<ResumeFrom>,
        /// An instruction to go with it.
        text: Option<String>,
        /// Who.
        by: Actor,
    },
    /// End all processes, then be cancelled.
    Cancel {
        /// In words.
        reason: Option<String>,
        /// Who.
        by: Actor,
    },
    /// Yes or no to a step that waits for it.
    Answer {
        /// The step's key or id; `None` when only one waits.
        step: Option<String>,
        /// Yes.
        approved: bool,
        /// In words.
        message: Option<String>,
        /// Who.
        by: Actor,
    },
    /// End a step's wait (timer or backoff) now.
    SkipWait {
        /// The step's key or id.
        step: String,
        /// Who.
        by: Actor,
    },
    /// Say something in the thread.
    Post {
        /// What.
        content: String,
        /// What it does.
        action: Action,
        /// The step it is about: key or id.
        step: Option<String>,
        /// As the client gave it.
        metadata: Option<Value>,
        /// Who.
        by: Actor,
    },
    /// The concurrency key has a place for it.
    SlotGranted {
        /// The request that it answers, if that was noted.
        request: Option<u32>,
    },
    /// The concurrency key has none and the definition says to reject.
    SlotRefused {
        /// The request that it answers, if that was noted.
        request: Option<u32>,
        /// For people.
        detail: String,
    },
    /// A newer run takes its place in the concurrency key.
    SlotTaken {
        /// The request that gave it the place, if that was noted.
        request: Option<u32>,
    },
    /// A child run ended, or never began.
    ChildEnded {
        /// The step.
        key: Key,
        /// The child.
        child: RunId,
        /// How.
        outcome: ChildOutcome,
    },
    /// A message of the outbox arrived.
    Delivered {
        /// Its number.
        message: u32,
    },
}

/// Where a rewind goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumeFrom {
    /// Before this step (key or id).
    Step(String),
    /// This checkpoint.
    Checkpoint(u32),
}
