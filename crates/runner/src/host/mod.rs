//! The host's side of an attempt: start its shepherd, listen to it, take it back after a crash.
//!
//! Owns the answer to "is anything of this attempt left?". It never waits without an end for a
//! process that does not answer, and never calls an attempt lost whose shepherd may still act.

mod connection;
mod conversation;
mod launch;
mod orders;
mod reaper;
mod settle;

pub use connection::{Note, Notice, Outcome, Shepherd};
pub use conversation::{Conversation, Entry, MAX_LINE as MAX_CONVERSATION_LINE};
pub use launch::{LaunchError, launch};
pub use settle::{TakeBack, TakeBackError, take_back};
