//! What starts runs without a person: schedules, and inbound webhooks.
//!
//! Each occasion has a command id of its own (a schedule's time, a delivery's id), so that it starts
//! one run however often it comes or is carried out again after a crash.

mod due;
pub mod inbound;
mod schedules;
mod start;

pub use schedules::{next_time, run};
