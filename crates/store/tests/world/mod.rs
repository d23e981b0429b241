//! A journal and the views that follow it.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use baton_engine::Plans;
use baton_engine::ports::{Journal, Position};
use baton_store::views::RunRow;
use baton_store::{SqliteJournal, Views};

pub struct World {
    pub dir: tempfile::TempDir,
    pub journal: Arc<SqliteJournal>,
    pub views: Views,
}

/// A journal, and views that begin to follow it.
pub fn begin(dir: &Path) -> (Arc<SqliteJournal>, Views) {
    let journal = Arc::new(SqliteJournal::open(dir).unwrap());
    let plans = Arc::new(Plans::default());
    let views = Views::open(dir, journal.clone(), plans, journal.subscribe()).unwrap();
    (journal, views)
}

/// Returns when the views have come so far.
pub fn await_views(views: &Views, position: Position) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(views.wait_for(position));
}

pub fn open(dir: tempfile::TempDir) -> World {
    let (journal, views) = begin(dir.path());
    World {
        dir,
        journal,
        views,
    }
}

impl World {
    pub fn new() -> Self {
        open(tempfile::tempdir().unwrap())
    }

    pub fn settled(&self) -> &Views {
        await_views(&self.views, self.journal.head());
        &self.views
    }

    pub fn row(&self, number: u64) -> RunRow {
        self.settled().run_of_number(number).unwrap().unwrap()
    }

    pub fn reopen(self) -> Self {
        let Self {
            dir,
            journal,
            views,
        } = self;
        drop(views);
        drop(journal);
        open(dir)
    }
}
