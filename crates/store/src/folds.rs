//! Folded runs for whoever follows the journal: the recently used ones stay in memory, others are
//! folded again from the journal.

use std::collections::HashMap;
use std::sync::Arc;

use baton_core::ids::RunId;
use baton_core::run::event::Event;
use baton_core::run::{Illegal, Run};
use baton_engine::ports::{Aggregate, Journal, ReadError, Stored};
use baton_engine::{FoldError, Plans, decode};

/// Folded runs that are kept.
const CAPACITY: usize = 2048;

struct Kept {
    run: Run,
    seq: u64,
    used: u64,
}

/// See the module.
pub(crate) struct Folds {
    journal: Arc<dyn Journal>,
    plans: Arc<Plans>,
    kept: HashMap<RunId, Kept>,
    uses: u64,
}

/// Why a commit was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Skip {
    /// The journal cannot be read now: try again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It will never be readable: this run is left out.
    #[error("{0}")]
    Never(String),
}

impl From<FoldError> for Skip {
    fn from(error: FoldError) -> Self {
        match error {
            FoldError::Read(error) => Self::Read(error),
            FoldError::Damaged { .. } | FoldError::Definition(_) => Self::Never(error.to_string()),
        }
    }
}

impl Folds {
    pub(crate) fn new(journal: Arc<dyn Journal>, plans: Arc<Plans>) -> Self {
        Self {
            journal,
            plans,
            kept: HashMap::new(),
            uses: 0,
        }
    }

    /// The run as far as it is folded.
    pub(crate) fn get(&self, run: RunId) -> Option<&Run> {
        self.kept.get(&run).map(|kept| &kept.run)
    }

    /// Forgets what is in memory, after something went wrong half-way.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }

    /// Goes on by one commit, telling of each event: its index, the event, and the run after it.
    pub(crate) fn advance(
        &mut self,
        id: RunId,
        commit: &Stored,
        mut each: impl FnMut(usize, &Event, &Run),
    ) -> Result<(), Skip> {
        let mut run = self.before(id, commit)?;
        let events = decode(self.journal.as_ref(), commit)?;
        for (index, event) in events.iter().enumerate() {
            Self::apply(&self.plans, &mut run, event, commit)?;
            if let Some(run) = &run {
                each(index, event, run);
            }
        }
        self.uses += 1;
        if let Some(run) = run {
            let kept = Kept {
                run,
                seq: commit.seq,
                used: self.uses,
            };
            self.kept.insert(id, kept);
        }
        self.trim();
        Ok(())
    }

    /// The run as it was before this commit; `None` before its first.
    fn before(&mut self, id: RunId, commit: &Stored) -> Result<Option<Run>, Skip> {
        if commit.seq == 1 {
            return Ok(None);
        }
        if let Some(kept) = self.kept.remove(&id)
            && kept.seq + 1 == commit.seq
        {
            return Ok(Some(kept.run));
        }
        let mut run = None;
        for earlier in self.journal.load(&Aggregate::Run(id), 0)? {
            if earlier.seq >= commit.seq {
                break;
            }
            for event in decode(self.journal.as_ref(), &earlier)? {
                Self::apply(&self.plans, &mut run, &event, &earlier)?;
            }
        }
        match run {
            Some(run) => Ok(Some(run)),
            None => Err(Skip::Never("the run was removed".into())),
        }
    }

    fn apply(
        plans: &Plans,
        run: &mut Option<Run>,
        event: &Event,
        commit: &Stored,
    ) -> Result<(), Skip> {
        let never = |illegal: Illegal| Skip::Never(illegal.to_string());
        match (run.as_mut(), event) {
            (None, Event::RunCreated(created)) => {
                let source: Arc<str> = created.source.as_str().into();
                let key = &created.definition.key;
                let plan = plans
                    .get(key, &created.definition.path, &source)
                    .map_err(|error| Skip::Never(error.to_string()))?;
                let made = Run::create((**created).clone(), commit.at, plan).map_err(never)?;
                *run = Some(made);
            }
            (None, _) => return Err(Skip::Never("it does not begin with its creation".into())),
            (Some(run), event) => run.apply(event, commit.at).map_err(never)?,
        }
        Ok(())
    }

    fn trim(&mut self) {
        if self.kept.len() <= CAPACITY {
            return;
        }
        let mut uses: Vec<u64> = self.kept.values().map(|kept| kept.used).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let oldest = *median;
        self.kept.retain(|_, kept| kept.used > oldest);
    }
}
