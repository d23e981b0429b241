//! Decisions about a run: a command and the state give events, or a refusal. Nothing else. One file
//! per command; [`advance`] is what the engine asks when no command is at hand.

mod advance;
mod answer;
mod answered;
mod artifact;
mod asked;
mod attempt;
mod cancel;
mod child;
mod command;
mod comment;
mod fork;
mod merge;
mod pause;
mod post;
mod redirect;
mod remove;
mod resume;
mod session;
mod start;
mod tick;

pub use command::{Command, News, ResumeFrom};
pub use comment::check;
pub use fork::{files_before, inherited};
pub use redirect::opening;
pub use start::{unavailable, unfit};

use std::collections::BTreeMap;

use super::event::{Event, StepError};
use super::state::{Run, Status};
use crate::definition::template::TemplateError;
use crate::ids::Mint;
use crate::time::Timestamp;

/// What a decision may know besides the state: all of it journaled by its effects.
#[derive(Debug)]
pub struct Context<'a> {
    /// The time of the decision.
    pub now: Timestamp,
    /// Makes ids and randomness.
    pub mint: Mint,
    /// The variables of the run's environment that expressions may name.
    pub env: &'a BTreeMap<String, String>,
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run does not exist.
    #[error("there is no such run")]
    NoRun,
    /// The run exists already.
    #[error("the run exists already")]
    Exists,
    /// The run is in no state for that.
    #[error("{detail}")]
    InvalidState {
        /// The run's status.
        status: &'static str,
        /// For people.
        detail: String,
    },
    /// The run has no such step.
    #[error("the run has no step `{0}`")]
    NoStep(String),
    /// The run has no such checkpoint that could be gone back to.
    #[error("{0}")]
    NoCheckpoint(String),
    /// Nothing waits for that answer, or it was given before.
    #[error("{0}")]
    NotWaiting(String),
    /// Others have not heard from the run yet.
    #[error("{0}")]
    Outstanding(String),
    /// A report of an attempt that is not the current one.
    #[error("the attempt is not the current one")]
    Stale,
    /// Whoever asks may not decide that.
    #[error("{0}")]
    Forbidden(String),
    /// This part of Baton is not there yet.
    #[error("{0}")]
    NotAvailable(String),
    /// The command cannot mean anything.
    #[error("{0}")]
    Invalid(String),
}

impl Run {
    /// What follows from a command.
    ///
    /// # Errors
    /// [`Refusal`]: nothing changes.
    pub fn decide(&self, command: &Command, context: &mut Context) -> Result<Vec<Event>, Refusal> {
        Ok(self.counted(self.decide_on(command, context)?))
    }

    /// The messages of one decision, counted on from those there are.
    fn counted(&self, mut events: Vec<Event>) -> Vec<Event> {
        let mut next = self.messages;
        for event in &mut events {
            if let Event::MessagePosted(posted) = event {
                posted.message = next;
                next += 1;
            }
        }
        events
    }

    fn decide_on(&self, command: &Command, context: &mut Context) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Start(_) => Err(Refusal::Exists),
            Command::AttemptEnded { attempt, end } => self.end_attempt(*attempt, end, context),
            Command::Hear { attempt, news } => self.hear(*attempt, news),
            Command::FilesFinished { outcome } => Ok(self.finished(outcome)),
            Command::Merged {
                key,
                number,
                outcome,
            } => Ok(self.merged(key, *number, outcome)),
            Command::Reply {
                step,
                question,
                answer,
                by,
            } => self.reply(step.as_deref(), question.as_deref(), answer, by),
            Command::Tick => Ok(self.tick(context)),
            Command::Pause {
                detail,
                by,
                reason,
                immediate,
            } => self.pause(detail.as_deref(), by, *reason, *immediate),
            Command::Resume { from, by, text } => self.resume(from.as_ref(), text.as_deref(), by),
            Command::Cancel { reason, by } => self.cancel(reason.as_deref(), by),
            Command::Answer {
                step,
                approved,
                message,
                by,
            } => self.answer(step.as_deref(), *approved, message.as_deref(), by),
            Command::SkipWait { step, by } => self.skip_wait(step, by),
            Command::Post {
                content,
                action,
                step,
                metadata,
                by,
            } => {
                let step = step.as_deref();
                self.post(content, *action, step, metadata.as_ref(), by, context)
            }
            Command::SlotGranted { request }
            | Command::SlotRefused { request, .. }
            | Command::SlotTaken { request }
                if request.is_some() && *request != self.slot_request =>
            {
                // About a place that it has given back since.
                Ok(vec![])
            }
            Command::SlotGranted { .. } => self.slot_comes(),
            Command::SlotRefused { detail, .. } => self.slot_refused(detail),
            Command::SlotTaken { .. } => self.slot_taken(),
            Command::ChildEnded {
                key,
                child,
                outcome,
            } => self.end_child(key, *child, outcome, context),
            Command::Asked {
                epoch,
                from,
                asks,
                end,
            } => self.asked(*epoch, *from, asks, end.as_ref(), context),
            Command::Redirected { outcome } => Ok(self.redirected(outcome)),
            Command::PredecessorEnded => Ok(self.predecessor_ended()),
            Command::AddArtifact(artifact) => self.add_artifact(artifact),
            Command::Attach { artifact, message } => self.attach(*artifact, *message),
            Command::Detach { artifact } => self.detach(*artifact),
            Command::Delivered { message } => Ok(if self.outbox.holds(*message) {
                vec![Event::Delivered { message: *message }]
            } else {
                vec![]
            }),
        }
    }

    fn invalid_state(&self, what: &str) -> Refusal {
        let status = match &self.status {
            Status::Cancelling(_) => "being cancelled",
            other => other.word(),
        };
        Refusal::InvalidState {
            status: self.status.word(),
            detail: format!("run {} is {status}: {what}", self.created.number),
        }
    }
}

fn template_failure(error: &TemplateError) -> StepError {
    StepError {
        code: super::event::ErrorCode::Template,
        message: error.to_string(),
    }
}
