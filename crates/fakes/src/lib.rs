//! Scripted agents for tests: real executables that speak the agents' real protocols, as recorded
//! from the real CLIs. What one does is written in its prompt, one directive a line; see [`Act`].

pub mod acp;
pub mod codex;
pub mod memory;
mod script;

pub use script::{Act, acts};
