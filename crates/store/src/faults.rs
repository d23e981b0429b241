//! Failures put in by tests and by the engine's simulation.

/// Says when a batch of commits fails. Both journals of this crate ask it.
pub trait Faults: Send + Sync + 'static {
    /// Asked before a batch is made durable. A text fails the whole batch: nothing of it is kept,
    /// as when the disk is full.
    fn before_commit(&self, commits: usize) -> Option<String> {
        let _ = commits;
        None
    }

    /// Asked after a batch was made durable. A text makes the writer answer as if it had failed,
    /// as when the sync reports an error although the bytes did arrive.
    fn after_commit(&self, commits: usize) -> Option<String> {
        let _ = commits;
        None
    }
}

/// Nothing fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {}
