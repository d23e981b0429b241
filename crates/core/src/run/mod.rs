//! A run: the fold over its journal, and the decisions about it.

mod apart;
mod apply;
pub mod artifact;
pub mod big;
mod created;
pub mod decide;
mod due;
pub mod event;
pub mod message;
mod names;
mod outbox;
mod pause;
mod plan;
pub mod prefix;
pub mod program;
mod prompt;
pub mod redirect;
mod session;
mod snapshot;
mod state;
mod waiting;
pub mod work;

pub use apart::Apart;
pub use apply::{Illegal, ends_a_step};
pub use outbox::{ChildOrder, Message, Outbox, command_id};
pub use plan::Plan;
pub use prompt::instruction_text;
pub use session::{Asked, Files, Instruction, Session, Spending};
pub use snapshot::{SNAPSHOT_VERSION, Snapshot};
pub use state::*;
pub use waiting::{WaitReason, Waiting};
