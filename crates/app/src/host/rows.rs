//! The rows of runs that are over, as lists show them: made once, then kept in memory. The views say
//! which runs are on a page and whether a kept row still holds; so a long list folds no journal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use baton_core::ids::RunId;
use baton_store::views::RunRow;
use serde_json::Value;

/// Rows that are kept.
const MOST: usize = 2_000;

/// A row with more steps than this is made each time.
const LARGEST: usize = 200;

/// See the module.
#[derive(Debug, Default)]
pub struct Rows {
    kept: Mutex<HashMap<RunId, (RunRow, Arc<Value>)>>,
}

impl Rows {
    /// The row of a run, made unless it is kept. A run that is over changes only in what its row in
    /// the views says too: it goes on, or somebody comments.
    pub fn get<E>(
        &self,
        row: &RunRow,
        make: impl FnOnce() -> Result<Option<Value>, E>,
    ) -> Result<Option<Arc<Value>>, E> {
        let is_over = matches!(row.status.as_str(), "completed" | "failed" | "cancelled");
        if !is_over {
            return Ok(make()?.map(Arc::new));
        }
        if let Some((of, value)) = self.lock().get(&row.id)
            && of == row
        {
            return Ok(Some(value.clone()));
        }
        let Some(value) = make()? else {
            return Ok(None);
        };
        let value = Arc::new(value);
        // The run may have gone on since the views were read.
        let is_same = value["status"] == row.status.as_str()
            && value["updated_at"] == row.updated_at.to_string()
            && value["_count"]["comments"] == row.messages;
        if is_same && row.total <= LARGEST {
            let mut kept = self.lock();
            if kept.len() >= MOST {
                kept.clear();
            }
            kept.insert(row.id, (row.clone(), value.clone()));
        }
        Ok(Some(value))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, (RunRow, Arc<Value>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
