//! The journal and its read models on SQLite.
//!
//! [`SqliteJournal`] holds the only truth (`journal.db`). Whatever else is here follows it by
//! position and can be deleted and made again.

pub mod access;
mod beside;
mod faults;
pub mod files;
mod folds;
mod follow;
mod journal;
mod load;
pub mod memory;
mod schedules;
pub mod views;
pub mod webhooks;

pub use access::AccessStore;
pub use faults::{Faults, NoFaults};
pub use files::Files;
pub use journal::{OpenError, Options, Project, SqliteJournal, WriteError};
pub use memory::MemoryJournal;
pub use schedules::Schedules;
pub use views::Views;
pub use webhooks::Webhooks;
