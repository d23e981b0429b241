//! Applies events to a run. Total and pure: what the journal holds was decided, so an event that
//! does not fit means a damaged journal, and is a typed error rather than a guess.

mod artifact;
mod ends;
mod lifecycle;
mod merge;
mod program;
mod redirect;
mod session;
mod steps;

pub use lifecycle::ends_a_step;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::event::{Event, RunCreated};
use super::outbox::{Message, Outbox};
use super::plan::Plan;
use super::program::Program;
use super::session::{Files, Spending};
use super::state::{Run, Slot, State, Status, Step};
use crate::time::Timestamp;

/// An event that cannot have happened to a run in this state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event {event} does not fit a run that is {status}: {detail}")]
pub struct Illegal {
    /// The event's name.
    pub event: String,
    /// The run's status.
    pub status: String,
    /// What does not fit.
    pub detail: String,
}

impl Run {
    /// The run after its first event.
    ///
    /// # Errors
    /// [`Illegal`] when the args or an inherited step cannot be read.
    pub fn create(created: RunCreated, at: Timestamp, plan: Arc<Plan>) -> Result<Self, Illegal> {
        let args = serde_json::from_str(created.args.as_str()).map_err(|error| Illegal {
            event: "run_created".into(),
            status: "new".into(),
            detail: format!("its args are not JSON: {error}"),
        })?;
        let steps = plan
            .definition
            .steps
            .iter()
            .map(|s| Step::new(created.run, s.id.clone()));
        let mut outbox = Outbox::default();
        let claim = created.slot.clone();
        let slot_request = claim.map(|claim| outbox.push(Message::RequestSlot(claim)));
        let slot = match slot_request {
            Some(_) => Slot::Waiting { since: at },
            None => Slot::None,
        };
        let mut run = Self {
            steps: steps.collect(),
            created: Arc::new(created),
            created_at: at,
            updated_at: at,
            started_at: None,
            args,
            status: Status::Pending { pause: None },
            slot,
            slot_request,
            ready: BTreeSet::new(),
            active: BTreeSet::new(),
            timers: BTreeSet::new(),
            open_needs: Vec::new(),
            ended: 0,
            ends: 0,
            values: Arc::new(HashMap::new()),
            checkpoints: BTreeMap::new(),
            next_checkpoint: 0,
            leaving: BTreeMap::new(),
            outbox,
            messages: 0,
            open_messages: BTreeMap::new(),
            instructions: BTreeMap::new(),
            redirect: None,
            held: false,
            artifacts: BTreeMap::new(),
            files: Files::default(),
            spending: Spending::default(),
            running_ms: 0,
            running_since: None,
            program: plan.definition.program.as_ref().map(|_| Program::default()),
            plan,
        };
        run.held = run.created.follows.is_some();
        run.rebuild_frontier();
        let created = run.created.clone();
        match &created.program {
            Some(prefix) => run.take_over(prefix, &created.inherited)?,
            None => {
                for inherited in &created.inherited {
                    run.inherit(inherited)?;
                }
            }
        }
        Ok(run)
    }

    /// Applies one event.
    ///
    /// # Errors
    /// [`Illegal`] when the event does not fit; the run is then not to be used.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Illegal> {
        self.updated_at = self.updated_at.max(at);
        match event {
            Event::RunCreated(_) => Err(self.illegal("run_created", "it exists already")),
            Event::SlotGranted {} => self.slot_granted(),
            Event::RunStarted {} => self.run_started(at),
            Event::StepSkipped { key, reason } => {
                let place = self.place(key, "step_skipped")?;
                self.end(place, State::Skipped(*reason), at);
                Ok(())
            }
            Event::AttemptStarted {
                key,
                attempt,
                number,
                cause: _,
                heads,
                isolated,
            } => {
                self.begin_apart(key, *number, isolated.as_ref())?;
                self.attempt_started(key, *attempt, *number, heads, at)
            }
            Event::AttemptEnded { key, attempt, end } => self.attempt_ended(key, *attempt, end, at),
            Event::StepRequeued { key, cause } => self.step_requeued(key, *cause),
            Event::RetryScheduled {
                key,
                until,
                failure,
            } => self.retry_scheduled(key, *until, failure, at),
            Event::UsageLimitReached { key, until, detail } => {
                self.usage_limit_reached(key, *until, detail, at)
            }
            Event::SessionKnown {
                key,
                session,
                model,
                transcript,
                ..
            } => self.session_known(key, session, model.as_ref(), transcript.as_ref()),
            Event::SessionUsed { key, usage, .. } => self.session_used(key, *usage),
            Event::QuestionAsked { key, question, .. } => self.question_asked(key, question, at),
            Event::QuestionAnswered {
                key,
                question,
                answer,
                by,
            } => self.question_answered(key, question, answer, by, at),
            Event::QuestionClosed { key, question } => self.question_closed(key, question, at),
            Event::FilesKept { key, commit, .. } => self.files_kept(key, commit),
            Event::MergeAwaited { key } => self.merge_awaited(key, at),
            Event::MergeStarted { key } => self.merge_started(key, at),
            Event::WorkMerged { key, outcome } => self.work_merged(key, outcome),
            Event::FilesFinished { outcome } => self.files_finished(outcome, at),
            Event::BudgetWarned { .. } => {
                self.spending.warned = true;
                Ok(())
            }
            Event::ApprovalRequested {
                key,
                message,
                expires,
            } => self.begin_waiting(
                key,
                State::Approval {
                    message: message.as_str().to_owned(),
                    expires: *expires,
                    since: at,
                },
                at,
            ),
            Event::ApprovalAnswered { key, .. } => self.approval_answered(key),
            Event::WaitStarted { key, until } => self.begin_waiting(
                key,
                State::Timer {
                    until: *until,
                    since: at,
                },
                at,
            ),
            Event::ChildStarted {
                key,
                child,
                workflow,
                args,
                expires,
                isolated,
            } => {
                let (generation, newest) = self.files_for_children();
                self.outbox.push(Message::StartChild {
                    key: key.clone(),
                    child: *child,
                    workflow: workflow.clone(),
                    args: args.as_str().to_owned(),
                    isolated: isolated.clone(),
                    generation,
                    newest,
                });
                let state = State::Child {
                    run: *child,
                    workflow: workflow.clone(),
                    expires: *expires,
                    since: at,
                };
                self.begin_waiting(key, state, at)
            }
            Event::ChildEnded { key, child, .. } => self.child_ended(key, *child),
            Event::ChildAbandoned { key, child } => self.child_abandoned(key, *child, at),
            Event::ItemsListed { key, items, .. } => self.items_listed(key, items.as_str(), at),
            Event::LostAsked { key } => self.begin_waiting(key, State::AskLost { since: at }, at),
            Event::StepCompleted { key, output } => {
                let place = self.place(key, "step_completed")?;
                self.keep_output(place, output);
                self.end(place, State::Completed, at);
                Ok(())
            }
            Event::StepFailed { key, error, output } => {
                let place = self.place(key, "step_failed")?;
                self.keep_output(place, output);
                self.abandon_child(place);
                self.end(place, State::Failed(error.clone()), at);
                Ok(())
            }
            Event::CheckpointTaken {
                number,
                after,
                partial,
                commit,
            } => self.checkpoint_taken(*number, after, *partial, commit.as_deref(), at),
            Event::PauseRequested {
                reason,
                detail,
                by,
                immediate,
            } => self.pause_requested(*reason, detail.as_ref(), by, *immediate, at),
            Event::PauseWithdrawn { .. } => self.pause_withdrawn(),
            Event::RunPaused {} => self.run_paused(at),
            Event::PauseTimedOut { .. } => self.pause_timed_out(),
            Event::RunResumed { .. } => self.run_resumed(at),
            Event::CancelRequested { reason, by } => self.cancel_requested(reason.as_ref(), by, at),
            Event::RunCancelled {} => self.run_cancelled(at),
            Event::RunCompleted { outputs } => self.run_completed(outputs.as_str(), at),
            Event::RunFailed { error } => self.run_failed(error, at),
            Event::StepsReset {
                keys,
                because,
                kept,
                ..
            } => self.steps_reset(keys, because, kept),
            Event::MessagePosted(message) => {
                self.message_posted(message);
                Ok(())
            }
            Event::MessageStatus { message, status } => {
                self.message_status(*message, *status);
                Ok(())
            }
            Event::RedirectRequested(successor) => {
                self.redirect_requested(successor);
                Ok(())
            }
            Event::Redirected { run, number } => {
                self.successor_is_there(*run, *number);
                Ok(())
            }
            Event::PredecessorEnded {} => {
                self.held = false;
                Ok(())
            }
            Event::ArtifactAdded(artifact) => {
                self.artifact_added(artifact, at);
                Ok(())
            }
            Event::ArtifactsKept { key, files, .. } => {
                self.artifacts_kept(key, files, at);
                Ok(())
            }
            Event::ArtifactAttached { artifact, message } => {
                self.artifact_attached(*artifact, Some(*message));
                Ok(())
            }
            Event::ArtifactDetached { artifact } => {
                self.artifact_attached(*artifact, None);
                Ok(())
            }
            Event::Delivered { message } => {
                self.outbox.delivered(*message);
                Ok(())
            }
            Event::Called { call, options } => self.called(call, options),
            Event::ProgramEnded { end } => self.program_ended(end),
        }
    }

    pub(super) fn illegal(&self, event: &str, detail: impl Into<String>) -> Illegal {
        Illegal {
            event: event.into(),
            status: self.status.word().into(),
            detail: detail.into(),
        }
    }
}
