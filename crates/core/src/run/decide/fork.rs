//! What a fork takes over from the run it comes from.

use std::collections::BTreeSet;

use super::super::event::{Inherited, InheritedEnd};
use super::super::state::{Run, State};
use super::Refusal;

/// The ends that a fork from this step (key or id) begins with: those of the steps that are
/// neither it nor depend on it; a step that failed the run is not taken over but runs again. Without a step: none, the fork begins at the beginning.
///
/// # Errors
/// [`Refusal::NoStep`].
pub fn inherited(run: &Run, from: Option<&str>) -> Result<Vec<Inherited>, Refusal> {
    let Some(from) = from else { return Ok(vec![]) };
    let place = run.find_any(from)?;
    if run.program.is_some() {
        return Err(Refusal::NotAvailable(
            "a run of a TypeScript definition is forked from its beginning: leave `from` out"
                .into(),
        ));
    }
    let mut undone: BTreeSet<usize> = run.plan.from_step(place.step).into_iter().collect();
    let needs_open = run.plan.definition.steps[place.step]
        .needs
        .iter()
        .find(|&&need| !run.steps[need].state.is_ended());
    if let Some(&open) = needs_open {
        return Err(Refusal::Invalid(format!(
            "the run cannot be forked from `{from}`: `{}` before it has not ended",
            run.steps[open].key
        )));
    }
    if run.has_own_files() {
        // What the files that it begins from do not hold any more runs again.
        let target = run.whole_before(run.first_end(&undone), None);
        let more = run.losing_files(&undone, target);
        undone.extend(more.iter().flat_map(|&step| run.plan.from_step(step)));
    }
    let keep = |(index, step): (usize, &super::super::state::Step)| {
        if undone.contains(&index) || run.fails_the_run(index) {
            return None;
        }
        let end = match &step.state {
            State::Completed => InheritedEnd::Completed(step.last_output.clone()),
            State::Failed(error) => InheritedEnd::Failed(error.clone(), step.last_output.clone()),
            State::Skipped(reason) => InheritedEnd::Skipped(*reason),
            _ => return None,
        };
        Some(Inherited {
            key: step.key.clone(),
            end,
            at: step.ended_at?,
        })
    };
    Ok(run.steps.iter().enumerate().filter_map(keep).collect())
}

/// The commit that a fork from this step begins from: the newest whole checkpoint before any step
/// that it runs again; without a step, or before the first checkpoint, what the run itself began
/// from. `None`: the run has no branch or worktree.
#[must_use]
pub fn files_before(run: &Run, from: Option<&str>) -> Option<String> {
    let base = run.created.workspace.as_ref()?.base.clone();
    let place = match from.map(|from| run.find_any(from)) {
        Some(Ok(place)) => place,
        Some(Err(_)) | None => return Some(base),
    };
    let again = run.plan.from_step(place.step).into_iter().collect();
    let whole = run.whole_before(run.first_end(&again), None);
    whole
        .and_then(|checkpoint| checkpoint.commit.clone())
        .or(Some(base))
}
