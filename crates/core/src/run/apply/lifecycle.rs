//! Events of the run as a whole.

use super::super::big::Big;
use super::super::event::{
    Action, ActionStatus, Actor, ChildOutcome, Event, PauseReason, RunError,
};
use super::super::outbox::{ChildOrder, Message};
use super::super::state::{At, Cancelling, Pause, Run, Running, Slot, State, Status};
use super::Illegal;
use crate::time::Timestamp;

impl Run {
    pub(super) fn slot_granted(&mut self) -> Result<(), Illegal> {
        match self.slot {
            Slot::Waiting { .. } => {
                self.slot = Slot::Held;
                Ok(())
            }
            Slot::None | Slot::Held => Err(self.illegal("slot_granted", "it did not wait for one")),
        }
    }

    pub(super) fn run_started(&mut self, now: Timestamp) -> Result<(), Illegal> {
        if !matches!(self.status, Status::Pending { pause: None }) {
            return Err(self.illegal("run_started", "only a pending run starts"));
        }
        self.started_at.get_or_insert(now);
        self.status = Status::Running(Running::default());
        Ok(())
    }

    pub(super) fn pause_requested(
        &mut self,
        reason: PauseReason,
        detail: Option<&String>,
        by: &Actor,
        immediate: bool,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let request = Pause {
            reason,
            detail: detail.cloned(),
            by: by.clone(),
            since: now,
            requested_at: now,
            immediate,
            timed_out: false,
            failing: None,
        };
        match &mut self.status {
            Status::Running(Running { pause, .. }) | Status::Pending { pause } => {
                *pause = Some(request);
                self.tell_children(match immediate {
                    true => ChildOrder::PauseNow,
                    false => ChildOrder::Pause,
                });
                Ok(())
            }
            _ => Err(self.illegal("pause_requested", "it does not run")),
        }
    }

    pub(super) fn pause_withdrawn(&mut self) -> Result<(), Illegal> {
        let Status::Running(running) = &mut self.status else {
            return Err(self.illegal("pause_withdrawn", "it does not run"));
        };
        running.pause = None;
        if self.is_used_up() {
            self.grant_budget();
        }
        self.tell_children(ChildOrder::Resume);
        Ok(())
    }

    pub(super) fn run_paused(&mut self, now: Timestamp) -> Result<(), Illegal> {
        let merging = self.is_merging();
        let (pause, failing) = match &mut self.status {
            Status::Pending { pause } => (pause.take(), None),
            Status::Running(running)
                if running.in_flight.is_empty() && self.leaving.is_empty() && !merging =>
            {
                (running.pause.take(), running.failing)
            }
            _ => (None, None),
        };
        let Some(pause) = pause else {
            return Err(self.illegal("run_paused", "no pause was asked for, or a process runs"));
        };
        self.status = Status::Paused(Pause {
            since: now,
            failing,
            ..pause
        });
        Ok(())
    }

    pub(super) fn pause_timed_out(&mut self) -> Result<(), Illegal> {
        let Status::Paused(pause) = &mut self.status else {
            return Err(self.illegal("pause_timed_out", "it is not paused"));
        };
        pause.timed_out = true;
        Ok(())
    }

    pub(super) fn run_resumed(&mut self, now: Timestamp) -> Result<(), Illegal> {
        match &self.status {
            Status::Paused(pause) => {
                let failing = pause.failing;
                if pause.reason == PauseReason::Budget || self.is_used_up() {
                    self.grant_budget();
                }
                self.tell_children(ChildOrder::Resume);
                self.status = match self.slot {
                    Slot::Waiting { .. } => Status::Pending { pause: None },
                    Slot::None | Slot::Held if self.started_at.is_none() => {
                        Status::Pending { pause: None }
                    }
                    Slot::None | Slot::Held => Status::Running(Running {
                        failing,
                        ..Running::default()
                    }),
                };
                Ok(())
            }
            Status::Completed { .. } | Status::Failed { .. } | Status::Cancelled { .. } => {
                if self.is_used_up() {
                    self.grant_budget();
                }
                self.let_program_go_on();
                // The end has emptied it, and there need not be a step to reset.
                self.rebuild_frontier();
                self.status = match self.created.slot.clone() {
                    Some(claim) => {
                        let number = self.outbox.push(Message::RequestSlot(claim));
                        self.slot_request = Some(number);
                        self.slot = Slot::Waiting { since: now };
                        Status::Pending { pause: None }
                    }
                    None if self.started_at.is_none() => Status::Pending { pause: None },
                    None => Status::Running(Running::default()),
                };
                Ok(())
            }
            Status::Pending { .. } | Status::Running(_) | Status::Cancelling(_) => {
                Err(self.illegal("run_resumed", "it goes on already"))
            }
        }
    }

    pub(super) fn cancel_requested(
        &mut self,
        reason: Option<&String>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let in_flight = match &mut self.status {
            Status::Running(running) => std::mem::take(&mut running.in_flight),
            Status::Pending { .. } | Status::Paused(_) => std::collections::BTreeMap::new(),
            _ => return Err(self.illegal("cancel_requested", "it has ended or is ending")),
        };
        self.tell_children(ChildOrder::Cancel);
        self.status = Status::Cancelling(Cancelling {
            in_flight,
            since: now,
            reason: reason.cloned(),
            by: by.clone(),
        });
        Ok(())
    }

    pub(super) fn run_cancelled(&mut self, now: Timestamp) -> Result<(), Illegal> {
        let reason = match &self.status {
            Status::Cancelling(cancelling)
                if cancelling.in_flight.is_empty()
                    && self.leaving.is_empty()
                    && !self.is_merging() =>
            {
                cancelling.reason.clone()
            }
            _ => return Err(self.illegal("run_cancelled", "a process may still run")),
        };
        // Items before their parents, so that a parent ends last.
        let open: Vec<At> = self.active.iter().rev().copied().collect();
        for place in open {
            self.end(place, State::Cancelled, now);
        }
        self.ready.clear();
        self.finish(
            Status::Cancelled { at: now, reason },
            ChildOutcome::Cancelled {},
        );
        self.tell_successor();
        Ok(())
    }

    pub(super) fn run_completed(&mut self, outputs: &str, now: Timestamp) -> Result<(), Illegal> {
        let works = self.in_flight().is_some_and(|all| !all.is_empty());
        let open = !self.active.is_empty() && self.program.is_none();
        if open || works || !self.leaving.is_empty() || !matches!(self.status, Status::Running(_)) {
            return Err(self.illegal("run_completed", "steps have not ended"));
        }
        // What a program raced against and did not wait for.
        self.put_back_open();
        let value = serde_json::from_str(outputs)
            .map_err(|error| self.illegal("run_completed", format!("bad outputs: {error}")))?;
        let outcome = ChildOutcome::Completed {
            outputs: Big::new(outputs),
            commit: self.shared_files(),
        };
        self.files.finishing = self.created.workspace.as_ref().is_some_and(|w| !w.shared);
        self.finish(
            Status::Completed {
                at: now,
                outputs: value,
            },
            outcome,
        );
        Ok(())
    }

    pub(super) fn run_failed(&mut self, error: &RunError, now: Timestamp) -> Result<(), Illegal> {
        if self
            .in_flight()
            .is_some_and(|attempts| !attempts.is_empty())
            || !self.leaving.is_empty()
            || self.is_merging()
        {
            return Err(self.illegal("run_failed", "a process may still run"));
        }
        self.put_back_open();
        let outcome = ChildOutcome::Failed {
            message: error.message.clone(),
            code: None,
            commit: self.shared_files(),
        };
        self.finish(
            Status::Failed {
                at: now,
                error: error.clone(),
            },
            outcome,
        );
        Ok(())
    }

    /// Steps that wait for something outside are as if they had not started.
    fn put_back_open(&mut self) {
        let open: Vec<At> = self.active.iter().copied().collect();
        for place in open {
            self.leave(place);
            if let Some(step) = self.step_mut(place) {
                step.state = State::Pending;
            }
        }
        self.ready.clear();
    }

    fn finish(&mut self, status: Status, outcome: ChildOutcome) {
        self.status = status;
        if self.slot != Slot::None
            && let Some(claim) = self.created.slot.clone()
        {
            self.slot = Slot::None;
            self.outbox.push(Message::ReleaseSlot(claim));
        }
        // An isolated child has something to do before its parent hears of a good end.
        if !(self.files.finishing && self.is_isolated()) {
            self.tell_parent(outcome);
        }
    }

    pub(super) fn tell_parent(&mut self, outcome: ChildOutcome) {
        if let Some(parent) = &self.created.parent
            && let Some(key) = parent.step.clone()
        {
            self.outbox.push(Message::TellParent {
                parent: parent.run,
                key,
                outcome,
            });
        }
    }

    fn tell_children(&mut self, order: ChildOrder) {
        for place in self.active.clone() {
            if let Some(State::Child { run, .. }) = self.step(place).map(|step| &step.state) {
                let child = *run;
                self.outbox.push(Message::TellChild { child, order });
            }
        }
    }

    pub(super) fn note_action(&mut self, message: u32, action: Action, status: ActionStatus) {
        match status {
            ActionStatus::Pending | ActionStatus::Acknowledged => {
                self.open_messages.insert(message, action);
            }
            ActionStatus::Processed | ActionStatus::Ignored => {
                self.open_messages.remove(&message);
            }
        }
    }
}

/// Whether an event ends a step: at most one such event is decided on by the engine itself per
/// commit, so that no decision ends two steps that depend on each other.
#[must_use]
pub fn ends_a_step(event: &Event) -> bool {
    matches!(
        event,
        Event::StepCompleted { .. } | Event::StepFailed { .. } | Event::StepSkipped { .. }
    )
}
