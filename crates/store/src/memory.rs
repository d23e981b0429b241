//! [`MemoryJournal`]: a journal without a disk, for the engine's simulation and as the model the
//! real one is compared with. Commits are "durable" as soon as they are answered; what it holds
//! survives a simulated crash of the engine when the journal is shared.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_core::ids::{CommandId, RunId};
use baton_core::run::big::Hash;
use baton_engine::ports::{
    Aggregate, Append, AppendError, Appended, Journal, Position, ReadError, Stored, Wake,
};
use tokio::sync::{oneshot, watch};

use crate::faults::{Faults, NoFaults};

#[derive(Default)]
struct State {
    commits: BTreeMap<Position, Stored>,
    aggregates: BTreeMap<Aggregate, Row>,
    commands: HashMap<CommandId, (Aggregate, Appended)>,
    blobs: HashMap<Hash, Arc<str>>,
    last: u64,
    number: u64,
}

#[derive(Default)]
struct Row {
    positions: Vec<Position>,
    number: Option<u64>,
    wake: Wake,
}

/// See the module.
pub struct MemoryJournal {
    state: Mutex<State>,
    faults: Arc<dyn Faults>,
    announce: watch::Sender<Position>,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new(Arc::new(NoFaults))
    }
}

impl MemoryJournal {
    /// An empty journal that fails when `faults` says so; each commit is a batch of its own.
    #[must_use]
    pub fn new(faults: Arc<dyn Faults>) -> Self {
        Self {
            state: Mutex::default(),
            faults,
            announce: watch::Sender::new(Position(0)),
        }
    }

    /// Tells of every new head.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Position> {
        self.announce.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, append: Append) -> Result<Appended, AppendError> {
        let mut state = self.state();
        let appended = state.check(&append)?;
        if let Some(why) = self.faults.before_commit(1) {
            state.last += 1;
            return Err(AppendError::Failed(why));
        }
        state.keep(append, appended);
        match self.faults.after_commit(1) {
            Some(why) => Err(AppendError::Failed(why)),
            None => Ok(appended),
        }
    }
}

impl State {
    fn check(&self, append: &Append) -> Result<Appended, AppendError> {
        let earlier = append.command.as_ref().and_then(|id| self.commands.get(id));
        if let Some((_, appended)) = earlier {
            return Err(AppendError::Repeated(*appended));
        }
        let head = self
            .aggregates
            .get(&append.aggregate)
            .map_or(0, |row| row.positions.len() as u64);
        if append.seq != head + 1 {
            return Err(AppendError::Conflict { head });
        }
        Ok(Appended {
            position: Position(self.last + 1),
            seq: append.seq,
        })
    }

    fn keep(&mut self, append: Append, appended: Appended) {
        self.last = appended.position.0;
        let row = self.aggregates.entry(append.aggregate.clone()).or_default();
        row.positions.push(appended.position);
        row.wake = append.wake;
        if let Some(board) = &append.board {
            row.number = Some(board.number);
            self.number = self.number.max(board.number);
        }
        if let Some(command) = append.command {
            let value = (append.aggregate.clone(), appended);
            self.commands.insert(command, value);
        }
        self.blobs.extend(append.blobs);
        let stored = Stored {
            aggregate: append.aggregate,
            seq: append.seq,
            position: appended.position,
            at: append.at,
            events: append.events.into(),
            // Read as from a disk.
            decided: None,
        };
        self.commits.insert(appended.position, stored);
    }

    fn runs(&self) -> impl Iterator<Item = (RunId, &Row)> {
        self.aggregates.iter().filter_map(|(id, row)| match id {
            Aggregate::Run(run) => Some((*run, row)),
            Aggregate::Slot(_) => None,
        })
    }
}

impl Journal for MemoryJournal {
    fn append(&self, append: Append, reply: oneshot::Sender<Result<Appended, AppendError>>) {
        let result = self.take(append);
        // Never in the reverse order: who is told of a commit may look for the head at once.
        self.announce.send_replace(self.head());
        let _ = reply.send(result);
    }

    fn load(&self, aggregate: &Aggregate, after: u64) -> Result<Vec<Stored>, ReadError> {
        let state = self.state();
        let Some(row) = state.aggregates.get(aggregate) else {
            return Ok(Vec::new());
        };
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        let positions = row.positions.iter().skip(skipped);
        Ok(positions
            .filter_map(|position| state.commits.get(position).cloned())
            .collect())
    }

    fn since(&self, after: Position, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let state = self.state();
        let later = state.commits.range(Position(after.0.saturating_add(1))..);
        Ok(later
            .take(limit)
            .map(|(_, stored)| stored.clone())
            .collect())
    }

    fn head(&self) -> Position {
        let state = self.state();
        state
            .commits
            .last_key_value()
            .map_or(Position(0), |(position, _)| *position)
    }

    fn blob(&self, hash: &Hash) -> Result<Option<Arc<str>>, ReadError> {
        Ok(self.state().blobs.get(hash).cloned())
    }

    fn command(&self, id: &CommandId) -> Result<Option<(Aggregate, Appended)>, ReadError> {
        Ok(self.state().commands.get(id).cloned())
    }

    fn wakes(&self) -> Result<Vec<(Aggregate, Wake)>, ReadError> {
        let state = self.state();
        let wanted = state
            .aggregates
            .iter()
            .filter(|(_, row)| row.wake.due.is_some() || row.wake.live);
        Ok(wanted.map(|(id, row)| (id.clone(), row.wake)).collect())
    }

    fn next_number(&self) -> u64 {
        let mut state = self.state();
        state.number += 1;
        state.number
    }

    fn run_of_number(&self, number: u64) -> Result<Option<RunId>, ReadError> {
        let state = self.state();
        let found = state.runs().find(|(_, row)| row.number == Some(number));
        Ok(found.map(|(run, _)| run))
    }

    fn runs_by_prefix(&self, prefix: &str) -> Result<Vec<RunId>, ReadError> {
        let prefix = prefix.to_ascii_lowercase();
        let hex = prefix.strip_prefix("run_").unwrap_or(&prefix);
        let state = self.state();
        let found = state
            .runs()
            .filter(|(run, _)| format!("{:032x}", run.bits()).starts_with(hex));
        Ok(found.map(|(run, _)| run).take(2).collect())
    }
}
