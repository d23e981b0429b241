//! For tests only: a simulated clock, an in-memory journal that fails on demand, scripted attempts,
//! and worlds that crash and go on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod clock;
mod journal;
mod rng;
mod runners;
mod talk;
mod world;

pub use clock::SimClock;
pub use journal::{Fault, MemoryJournal};
pub use rng::Rng;
pub use runners::{Fate, Script, SimRunners};
pub use world::{Allowed, Life, World, settle};
