//! From stored commits to a folded aggregate.

use std::ops::ControlFlow;
use std::sync::Arc;

use baton_core::ids::RunId;
use baton_core::run::big::Big;
use baton_core::run::event::Event;
use baton_core::run::{Illegal, Run, Snapshot};

use crate::plans::{Plans, Unusable};
use crate::ports::{Aggregate, Journal, ReadError, Stored};

/// Why a journal gives no state.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The disk said no.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A row is not what was written.
    #[error("{aggregate}, commit {seq}: {detail}")]
    Damaged {
        /// Whose.
        aggregate: String,
        /// Which.
        seq: u64,
        /// What is wrong.
        detail: String,
    },
    /// The recorded definition cannot be read by this version.
    #[error(transparent)]
    Definition(#[from] Unusable),
}

/// A run and how far its journal was read.
#[derive(Debug, Clone)]
pub struct Folded {
    /// The run.
    pub run: Run,
    /// The sequence number of its last commit.
    pub seq: u64,
}

/// The events of a commit of a run, with their long texts.
///
/// # Errors
/// [`FoldError`].
pub fn decode(journal: &dyn Journal, stored: &Stored) -> Result<Arc<Vec<Event>>, FoldError> {
    if let Some(decided) = &stored.decided {
        return Ok(Arc::clone(decided));
    }
    let damaged = |detail: String| FoldError::Damaged {
        aggregate: stored.aggregate.to_string(),
        seq: stored.seq,
        detail,
    };
    let mut events: Vec<Event> =
        serde_json::from_slice(&stored.events).map_err(|error| damaged(error.to_string()))?;
    for event in &mut events {
        for big in event.bigs() {
            if let Big::Elsewhere(hash) = big {
                let text = journal.blob(hash)?;
                let text = text.ok_or_else(|| damaged(format!("the blob {hash} is missing")))?;
                *big = Big::Here(text);
            }
        }
    }
    Ok(Arc::new(events))
}

/// Folds a run from its journal; `None` when there is none.
///
/// # Errors
/// [`FoldError`].
pub fn load_run(
    journal: &dyn Journal,
    plans: &Plans,
    run: RunId,
) -> Result<Option<Folded>, FoldError> {
    let aggregate = Aggregate::Run(run);
    let mut folded = cached(journal, plans, &aggregate)?;
    let after = folded.as_ref().map_or(0, |folded| folded.seq);
    walk(journal, &aggregate, after, |stored| {
        let events = decode(journal, &stored)?;
        apply(&mut folded, plans, &stored, &events)?;
        Ok::<_, FoldError>(ControlFlow::Continue(()))
    })?;
    Ok(folded)
}

/// Goes through a journal after this sequence number, oldest first, one commit at a time, until
/// `each` says that it is enough, or fails.
///
/// # Errors
/// That of `each`, or of the disk.
pub fn walk<E: From<ReadError>>(
    journal: &dyn Journal,
    aggregate: &Aggregate,
    after: u64,
    mut each: impl FnMut(Stored) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let mut failed = None;
    journal.walk(aggregate, after, &mut |stored| match each(stored) {
        Ok(flow) => flow,
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// The run as of its newest kept state, if that fits.
fn cached(
    journal: &dyn Journal,
    plans: &Plans,
    aggregate: &Aggregate,
) -> Result<Option<Folded>, FoldError> {
    let Some((seq, bytes)) = journal.snapshot(aggregate) else {
        return Ok(None);
    };
    let Ok(mut snapshot) = serde_json::from_slice::<Snapshot>(&bytes) else {
        return Ok(None);
    };
    for big in snapshot.bigs() {
        if let Big::Elsewhere(hash) = big {
            let Some(text) = journal.blob(hash)? else {
                return Ok(None);
            };
            *big = Big::Here(text);
        }
    }
    let plan = plans.of_run(snapshot.created())?;
    Ok(snapshot.restore(plan).map(|run| Folded { run, seq }))
}

/// Keeps the state of a run with many commits, now and then.
pub(crate) fn keep(journal: &dyn Journal, folded: &Folded) {
    if folded.seq.is_multiple_of(journal.snapshot_every())
        && let Ok(bytes) = serde_json::to_vec(&Snapshot::of(&folded.run))
    {
        journal.keep_snapshot(&Aggregate::Run(folded.run.created.run), folded.seq, bytes);
    }
}

/// Applies one commit, the first included.
///
/// # Errors
/// [`FoldError`].
pub fn apply(
    folded: &mut Option<Folded>,
    plans: &Plans,
    stored: &Stored,
    events: &[Event],
) -> Result<(), FoldError> {
    let damaged = |illegal: Illegal| FoldError::Damaged {
        aggregate: stored.aggregate.to_string(),
        seq: stored.seq,
        detail: illegal.to_string(),
    };
    for event in events {
        match (&mut *folded, event) {
            (None, Event::RunCreated(created)) => {
                let plan = plans.of_run(created)?;
                let run = Run::create((**created).clone(), stored.at, plan).map_err(damaged)?;
                *folded = Some(Folded {
                    run,
                    seq: stored.seq,
                });
            }
            (None, _) => {
                return Err(FoldError::Damaged {
                    aggregate: stored.aggregate.to_string(),
                    seq: stored.seq,
                    detail: "the first event is not the run's creation".into(),
                });
            }
            (Some(folded), event) => folded.run.apply(event, stored.at).map_err(damaged)?,
        }
    }
    if let Some(folded) = folded {
        folded.seq = stored.seq;
    }
    Ok(())
}
