//! Scripted agents for tests: real executables that speak the agents' real protocols, as recorded
//! from the real CLIs. What one does is written in its prompt, one directive a line; see [`Act`].

pub mod acp;
pub mod claude;
pub mod codex;
mod flood;
pub mod input;
pub mod mcp;
pub mod memory;
mod script;
pub mod shell;

pub use script::{Act, acts, told};
