//! Pure heart of Baton: definitions, and runs as folds over their journal.
//!
//! No clock, no randomness, no files, no threads, no SQL: what a decision needs comes with its
//! command.

pub mod activity;
pub mod definition;
pub mod ids;
pub mod run;
pub mod slot;
pub mod time;
