//! What a fork takes over from the run it comes from.

use std::collections::BTreeSet;

use super::super::prefix::{TakenOver, inherited_of};
use super::super::state::{Run, Step};
use super::Refusal;

/// What a fork from this step (key or id) begins with: the ends of the steps that are neither it nor
/// depend on it; a step that failed the run is not taken over but runs again. Of a program also
/// what it did before it asked for that step. Without a step: nothing, the fork begins at the
/// beginning.
///
/// # Errors
/// [`Refusal::NoStep`], or a step before it has not ended.
pub fn inherited(run: &Run, from: Option<&str>) -> Result<TakenOver, Refusal> {
    let Some(from) = from else {
        return Ok(TakenOver::default());
    };
    let place = run.find_any(from)?;
    let mut undone: BTreeSet<usize> = run.asked_from(place.step).into_iter().collect();
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
    undone.extend(run.failed_program());
    if run.has_own_files() {
        // What the files that it begins from do not hold any more runs again.
        let target = run.whole_before(run.first_end(&undone), None);
        let more = run.losing_files(&undone, target);
        undone.extend(more.iter().flat_map(|&step| run.asked_from(step)));
    }
    if let Some(taken) = run.prefix(undone.clone()) {
        return Ok(taken);
    }
    let stays = |(index, _): &(usize, &Step)| !undone.contains(index) && !run.fails_the_run(*index);
    let kept = run.steps.iter().enumerate().filter(stays);
    Ok(TakenOver {
        inherited: kept.filter_map(|(_, step)| inherited_of(step)).collect(),
        program: None,
    })
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
    let again = run.asked_from(place.step).into_iter().collect();
    let again = run.with_forgotten(again);
    let whole = run.whole_before(run.first_end(&again), None);
    whole
        .and_then(|checkpoint| checkpoint.commit.clone())
        .or(Some(base))
}
