//! TypeScript definitions: compiled to a bundle, run in isolates, replayed from the journal.
//!
//! Everything that reads or runs a definition happens in a worker, a child process of the same
//! binary (`baton worker`), since neither the compiler nor the engine can be trusted to survive
//! whatever a file holds. [`Pool`] keeps the workers; the host knows nothing else.

pub mod bundle;
mod check;
mod compile;
mod diagnostics;
mod direct;
mod history;
mod isolate;
mod pool;
mod programs;
mod protocol;
mod types;
mod watch;
mod worker;

pub use check::Replayed;
pub use compile::Source;
pub use direct::{Direct, Shared, compile_here};
pub use isolate::Limits;
pub use pool::{Pool, PoolOptions, WorkerError};
pub use programs::ScriptPrograms;
pub use protocol::Compiled;
pub use types::editor_files;
pub use worker::{carry_out_here, hear_here, run as run_worker};
