//! The attempts whose agents wait for a person through the MCP server: their conversations do not see
//! it, and must not take the silence for a hang.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_core::ids::AttemptId;

/// How the id of a question that was asked through the MCP server begins: its agent's own protocol
/// knows nothing of it.
pub const ASKED_BY_TOOL: &str = "mcp-";

/// See the module.
#[derive(Debug, Default)]
pub struct Questions(Mutex<HashMap<AttemptId, usize>>);

impl Questions {
    /// One more, until the guard is dropped.
    #[must_use]
    pub fn open(self: &Arc<Self>, attempt: AttemptId) -> Open {
        *self.lock().entry(attempt).or_default() += 1;
        Open(self.clone(), attempt)
    }

    /// Whether this attempt waits.
    #[must_use]
    pub fn are_open(&self, attempt: AttemptId) -> bool {
        self.lock().contains_key(&attempt)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Questions::open`].
#[derive(Debug)]
pub struct Open(Arc<Questions>, AttemptId);

impl Drop for Open {
    fn drop(&mut self) {
        let mut all = self.0.lock();
        if let Some(count) = all.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.1);
            }
        }
    }
}
