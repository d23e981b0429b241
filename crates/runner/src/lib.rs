//! Attempts as processes: the shepherd, its protocol, and the sweep.
//!
//! Owns how one attempt of a step becomes a tree of operating system processes, how that tree's
//! output is captured, and how it is certain that nothing of it is left. Two sides share this
//! crate: [`shepherd_main`] is the process that looks after one attempt, and [`launch`] and
//! [`take_back`] are what a host calls. Both block; neither needs an async runtime.
//!
//! It never decides what an end means (retry, failure, pause), never reads a definition, and never
//! writes to the journal.

mod attempt_dir;
mod claim;
mod clock;
mod host;
pub mod mask;
mod open_files;
mod proc;
mod record;
mod shepherd;
mod socket;
mod spec;
pub mod sweep;
mod wire;

pub use attempt_dir::{AttemptDir, InvalidAttemptId};
pub use host::{
    Conversation, Entry, LaunchError, MAX_CONVERSATION_LINE, Note, Notice, Outcome, Shepherd,
    TakeBack, TakeBackError, launch, take_back,
};
pub use open_files::raise_open_files;
pub use record::{End, ExitRecord};
pub use shepherd::{EXIT_BAD_USAGE, EXIT_CLAIMED, shepherd_main};
pub use socket::{bind_unix, connect_unix};
pub use spec::{AttemptSpec, Program, SessionSpec, Stdin, StopGrace};

/// Environment variable that marks every process of an attempt; its value is the attempt's id.
pub const ATTEMPT_MARK: &str = "BATON_ATTEMPT";

/// Environment variable that names the file a step may write its output object to.
pub const OUTPUT_VARIABLE: &str = "BATON_OUTPUT";
