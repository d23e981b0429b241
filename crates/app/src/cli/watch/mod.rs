//! Watching a run: as a live tree, as plain lines, or as JSON events, until it ends, is paused, or
//! the person goes.

pub mod agent;
mod ending;
mod line;
pub mod output;
mod plain;
mod prompt;
mod screen;
mod session;
mod tree;
pub mod view;

use std::time::{SystemTime, UNIX_EPOCH};

use baton_core::time::Timestamp;
use serde_json::Value;

pub use session::watch;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// The live tree.
    Tree,
    /// A line per change, and the steps' output.
    Lines,
    /// A line of JSON per event.
    Json,
}

impl Show {
    /// What fits the terminal and the options.
    #[must_use]
    pub fn fitting(json: bool) -> Self {
        if json {
            Self::Json
        } else if screen::is_available() {
            Self::Tree
        } else {
            Self::Lines
        }
    }
}

/// Whether an event may have changed what a view of the run shows.
fn changes_view(event: &Value) -> bool {
    let kind = event["type"].as_str().unwrap_or_default();
    !matches!(kind, "workflow.step.progress" | "workflow.step.activity")
}

/// Whether this event says that the run is over, or paused.
#[must_use]
fn is_last(event: &Value) -> bool {
    event["type"] == "workflow.execution.status_changed"
        && event["data"]["status"]
            .as_str()
            .is_some_and(|status| matches!(status, "completed" | "failed" | "cancelled" | "paused"))
}

/// The tree as it is now, for a terminal that may scroll.
#[must_use]
pub fn still(run: &view::RunView) -> Vec<line::Line> {
    let columns = screen::size().columns;
    let size = tree::Size {
        columns,
        rows: usize::MAX / 2,
    };
    tree::render(run, size, now())
}

/// The time, for ages and countdowns on the screen; nothing is decided by it.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the clock of what is shown, not of what is decided"
)]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
