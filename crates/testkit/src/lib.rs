//! For tests only: a simulated clock, an in-memory journal that fails on demand, scripted attempts,
//! worlds that crash and go on, and what the real agents are tried with.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod clock;
mod journal;
pub mod real;
mod rng;
mod runners;
mod talk;
mod world;

pub use clock::SimClock;
pub use journal::{Fault, MemoryJournal};
pub use rng::Rng;
pub use runners::{Fate, Script, SimRunners};
pub use world::{Allowed, Life, World, settle};
