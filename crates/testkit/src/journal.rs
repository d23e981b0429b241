//! A journal in memory that can refuse, and that can die with its host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use baton_core::ids::{CommandId, RunId};
use baton_core::run::big::Hash;
use baton_engine::ports::{
    Aggregate, Append, AppendError, Appended, Journal, Position, ReadError, Stored, Wake,
};
use tokio::sync::oneshot;

/// What happens to an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full, or the sync failed: nothing of it is durable.
    Refuse,
    /// It is durable, and answered as failed: a sync that failed after the disk had it.
    RefuseAfter,
    /// The host dies before it is written.
    DieBefore,
    /// It is durable, and the host dies before it learns of it.
    DieAfter,
}

type Plan = Box<dyn FnMut(u64) -> Option<Fault> + Send>;

#[derive(Default)]
struct State {
    commits: Vec<Stored>,
    heads: HashMap<Aggregate, u64>,
    wakes: HashMap<Aggregate, Wake>,
    commands: HashMap<CommandId, (Aggregate, Appended)>,
    blobs: HashMap<Hash, Arc<str>>,
    appends: u64,
    numbers: u64,
    dead: bool,
    plan: Option<Plan>,
    snapshots: HashMap<Aggregate, (u64, Vec<u8>)>,
    hides_snapshots: bool,
}

/// See the module. Survives the hosts that use it.
#[derive(Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

impl MemoryJournal {
    /// Asks this before each append, with the append's count from 1 over all lives.
    pub fn plan(&self, plan: impl FnMut(u64) -> Option<Fault> + Send + 'static) {
        self.state.lock().unwrap().plan = Some(Box::new(plan));
    }

    /// Deletes an aggregate, as the store does.
    pub fn remove(&self, aggregate: &Aggregate) {
        let mut state = self.state.lock().unwrap();
        state.heads.remove(aggregate);
        state.wakes.remove(aggregate);
        state.snapshots.remove(aggregate);
        state.commands.retain(|_, (of, _)| of != aggregate);
        // Its place stays, so that positions are those of the list.
        for stored in &mut state.commits {
            if stored.aggregate == *aggregate {
                stored.aggregate = Aggregate::Slot("removed".into());
            }
        }
    }

    /// No faults any more.
    pub fn heal(&self) {
        self.state.lock().unwrap().plan = None;
    }

    /// Whether the host that used it has died.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state.lock().unwrap().dead
    }

    /// Whether readers fold from the first event, as if no state had been kept.
    pub fn hide_snapshots(&self, hide: bool) {
        self.state.lock().unwrap().hides_snapshots = hide;
    }

    /// A new host uses it.
    pub fn revive(&self) {
        self.state.lock().unwrap().dead = false;
    }

    /// How many commits are durable.
    #[must_use]
    pub fn commits(&self) -> usize {
        self.state.lock().unwrap().commits.len()
    }
}

impl Journal for MemoryJournal {
    fn append(&self, append: Append, reply: oneshot::Sender<Result<Appended, AppendError>>) {
        let mut state = self.state.lock().unwrap();
        if state.dead {
            // A dead host's reply never comes.
            std::mem::forget(reply);
            return;
        }
        state.appends += 1;
        let count = state.appends;
        let fault = state.plan.as_mut().and_then(|plan| plan(count));
        match fault {
            Some(Fault::Refuse) => {
                let _ = reply.send(Err(AppendError::Failed("no space left on device".into())));
                return;
            }
            Some(Fault::DieBefore) => {
                state.dead = true;
                std::mem::forget(reply);
                return;
            }
            Some(Fault::DieAfter | Fault::RefuseAfter) | None => {}
        }
        let head = state.heads.get(&append.aggregate).copied().unwrap_or(0);
        if let Some(id) = &append.command
            && let Some((_, appended)) = state.commands.get(id)
        {
            let _ = reply.send(Err(AppendError::Repeated(*appended)));
            return;
        }
        if append.seq != head + 1 {
            let _ = reply.send(Err(AppendError::Conflict { head }));
            return;
        }
        let position = Position(state.commits.len() as u64 + 1);
        let appended = Appended {
            position,
            seq: append.seq,
        };
        state.heads.insert(append.aggregate.clone(), append.seq);
        state.wakes.insert(append.aggregate.clone(), append.wake);
        state.blobs.extend(append.blobs);
        if let Some(id) = append.command {
            state
                .commands
                .insert(id, (append.aggregate.clone(), appended));
        }
        state.commits.push(Stored {
            aggregate: append.aggregate,
            seq: append.seq,
            position,
            at: append.at,
            events: append.events.into(),
            // Read as from a disk.
            decided: None,
        });
        if fault == Some(Fault::DieAfter) {
            state.dead = true;
            std::mem::forget(reply);
        } else if fault == Some(Fault::RefuseAfter) {
            let _ = reply.send(Err(AppendError::Failed("the sync failed".into())));
        } else {
            let _ = reply.send(Ok(appended));
        }
    }

    fn load(&self, aggregate: &Aggregate, after: u64) -> Result<Vec<Stored>, ReadError> {
        let state = self.state.lock().unwrap();
        let of = |stored: &&Stored| stored.aggregate == *aggregate && stored.seq > after;
        Ok(state.commits.iter().filter(of).cloned().collect())
    }

    fn snapshot(&self, aggregate: &Aggregate) -> Option<(u64, Vec<u8>)> {
        let state = self.state.lock().unwrap();
        if state.hides_snapshots {
            None
        } else {
            state.snapshots.get(aggregate).cloned()
        }
    }

    fn snapshot_every(&self) -> u64 {
        // So often that every crash finds one.
        3
    }

    fn keep_snapshot(&self, aggregate: &Aggregate, seq: u64, bytes: Vec<u8>) {
        self.state
            .lock()
            .unwrap()
            .snapshots
            .insert(aggregate.clone(), (seq, bytes));
    }

    fn since(&self, after: Position, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let state = self.state.lock().unwrap();
        let after = usize::try_from(after.0).unwrap();
        Ok(state
            .commits
            .iter()
            .skip(after)
            .take(limit)
            .cloned()
            .collect())
    }

    fn head(&self) -> Position {
        Position(self.state.lock().unwrap().commits.len() as u64)
    }

    fn blob(&self, hash: &Hash) -> Result<Option<Arc<str>>, ReadError> {
        Ok(self.state.lock().unwrap().blobs.get(hash).cloned())
    }

    fn command(&self, id: &CommandId) -> Result<Option<(Aggregate, Appended)>, ReadError> {
        Ok(self.state.lock().unwrap().commands.get(id).cloned())
    }

    fn wakes(&self) -> Result<Vec<(Aggregate, Wake)>, ReadError> {
        let state = self.state.lock().unwrap();
        let mut wakes: Vec<_> = state
            .wakes
            .iter()
            .filter(|(_, wake)| wake.live || wake.due.is_some())
            .map(|(aggregate, wake)| (aggregate.clone(), *wake))
            .collect();
        wakes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(wakes)
    }

    fn next_number(&self) -> u64 {
        let mut state = self.state.lock().unwrap();
        state.numbers += 1;
        state.numbers
    }

    fn run_of_number(&self, _number: u64) -> Result<Option<RunId>, ReadError> {
        Ok(None)
    }

    fn runs_by_prefix(&self, _prefix: &str) -> Result<Vec<RunId>, ReadError> {
        Ok(vec![])
    }
}
