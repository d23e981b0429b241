//! Events of a step between its start and its end.

use super::super::event::{AttemptEnd, Cause, StepError};
use super::super::state::{At, Checkpoint, Leaving, Run, State, Status, Step};
use super::Illegal;
use crate::definition::Action;
use crate::ids::{AttemptId, RunId};
use crate::time::Timestamp;

impl Run {
    pub(super) fn attempt_started(
        &mut self,
        key: &str,
        attempt: AttemptId,
        number: u32,
        heads: &[u32],
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let place = self.place(key, "attempt_started")?;
        self.begin_session(place, heads);
        self.leave(place);
        let Status::Running(running) = &mut self.status else {
            return Err(self.illegal("attempt_started", "only a running run starts processes"));
        };
        running.in_flight.insert(attempt, place);
        self.running_since.get_or_insert(now);
        self.active.insert(place);
        if let Some(step) = self.step_mut(place) {
            step.state = State::Working { attempt };
            step.tries = number;
            step.last_attempt = Some(attempt);
            step.attempt_since = Some(now);
            step.commit = None;
            step.started_at.get_or_insert(now);
        }
        Ok(())
    }

    pub(super) fn attempt_ended(
        &mut self,
        key: &str,
        attempt: AttemptId,
        end: &AttemptEnd,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let place = self.place(key, "attempt_ended")?;
        let in_flight = match &mut self.status {
            Status::Running(running) => &mut running.in_flight,
            Status::Cancelling(cancelling) => &mut cancelling.in_flight,
            _ => return Err(self.illegal("attempt_ended", "no process runs")),
        };
        if in_flight.remove(&attempt) != Some(place) {
            return Err(self.illegal("attempt_ended", "the attempt is not in flight"));
        }
        if in_flight.is_empty()
            && let Some(since) = self.running_since.take()
        {
            let length = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
            self.running_ms = self.running_ms.saturating_add(length);
        }
        if let Some(step) = self.step_mut(place) {
            step.state = State::Settling;
            match end {
                AttemptEnd::Succeeded { output } | AttemptEnd::Failed { output, .. } => {
                    step.last_output = output.clone();
                    (step.lost, step.never_started, step.usage_limits) = (0, 0, 0);
                }
                AttemptEnd::UsageLimit { .. } => {
                    (step.lost, step.never_started) = (0, 0);
                    step.usage_limits = step.usage_limits.saturating_add(1);
                }
                AttemptEnd::SessionLost { .. } => {
                    step.lost = 0;
                    step.never_started = 0;
                }
                AttemptEnd::Lost { never_started, .. } => match never_started {
                    true => step.never_started += 1,
                    false => step.lost += 1,
                },
                AttemptEnd::Stopped {} | AttemptEnd::Parked {} => {}
            }
        }
        self.end_session(place, matches!(end, AttemptEnd::SessionLost { .. }));
        Ok(())
    }

    pub(super) fn step_requeued(&mut self, key: &str, cause: Cause) -> Result<(), Illegal> {
        let place = self.place(key, "step_requeued")?;
        self.leave(place);
        let is_function = matches!(self.declared(place).action, Action::Function);
        match &mut self.program {
            // It runs where its program does.
            Some(program) if is_function => program.outcomes.push(place.step),
            _ => {
                self.ready.insert(place);
            }
        }
        if let Some(step) = self.step_mut(place) {
            step.state = State::Pending;
            step.next_cause = cause;
        }
        Ok(())
    }

    pub(super) fn retry_scheduled(
        &mut self,
        key: &str,
        until: Timestamp,
        failure: &StepError,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let place = self.place(key, "retry_scheduled")?;
        self.leave(place);
        self.active.insert(place);
        self.timers.insert((until, place));
        if let Some(step) = self.step_mut(place) {
            step.state = State::Backoff { until, since: now };
            step.failures.push(failure.clone());
            step.next_cause = Cause::Retry;
        }
        Ok(())
    }

    pub(super) fn usage_limit_reached(
        &mut self,
        key: &str,
        until: Timestamp,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let place = self.place(key, "usage_limit_reached")?;
        self.leave(place);
        self.active.insert(place);
        self.timers.insert((until, place));
        if let Some(step) = self.step_mut(place) {
            step.state = State::UsageLimit {
                until,
                since: now,
                detail: detail.to_owned(),
            };
            step.next_cause = Cause::UsageLimit;
        }
        Ok(())
    }

    /// A step begins to wait for something outside, without a process.
    pub(super) fn begin_waiting(
        &mut self,
        key: &str,
        state: State,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let place = self.place(key, "wait")?;
        if !matches!(self.status, Status::Running(_)) {
            return Err(self.illegal("wait", "only a running run starts steps"));
        }
        self.leave(place);
        self.active.insert(place);
        if let Some(due) = state.due() {
            self.timers.insert((due, place));
        }
        if let Some(step) = self.step_mut(place) {
            step.state = state;
            step.started_at.get_or_insert(now);
        }
        Ok(())
    }

    pub(super) fn approval_answered(&mut self, key: &str) -> Result<(), Illegal> {
        let place = self.place(key, "approval_answered")?;
        self.settle(place, "approval_answered", |state| {
            matches!(state, State::Approval { .. } | State::AskLost { .. })
        })
    }

    pub(super) fn child_abandoned(
        &mut self,
        key: &str,
        child: RunId,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let place = self.place(key, "child_abandoned")?;
        let is_its = |state: &State| matches!(state, State::Child { run, .. } if *run == child);
        if !self.step(place).is_some_and(|step| is_its(&step.state)) {
            return Err(self.illegal("child_abandoned", "it is not the step's child"));
        }
        self.abandon_child(place);
        let leaving = Leaving {
            key: key.to_owned(),
            step: place.step,
            since: now,
        };
        self.leaving.insert(child, leaving);
        Ok(())
    }

    pub(super) fn child_ended(&mut self, key: &str, child: RunId) -> Result<(), Illegal> {
        if self.leaving.remove(&child).is_some() {
            return Ok(());
        }
        let place = self.place(key, "child_ended")?;
        self.settle(
            place,
            "child_ended",
            |state| matches!(state, State::Child { run, .. } if *run == child),
        )
    }

    pub(super) fn settle(
        &mut self,
        place: At,
        event: &str,
        fits: impl Fn(&State) -> bool,
    ) -> Result<(), Illegal> {
        if !self.step(place).is_some_and(|step| fits(&step.state)) {
            return Err(self.illegal(event, "the step does not wait for that"));
        }
        self.leave(place);
        self.active.insert(place);
        if let Some(step) = self.step_mut(place) {
            step.state = State::Settling;
        }
        Ok(())
    }

    pub(super) fn items_listed(
        &mut self,
        key: &str,
        items: &str,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let place = self.place(key, "items_listed")?;
        let items: Vec<serde_json::Value> = serde_json::from_str(items)
            .map_err(|error| self.illegal("items_listed", format!("no list: {error}")))?;
        self.leave(place);
        self.active.insert(place);
        let run = self.created.run;
        let step = &mut self.steps[place.step];
        step.started_at.get_or_insert(now);
        step.state = State::Items {
            next: 0,
            open: items.len(),
            failed: false,
        };
        let (key, tries) = (&step.key, &step.item_tries);
        let make = |(index, item)| Step {
            item: Some(item),
            tries: tries.get(index).copied().unwrap_or_default(),
            ..Step::new(run, format!("{key}.{index}"))
        };
        step.items = items.into_iter().enumerate().map(make).collect();
        self.fill_items(place.step);
        Ok(())
    }

    pub(super) fn checkpoint_taken(
        &mut self,
        number: u32,
        after: &str,
        partial: bool,
        commit: Option<&str>,
        at: Timestamp,
    ) -> Result<(), Illegal> {
        if number < self.next_checkpoint {
            return Err(self.illegal("checkpoint_taken", "its number was used before"));
        }
        self.next_checkpoint = number + 1;
        let checkpoint = Checkpoint {
            after: after.to_owned(),
            at,
            ends: self.ends,
            partial,
            commit: commit.map(str::to_owned),
        };
        if let Some(commit) = commit {
            self.files.newest = Some(commit.to_owned());
        }
        self.checkpoints.insert(number, checkpoint);
        Ok(())
    }
}
