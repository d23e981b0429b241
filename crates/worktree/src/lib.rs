//! Where a run works: git worktrees, checkpoints of files, and what becomes of them.
//!
//! Owns everything Baton does with git: the worktree and the branch of a run, commits of all files
//! under `refs/baton/<run>/<n>`, bringing files back, differences between checkpoints, and merging.
//! It calls the `git` program and blocks; no function needs an async runtime. All that it remembers
//! stands beside the worktree, in `<worktree>.json`, `<worktree>.index` and `<worktree>.lock`.
//!
//! It never decides when a run is checkpointed, rewound or finished, never reads a definition or a
//! journal, and never touches the user's branches, stashes, hooks or configuration. The user's
//! index and files change only in [`Mode::Branch`], and when [`finish`] merges into a clean checkout.
//!
//! Not part of a checkpoint: ignored files, empty directories, the inside of submodules and of
//! other repositories below the work tree (only the commit they stand on is), permissions other
//! than the executable bit, and `.agent/workflows/executions`.
#![forbid(unsafe_code)]

mod checkpoint;
mod commit;
mod copy;
mod diff;
mod ensure;
mod error;
mod finish;
mod git;
mod glob;
mod isolate;
mod make;
mod marker;
mod merge;
mod operation;
mod remove;
mod repository;
mod restore;
mod spec;
mod stage;
mod submodules;
mod workspace;

pub use checkpoint::{Checkpoint, checkpoint, keep};
pub use diff::{Change, ChangedFile, changed_files, diff};
pub use ensure::{Made, Prepared, Restore, ensure};
pub use error::Error;
pub use finish::{Finished, How, Merged, Reason, finish};
pub use isolate::{Child, MergedBack, isolate, merge_back};
pub use marker::{mark_setup_done, setup_done};
pub use operation::Operation;
pub use remove::{forget, remove};
pub use repository::{Head, Repository, State};
pub use restore::{Restored, restore};
pub use spec::{Mode, Spec, branch_name};
