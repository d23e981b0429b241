//! The rules of this repository that no compiler checks: which crate may know which, how long a
//! file gets, what it may be called, and what must never be committed.
//!
//! A rule takes a [`tree::Tree`] and returns its complaints, each with the file, the place and what
//! to do. `tests/repository.rs` asks every rule about this repository; the tests beneath a rule
//! show that it does complain. Nothing here runs a build or reads a file that git would not take.

pub mod generated;
pub mod layers;
pub mod leaks;
pub mod modules;
pub mod sizes;
pub mod tree;
