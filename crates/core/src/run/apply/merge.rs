//! Events of isolated items: their worktrees, and the merging of what they did.

use super::super::apart::Apart;
use super::super::event::Finished;
use super::super::state::{At, Run, State};
use super::Illegal;
use crate::time::Timestamp;

impl Run {
    /// An item's first attempt in a worktree of its own.
    pub(super) fn begin_apart(
        &mut self,
        key: &str,
        number: u32,
        base: Option<&String>,
    ) -> Result<(), Illegal> {
        let Some(base) = base else { return Ok(()) };
        let place = self.place(key, "attempt_started")?;
        if let Some(step) = self.step_mut(place) {
            step.apart = Some(Box::new(Apart {
                base: base.clone(),
                number,
                newest: None,
            }));
        }
        Ok(())
    }

    pub(super) fn merge_awaited(&mut self, key: &str, now: Timestamp) -> Result<(), Illegal> {
        let place = self.place(key, "merge_awaited")?;
        self.leave(place);
        self.active.insert(place);
        if let Some(step) = self.step_mut(place) {
            step.state = State::AwaitsMerge { since: now };
        }
        Ok(())
    }

    pub(super) fn merge_started(&mut self, key: &str, now: Timestamp) -> Result<(), Illegal> {
        let place = self.place(key, "merge_started")?;
        let state = self.step(place).map(|step| &step.state);
        if !matches!(state, Some(State::AwaitsMerge { .. })) {
            return Err(self.illegal("merge_started", "the step has nothing to merge"));
        }
        if let Some(step) = self.step_mut(place) {
            step.state = State::Merging { since: now };
        }
        Ok(())
    }

    pub(super) fn work_merged(&mut self, key: &str, outcome: &Finished) -> Result<(), Illegal> {
        let place = self.place(key, "work_merged")?;
        let merges = |state: &State| matches!(state, State::Merging { .. });
        self.settle(place, "work_merged", merges)?;
        if let Some(step) = self.step_mut(place) {
            step.commit.clone_from(&outcome.checkpoint);
        }
        Ok(())
    }

    /// Whether an isolated item waits for its work to be in the run's files.
    #[must_use]
    pub fn has_to_merge(&self) -> bool {
        let has = |at: &At| {
            let state = self.step(*at).map(|step| &step.state);
            matches!(
                state,
                Some(State::AwaitsMerge { .. } | State::Merging { .. })
            )
        };
        self.active.iter().any(has)
    }

    /// Whether the work of an item is being brought into the run's files.
    pub(in crate::run) fn is_merging(&self) -> bool {
        let merges = |at: &At| {
            let state = self.step(*at).map(|step| &step.state);
            matches!(state, Some(State::Merging { .. }))
        };
        self.active.iter().any(merges)
    }
}
