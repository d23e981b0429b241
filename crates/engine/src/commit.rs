//! The only maker of [`Committed`]: what `dispatch` needs to act.

use std::sync::Arc;

use baton_core::ids::CommandId;
use baton_core::run::Run;
use baton_core::run::event::Event;
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
    let ended = run.status.is_ended();
    let paused = matches!(run.status, baton_core::run::Status::Paused(_));
    Wake {
        due: if run.ready.is_empty() || paused || ended {
            run.due()
        } else {
            Some(Timestamp::from_millis(0))
        },
        live: attempts || !run.outbox.is_empty() || needs_decision(run),
        unfinished: !ended && !paused,
    }
}

/// Whether the engine has something to decide at once.
fn needs_decision(run: &Run) -> bool {
    use baton_core::run::{Slot, Status};
    match &run.status {
        Status::Pending { pause } => pause.is_some() || !matches!(run.slot, Slot::Waiting { .. }),
        Status::Running(_) => !run.ready.is_empty() || run.active.is_empty(),
        Status::Cancelling(_) => true,
        Status::Paused(_)
        | Status::Completed { .. }
        | Status::Failed { .. }
        | Status::Cancelled { .. } => false,
    }
}

/// Makes a decision about a run durable. `run` is the state after it.
pub(crate) async fn commit_run(
    journal: &dyn Journal,
    run: &Run,
    seq: u64,
    command: Option<CommandId>,
    at: Timestamp,
    mut events: Vec<Event>,
) -> Result<Committed, AppendError> {
    let mut blobs = Vec::new();
    for event in &mut events {
        blobs.extend(event.bigs().into_iter().filter_map(|big| big.blob()));
    }
    let bytes = serde_json::to_vec(&events).map_err(|e| AppendError::Failed(e.to_string()))?;
    let append = Append {
        aggregate: Aggregate::Run(run.created.run),
        seq,
        command,
        at,
        events: bytes,
        blobs,
        board: Some(Board {
            number: run.created.number,
            project: run.created.project.id,
            status: run.status.word(),
        }),
        wake: wake(run),
    };
    let appended = append_one(journal, append).await?;
    Ok(Committed {
        appended,
        at,
        events: Arc::new(events),
        _proof: Proof,
    })
}

/// Hands one commit over and waits until it is durable.
pub(crate) async fn append_one(
    journal: &dyn Journal,
    append: Append,
) -> Result<Appended, AppendError> {
    let (reply, done) = oneshot::channel();
    journal.append(append, reply);
    done.await
        .unwrap_or_else(|_| Err(AppendError::Failed("the journal is closed".into())))
}
