//! The driver: loads, decides, commits, dispatches and recovers aggregates.
//!
//! **Decide purely, commit, then act.** An aggregate's actor ([`actor`], [`slots`]) takes a
//! command, asks `core` what follows, has it committed ([`commit`]), and only then lets
//! [`dispatch`] act. Knows no SQL, no process and no HTTP: those are [`ports`].

mod actor;
mod commit;
mod dispatch;
mod feed;
mod fold;
mod handle;
mod plans;
pub mod ports;
mod recovery;
mod slots;
mod start;
mod successor;
mod timers;

pub use feed::{Commit, Feed};
pub use fold::{FoldError, Folded, decode, load_run, walk};
pub use handle::{Engine, Outside, Reply, SendError};
pub use plans::{Plans, Unusable, is_code};
pub use recovery::Recovered;
pub use start::{StartError, StartRequest};
