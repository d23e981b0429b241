//! The files of runs under `<project>/.agent/workflows/executions/<run id>/`: `definition.json`,
//! `args.json`, checkpoints, and each step's `input.json`, `output.json` and `summary.md`. Made from
//! the journal alone; never the raw logs beside them. That a file cannot be written stops no run.

mod place;
mod projection;
mod render;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use baton_core::ids::RunId;
use baton_engine::Plans;
use baton_engine::ports::{Journal, Position};
use tokio::sync::watch;

use crate::folds::Folds;
use projection::{Projection, State};

/// The files of all runs of a data directory. While it exists it follows the journal.
pub struct Files {
    problems: Arc<Mutex<BTreeMap<RunId, String>>>,
    reached: watch::Receiver<Position>,
    closed: Arc<AtomicBool>,
    wake: watch::Sender<Position>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Files {
    /// Repairs what is missing and starts to follow the journal. `heads` tells of new commits:
    /// `SqliteJournal::subscribe`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn open(
        data_dir: &Path,
        journal: Arc<dyn Journal>,
        plans: Arc<Plans>,
        heads: watch::Receiver<Position>,
    ) -> std::io::Result<Self> {
        let file = data_dir.join("files.json");
        let state: State = std::fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .filter(|state: &State| state.position <= journal.head())
            .unwrap_or_default();
        let problems = Arc::default();
        let (reached, reached_by_readers) = watch::channel(Position(0));
        let closed = Arc::new(AtomicBool::new(false));
        let (wake, woken) = watch::channel(Position(0));
        let projection = Projection {
            folds: Folds::new(journal.clone(), plans),
            journal,
            file,
            state,
            problems: Arc::clone(&problems),
            reached,
            closed: closed.clone(),
        };
        let thread = crate::follow::spawn("files", heads, woken, wake.clone(), |heads| {
            projection.run(heads)
        })?;
        Ok(Self {
            problems,
            reached: reached_by_readers,
            closed,
            wake,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Returns when the files of this commit and all before it are written, or are among the
    /// [`problems`](Self::problems).
    pub async fn wait_for(&self, position: Position) {
        let mut reached = self.reached.clone();
        // The follower has ended: there is nothing to wait for any more.
        let _ = reached.wait_for(|now| *now >= position).await;
    }

    /// Runs whose files cannot be written now, and why. They are tried again every few seconds.
    #[must_use]
    pub fn problems(&self) -> Vec<(RunId, String)> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems
            .iter()
            .map(|(run, why)| (*run, why.clone()))
            .collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        self.wake.send_replace(Position(u64::MAX));
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}
