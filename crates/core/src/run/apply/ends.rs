//! The end of a step, what it makes ready, and how ends are undone.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::super::event::{Inherited, InheritedEnd, Key, ResetReason, StepOutput};
use super::super::names::{Ended, expression_name};
use super::super::outbox::{ChildOrder, Message};
use super::super::session::{Session, add};
use super::super::state::{At, Run, State, Status, Step};
use super::Illegal;
use crate::time::Timestamp;

/// Which items of a `foreach` that is undone stay as they are.
enum Keeps<'e> {
    /// Those that have completed.
    Completed,
    /// These.
    These(HashSet<&'e str>),
}

impl Keeps<'_> {
    fn keeps(&self, item: &Step) -> bool {
        match self {
            Self::Completed => item.state == State::Completed,
            Self::These(keys) => keys.contains(item.key.as_str()),
        }
    }

    /// Whether a `foreach` of these items goes on with them, instead of listing them again.
    fn reopens(&self, items: &[Step]) -> bool {
        match self {
            Self::Completed => !items.is_empty(),
            Self::These(_) => items.iter().any(|item| self.keeps(item)),
        }
    }
}

impl Run {
    /// Ends a step or an item, and makes ready what waited for that alone.
    pub(super) fn end(&mut self, place: At, state: State, now: Timestamp) {
        self.leave(place);
        self.ends += 1;
        let order = self.ends;
        let fails = matches!(state, State::Failed(_)) && !self.declared(place).continue_on_error;
        let Some(step) = self.step_mut(place) else {
            return;
        };
        step.started_at.get_or_insert(now);
        step.ended_at = Some(now);
        step.order = order;
        step.state = state;
        if place.item.is_some() {
            self.item_ended(place.step, fails);
            return;
        }
        self.note_value(place.step);
        self.ended += 1;
        if self.program_hears(place.step)
            && let Some(program) = &mut self.program
        {
            program.outcomes.push(place.step);
        }
        if fails {
            // What fails while the run is paused (a rejection, a child) fails it once it goes on.
            let failing = match &mut self.status {
                Status::Running(running) => Some(&mut running.failing),
                Status::Paused(pause) => Some(&mut pause.failing),
                Status::Pending { .. }
                | Status::Cancelling(_)
                | Status::Completed { .. }
                | Status::Failed { .. }
                | Status::Cancelled { .. } => None,
            };
            if let Some(failing) = failing {
                failing.get_or_insert(place);
            }
        }
        let plan = self.plan.clone();
        for &dependent in &plan.dependents[place.step] {
            self.open_needs[dependent] = self.open_needs[dependent].saturating_sub(1);
            let pending = matches!(self.steps[dependent].state, State::Pending);
            if self.open_needs[dependent] == 0 && pending {
                self.ready.insert(At {
                    step: dependent,
                    item: None,
                });
            }
        }
    }

    /// Keeps what a step gave, when it did not come from its attempt.
    pub(super) fn keep_output(&mut self, place: At, output: &StepOutput) {
        if !output.is_empty()
            && let Some(step) = self.step_mut(place)
        {
            step.last_output = output.clone();
        }
    }

    /// Lets expressions name what a step came to. A program has none.
    pub(in crate::run) fn note_value(&mut self, index: usize) {
        if self.program.is_some() {
            return;
        }
        let step = &self.steps[index];
        let error = match &step.state {
            State::Failed(error) => Some(error.clone()),
            _ => None,
        };
        let ended = Ended {
            status: step.state.word(),
            output: step.last_output.clone(),
            error,
            session: step.session.as_deref().and_then(|s| s.native.clone()),
        };
        let name = expression_name(&step.key);
        Arc::make_mut(&mut self.values).insert(name, Arc::new(ended));
    }

    fn item_ended(&mut self, parent: usize, fails: bool) {
        if let State::Items { open, failed, .. } = &mut self.steps[parent].state {
            *open = open.saturating_sub(1);
            *failed |= fails;
        }
        self.fill_items(parent);
    }

    /// Makes the next items ready, up to the limit; the parent itself when it can be settled.
    pub(super) fn fill_items(&mut self, parent: usize) {
        let limit = self.plan.definition.steps[parent]
            .foreach
            .as_ref()
            .map_or(1, |foreach| foreach.max_parallel as usize);
        let of_parent = |at: &&At| at.step == parent && at.item.is_some();
        let active = self.active.iter().filter(of_parent).count();
        let State::Items {
            mut next,
            open,
            failed,
        } = self.steps[parent].state
        else {
            return;
        };
        if failed {
            self.ready
                .retain(|at| at.step != parent || at.item.is_none());
        }
        let mut going = active + self.ready.iter().filter(of_parent).count();
        while !failed && going < limit && next < self.steps[parent].items.len() {
            if matches!(self.steps[parent].items[next].state, State::Pending) {
                self.ready.insert(At {
                    step: parent,
                    item: Some(next),
                });
                going += 1;
            }
            next += 1;
        }
        self.steps[parent].state = State::Items { next, open, failed };
        if open == 0 || (failed && active == 0) {
            self.ready.insert(At {
                step: parent,
                item: None,
            });
        }
    }

    /// Takes a step over from another run.
    pub(super) fn inherit(&mut self, inherited: &Inherited) -> Result<(), Illegal> {
        let place = self.place(&inherited.key, "run_created")?;
        let state = match &inherited.end {
            InheritedEnd::Completed(output) => {
                self.keep_output(place, output);
                State::Completed
            }
            InheritedEnd::Failed(error, output) => {
                self.keep_output(place, output);
                State::Failed(error.clone())
            }
            InheritedEnd::Skipped(reason) => State::Skipped(*reason),
        };
        self.end(place, state, inherited.at);
        Ok(())
    }

    /// Undoes steps, as if they had never run; attempts keep their numbers.
    pub(super) fn steps_reset(
        &mut self,
        keys: &[Key],
        because: &ResetReason,
        kept: &[Key],
    ) -> Result<(), Illegal> {
        if self
            .in_flight()
            .is_some_and(|attempts| !attempts.is_empty())
        {
            return Err(self.illegal("steps_reset", "attempts are in flight"));
        }
        let keeps = match because {
            ResetReason::Retry => Keeps::Completed,
            ResetReason::Step(_) | ResetReason::Checkpoint(_) => {
                Keeps::These(kept.iter().map(Key::as_str).collect())
            }
        };
        for key in keys {
            let place = self.place(key, "steps_reset")?;
            self.reset(place, &keeps);
        }
        if *because != ResetReason::Retry {
            let target = self.files_without(keys, because).map(str::to_owned);
            if let Some(first) = self.first_undone(keys, because) {
                self.checkpoints.retain(|number, _| *number < first);
            }
            self.restore_files(target);
        }
        if self.program.is_some() {
            let undone: BTreeSet<usize> = keys
                .iter()
                .filter_map(|key| self.plan.index.get(key).copied())
                .collect();
            self.forget_calls(&undone);
        }
        if let Status::Paused(pause) = &mut self.status {
            let still = |at: &At| matches!(self.steps[at.step].state, State::Failed(_));
            pause.failing = pause.failing.filter(still);
        }
        self.rebuild_frontier();
        Ok(())
    }

    fn reset(&mut self, place: At, keeps: &Keeps<'_>) {
        self.abandon_child(place);
        self.leave(place);
        let run = self.created.run;
        if place.item.is_none() {
            let step = &self.steps[place.step];
            if step.state.is_ended() {
                self.ended = self.ended.saturating_sub(1);
            }
            let name = expression_name(&step.key);
            Arc::make_mut(&mut self.values).remove(&name);
            let reopens = keeps.reopens(&step.items);
            for item in 0..self.steps[place.step].items.len() {
                let at = At {
                    step: place.step,
                    item: Some(item),
                };
                if !keeps.keeps(&self.steps[place.step].items[item]) {
                    self.reset(at, keeps);
                }
            }
            if reopens {
                let items = &self.steps[place.step].items;
                let open = items.iter().filter(|item| !item.state.is_ended()).count();
                self.steps[place.step].state = State::Items {
                    next: 0,
                    open,
                    failed: false,
                };
                self.steps[place.step].ended_at = None;
                self.active.insert(place);
                self.fill_items(place.step);
                return;
            }
        }
        if let Some(step) = self.step_mut(place) {
            // What was used stays used, also by items that are forgotten.
            let items = step.items.iter().filter_map(|item| item.session.as_deref());
            let before = step.session.as_deref().into_iter().chain(items);
            let session = before.fold(None, |sum: Option<Box<Session>>, before| {
                let mut sum = sum.unwrap_or_else(|| {
                    let agent = before.agent.clone();
                    Box::new(Session {
                        agent,
                        ..Session::default()
                    })
                });
                sum.past = add(sum.past, before.usage());
                Some(sum)
            });
            let mut item_tries = std::mem::take(&mut step.item_tries);
            item_tries.resize(item_tries.len().max(step.items.len()), 0);
            for (tries, item) in item_tries.iter_mut().zip(&step.items) {
                *tries = item.tries;
            }
            *step = Step {
                tries: step.tries,
                session,
                item: step.item.take(),
                item_tries,
                ..Step::new(run, std::mem::take(&mut step.key))
            };
        }
    }

    /// Recounts open needs and ready declared steps.
    pub(in crate::run) fn rebuild_frontier(&mut self) {
        let plan = self.plan.clone();
        let ended: Vec<bool> = self
            .steps
            .iter()
            .map(|step| step.state.is_ended())
            .collect();
        self.open_needs = plan
            .definition
            .steps
            .iter()
            .map(|step| step.needs.iter().filter(|&&need| !ended[need]).count())
            .collect();
        if self.program.is_some() {
            self.ready.retain(|at| at.item.is_some());
            self.ready.extend(self.asked_and_pending());
            return;
        }
        for (index, step) in self.steps.iter().enumerate() {
            let at = At {
                step: index,
                item: None,
            };
            match step.state {
                State::Pending if self.open_needs[index] == 0 => {
                    self.ready.insert(at);
                }
                State::Items { .. } => {}
                _ => {
                    self.ready.remove(&at);
                }
            }
        }
    }

    /// Tells a child that its step has given it up, if it was not told before: in journals from
    /// before `child_abandoned` the end or the reset of the step is all there is.
    pub(super) fn abandon_child(&mut self, place: At) {
        if let Some(State::Child { run, .. }) = self.step(place).map(|step| &step.state)
            && !self.leaving.contains_key(run)
        {
            let child = *run;
            self.outbox.push(Message::TellChild {
                child,
                order: ChildOrder::Cancel,
            });
        }
    }

    /// Takes a step out of everything that waits for it.
    pub(super) fn leave(&mut self, place: At) {
        self.active.remove(&place);
        self.ready.remove(&place);
        if let Some(due) = self.step(place).and_then(|step| step.state.due()) {
            self.timers.remove(&(due, place));
        }
    }

    pub(super) fn step_mut(&mut self, place: At) -> Option<&mut Step> {
        let step = self.steps.get_mut(place.step)?;
        match place.item {
            Some(item) => step.items.get_mut(item),
            None => Some(step),
        }
    }

    pub(super) fn place(&self, key: &str, event: &str) -> Result<At, Illegal> {
        self.find(key)
            .ok_or_else(|| self.illegal(event, format!("there is no step `{key}`")))
    }
}
