//! The only maker of [`Committed`]: what `dispatch` needs to act.

use std::sync::Arc;

use baton_core::ids::CommandId;
use baton_core::run::event::Event;
use baton_core::run::{Run, Slot, Status};
use baton_core::time::Timestamp;
use tokio::sync::oneshot;

use crate::ports::{Aggregate, Append, AppendError, Appended, Board, Journal, Wake};

/// Proof that events are durable. Only this module makes it.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) appended: Appended,
    pub(crate) at: Timestamp,
    pub(crate) events: Arc<Vec<Event>>,
    _proof: Proof,
}

#[derive(Debug)]
struct Proof;

/// When a run next wants attention.
pub(crate) fn wake(run: &Run) -> Wake {
    let attempts = run.in_flight().is_some_and(|attempts| !attempts.is_empty());
    Wake {
        due: run.due(),
        live: attempts || !run.outbox.is_empty() || needs_decision(run),
        unfinished: !run.status.is_ended() && !matches!(run.status, Status::Paused(_)),
    }
}

/// Whether the engine may have something to decide without being asked. A needless yes costs a
/// fold at the next start; a wrong no would be a run forgotten.
fn needs_decision(run: &Run) -> bool {
    match &run.status {
        Status::Pending { pause } => pause.is_some() || !matches!(run.slot, Slot::Waiting { .. }),
        Status::Running(running) => {
            !run.ready.is_empty()
                || run.program_may_go_on()
                || run.has_to_merge()
                || run.active.is_empty()
                || running.pause.is_some()
                || running.failing.is_some()
        }
        Status::Cancelling(_) => true,
        Status::Completed { .. } => run.files.finishing,
        Status::Paused(_) | Status::Failed { .. } | Status::Cancelled { .. } => false,
    }
}

/// A commit on its way to the disk. Nothing acts on it yet.
#[derive(Debug)]
pub(crate) struct Underway {
    /// Its sequence number, if it becomes durable.
    pub(crate) seq: u64,
    at: Timestamp,
    events: Arc<Vec<Event>>,
    reply: oneshot::Receiver<Result<Appended, AppendError>>,
}

impl Underway {
    /// Whether `dispatch` will have something to do: the run's state must then be the one after
    /// this commit.
    pub(crate) fn acts(&self) -> bool {
        self.events.iter().any(crate::dispatch::acts_on)
    }

    /// Waits until it is durable.
    pub(crate) async fn durable(self) -> Result<Committed, AppendError> {
        Ok(Committed {
            appended: answer(self.reply).await?,
            at: self.at,
            events: self.events,
            _proof: Proof,
        })
    }
}

/// Hands a decision about a run to the journal's writer. `run` is the state after it.
pub(crate) fn hand_over(
    journal: &dyn Journal,
    run: &Run,
    seq: u64,
    command: Option<CommandId>,
    at: Timestamp,
    mut events: Vec<Event>,
) -> Result<Underway, AppendError> {
    let mut blobs = Vec::new();
    for event in &mut events {
        blobs.extend(event.bigs().into_iter().filter_map(|big| big.blob()));
    }
    let bytes = serde_json::to_vec(&events).map_err(|e| AppendError::Failed(e.to_string()))?;
    let events = Arc::new(events);
    let append = Append {
        aggregate: Aggregate::Run(run.created.run),
        seq,
        command,
        at,
        events: bytes,
        decided: Some(Arc::clone(&events)),
        blobs,
        board: Some(Board {
            number: run.created.number,
            project: run.created.project.id,
            status: run.status.word(),
        }),
        wake: wake(run),
    };
    let (sender, reply) = oneshot::channel();
    journal.append(append, sender);
    Ok(Underway {
        seq,
        at,
        events,
        reply,
    })
}

/// Hands one commit over and waits until it is durable.
pub(crate) async fn append_one(
    journal: &dyn Journal,
    append: Append,
) -> Result<Appended, AppendError> {
    let (reply, done) = oneshot::channel();
    journal.append(append, reply);
    answer(done).await
}

async fn answer(
    reply: oneshot::Receiver<Result<Appended, AppendError>>,
) -> Result<Appended, AppendError> {
    reply
        .await
        .unwrap_or_else(|_| Err(AppendError::Failed("the journal is closed".into())))
}
