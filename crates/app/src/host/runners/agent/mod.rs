//! Agents' attempts: what an agent is started with, and the conversation with it.
//!
//! Owns the way from a step's work to a driver of `baton-agents` and back to an attempt's end. The
//! protocols are the drivers' own; processes are the shepherd's.

mod activities;
mod answer;
mod commentary;
mod outcome;
mod prepare;
mod talk;
mod who;

pub use activities::Activities;
pub use commentary::Commentary;
pub use prepare::{Places, Prepared, on_path, prepare};
pub use talk::{Begin, Limits, Talk};
pub use who::Who;
