//! Going on: after a pause, after a failure, or from an earlier step or checkpoint.

use std::collections::BTreeSet;

use super::super::event::{
    Action, ActionStatus, Actor, Event, Key, MessagePosted, PauseReason, ResetReason,
};
use super::super::program::ProgramEnd;
use super::super::state::{Run, State, Status, Step};
use super::{Refusal, ResumeFrom};

impl Run {
    pub(super) fn resume(
        &self,
        from: Option<&ResumeFrom>,
        text: Option<&str>,
        by: &Actor,
    ) -> Result<Vec<Event>, Refusal> {
        let mut events = Vec::new();
        if let Actor::Parent(_) = by
            && !self.is_paused_by_parent()
        {
            return Ok(vec![]);
        }
        match (&self.status, from) {
            (Status::Paused(_), None) => {}
            (Status::Running(running), None) if running.pause.is_some() => {
                events.push(Event::PauseWithdrawn { by: by.clone() });
                events.extend(self.pause_messages(ActionStatus::Ignored));
                events.push(self.says(0, None, "Workflow resumed before it was paused".into()));
                self.with_text(&mut events, text, by);
                return Ok(events);
            }
            (Status::Failed { .. } | Status::Cancelled { .. }, None) => {
                let keys = self.to_retry();
                if !keys.is_empty() {
                    let because = ResetReason::Retry;
                    events.push(Event::StepsReset {
                        keys,
                        because,
                        by: by.clone(),
                        kept: vec![],
                    });
                }
            }
            (
                Status::Paused(_)
                | Status::Failed { .. }
                | Status::Cancelled { .. }
                | Status::Completed { .. },
                Some(from),
            ) => {
                if self.files.finishing && matches!(self.status, Status::Completed { .. }) {
                    return Err(Refusal::Outstanding("its branch is being finished".into()));
                }
                let (keys, because) = self.undone_by(from)?;
                events.extend(self.abandoned(&keys));
                events.push(Event::StepsReset {
                    kept: self.kept_items(&keys, &because),
                    keys,
                    because,
                    by: by.clone(),
                });
            }
            (Status::Running(_) | Status::Pending { .. }, Some(_)) => {
                return Err(self.invalid_state("pause it before going back"));
            }
            (
                Status::Pending { .. }
                | Status::Running(_)
                | Status::Cancelling(_)
                | Status::Completed { .. },
                _,
            ) => {
                return Err(self.invalid_state("only a paused, failed or cancelled run goes on"));
            }
        }
        events.push(Event::RunResumed { by: by.clone() });
        let said = match events.iter().find_map(|event| match event {
            Event::StepsReset { because, .. } => Some(because),
            _ => None,
        }) {
            None => "Workflow resumed".to_owned(),
            Some(ResetReason::Retry) => {
                "Workflow resumed with the steps that had not completed".to_owned()
            }
            Some(ResetReason::Step(key)) => format!("Workflow resumed from step `{key}`"),
            Some(ResetReason::Checkpoint(number)) => {
                format!("Workflow resumed from checkpoint {number}")
            }
        };
        events.push(self.says(0, None, said));
        self.with_text(&mut events, text, by);
        Ok(events)
    }

    /// The items of these steps that had completed at the checkpoint.
    fn kept_items(&self, keys: &[Key], because: &ResetReason) -> Vec<Key> {
        let ResetReason::Checkpoint(number) = because else {
            return vec![];
        };
        let Some(checkpoint) = self.checkpoints.get(number) else {
            return vec![];
        };
        let undone = self.steps.iter().filter(|step| keys.contains(&step.key));
        let items = undone.flat_map(|step| &step.items);
        let stays = |item: &&Step| item.state == State::Completed && item.order <= checkpoint.ends;
        items.filter(stays).map(|item| item.key.clone()).collect()
    }

    /// The children of these steps are given up.
    fn abandoned(&self, keys: &[Key]) -> Vec<Event> {
        let children = self.active.iter().filter_map(|&at| {
            let (step, declared) = (self.step(at)?, &self.steps[at.step]);
            match &step.state {
                State::Child { run, .. } if keys.contains(&declared.key) => {
                    Some(Event::ChildAbandoned {
                        key: step.key.clone(),
                        child: *run,
                    })
                }
                _ => None,
            }
        });
        children.collect()
    }

    /// Whether it is paused, or pausing, because its parent is: only that a parent takes back.
    fn is_paused_by_parent(&self) -> bool {
        let pause = match &self.status {
            Status::Paused(pause) => Some(pause),
            Status::Running(running) => running.pause.as_ref(),
            _ => None,
        };
        pause.is_some_and(|pause| pause.reason == PauseReason::Parent)
    }

    fn with_text(&self, events: &mut Vec<Event>, text: Option<&str>, by: &Actor) {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            events.push(Event::MessagePosted(Box::new(MessagePosted {
                message: self.messages,
                by: by.clone(),
                content: text.to_owned(),
                action: Action::Instruction,
                status: ActionStatus::Pending,
                step: None,
                metadata: None,
                place: None,
            })));
        }
    }

    /// The steps that a failed or cancelled run runs again: those that have not completed.
    fn to_retry(&self) -> Vec<Key> {
        let again = (0..self.steps.len()).filter(|&step| self.is_left_over(step));
        let mut again: BTreeSet<usize> = again.collect();
        if let Some(failed) = self.failed_program() {
            again.insert(failed);
            again.extend(self.asked_after_end_of(failed));
        }
        let again = self.with_forgotten(again).into_iter();
        again.map(|step| self.steps[step].key.clone()).collect()
    }

    /// The step whose failure the run's program did not catch.
    pub(super) fn failed_program(&self) -> Option<usize> {
        match self.program.as_ref()?.end.as_ref()? {
            ProgramEnd::Threw(error) => {
                let step = *self.plan.index.get(error.step.as_ref()?)?;
                matches!(self.steps[step].state, State::Failed(_)).then_some(step)
            }
            ProgramEnd::Returned(_) => None,
        }
    }

    /// Whether this step has failed in a way that a run cannot go on with.
    pub(super) fn fails_the_run(&self, step: usize) -> bool {
        let may_fail = self.plan.definition.steps[step].continue_on_error;
        !may_fail && matches!(self.steps[step].state, State::Failed(_))
    }

    /// Whether this step was begun and has not come to a good end: wherever the run goes on from,
    /// it runs again.
    fn is_left_over(&self, index: usize) -> bool {
        let step = &self.steps[index];
        match &step.state {
            State::Failed(_) => self.fails_the_run(index),
            State::Cancelled => true,
            State::Pending => {
                let begun = !step.items.is_empty() || step.tries > 0 || step.started_at.is_some();
                begun && self.status.is_ended()
            }
            _ => false,
        }
    }

    /// The steps that going back undoes.
    ///
    /// # Errors
    /// [`Refusal::NoStep`], [`Refusal::NoCheckpoint`], or a step that has not begun.
    pub fn undone_by(&self, from: &ResumeFrom) -> Result<(Vec<Key>, ResetReason), Refusal> {
        match from {
            ResumeFrom::Step(name) => {
                let place = self.find_any(name)?;
                let key = self.steps[place.step].key.clone();
                let keys = self.asked_from(place.step);
                let begun = |step: usize| {
                    let step = &self.steps[step];
                    step.state != State::Pending || step.tries > 0
                };
                if !begun(place.step) {
                    let needs = &self.plan.definition.steps[place.step].needs;
                    let open = needs
                        .iter()
                        .find(|&&need| !self.steps[need].state.is_ended());
                    if let Some(&open) = open {
                        return Err(Refusal::Invalid(format!(
                            "the run cannot go on from `{name}`: `{}` before it has not ended",
                            self.steps[open].key
                        )));
                    }
                }
                let again = |step: usize| {
                    (begun(step) && keys.binary_search(&step).is_ok()) || self.is_left_over(step)
                };
                let because = ResetReason::Step(key);
                let mut undone: BTreeSet<usize> =
                    (0..self.steps.len()).filter(|&step| again(step)).collect();
                let named = |undone: &BTreeSet<usize>| -> Vec<Key> {
                    undone.iter().map(|&s| self.steps[s].key.clone()).collect()
                };
                // Whose files going back takes away is undone as well.
                while self.has_own_files() {
                    let below = self.first_undone(&named(&undone), &because);
                    let target = self.whole_before(self.first_end(&undone), below);
                    let more = self.losing_files(&undone, target);
                    if more.is_empty() {
                        break;
                    }
                    let more = more.iter().flat_map(|&step| self.asked_from(step));
                    undone.extend(more.filter(|&step| begun(step)));
                }
                let undone = self.with_forgotten(undone);
                Ok((named(&undone), because))
            }
            ResumeFrom::Checkpoint(number) => {
                let Some(checkpoint) = self.checkpoints.get(number) else {
                    return Err(Refusal::NoCheckpoint(format!(
                        "the run has no checkpoint {number} to go back to"
                    )));
                };
                if checkpoint.partial {
                    return Err(Refusal::NoCheckpoint(format!(
                        "checkpoint {number} was taken while another step was running"
                    )));
                }
                let again = |index: usize| {
                    let step = &self.steps[index];
                    let begun = step.state != State::Pending || step.tries > 0;
                    let after = !step.state.is_ended() || step.order > checkpoint.ends;
                    (begun && after) || self.is_left_over(index)
                };
                let keys = (0..self.steps.len()).filter(|&step| again(step)).collect();
                let keys = self.with_forgotten(keys).into_iter();
                let keys = keys.map(|step| self.steps[step].key.clone()).collect();
                Ok((keys, ResetReason::Checkpoint(*number)))
            }
        }
    }
}
