//! Why a run is paused, and what becomes of a pause that lasts.

use serde::{Deserialize, Serialize};

/// Why a run is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody asked.
    Request,
    /// Its budget is used up.
    Budget,
    /// The run it is a child of was paused.
    Parent,
}

/// What a pause that lasts long leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausePolicy {
    /// After this many milliseconds.
    pub timeout_ms: u64,
    /// This.
    pub then: PauseThen,
}

impl Default for PausePolicy {
    /// 30 minutes, stay (api.md, "Thread").
    fn default() -> Self {
        Self {
            timeout_ms: 30 * 60_000,
            then: PauseThen::Stay,
        }
    }
}

/// See [`PausePolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum PauseThen {
    Stay,
    Resume,
    Cancel,
}
