//! Folded runs for whoever follows the journal: the recently used ones stay in memory, others are
//! folded again from the journal.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use baton_core::ids::RunId;
use baton_core::run::event::Event;
use baton_core::run::{Illegal, Run};
use baton_engine::ports::{Aggregate, Journal, ReadError, Stored};
use baton_engine::{FoldError, Plans, decode, walk};

/// So many more runs than before, and those that have ended are let go of: they are rarely heard of
/// again, and a server would hold thousands of them.
const ENDED: usize = 128;
/// Folded runs that are kept whatever their size.
const FEW: usize = 2048;
/// More runs than this are not kept,
const MANY: usize = 2_048;
/// nor more than these steps of theirs.
const STEPS: usize = 65_536;

struct Kept {
    /// `None` before its first event.
    run: Option<Run>,
    seq: u64,
    used: u64,
}

impl Kept {
    fn steps(&self) -> usize {
        self.run.as_ref().map_or(0, |run| run.steps.len())
    }

    fn is_ended(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.status.is_ended())
    }
}

/// See the module.
pub(crate) struct Folds {
    journal: Arc<dyn Journal>,
    plans: Arc<Plans>,
    kept: HashMap<RunId, Kept>,
    uses: u64,
    /// How many were left when ended ones were last let go of.
    left: usize,
}

/// The run's current phase; without the walk over its steps when there are no phases.
pub(crate) fn phase(run: &Run) -> Option<&str> {
    if run.plan.definition.phases.is_empty() {
        return None;
    }
    run.current_phase()
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
            left: 0,
        }
    }

    /// The run as far as it is folded.
    pub(crate) fn get(&self, run: RunId) -> Option<&Run> {
        self.kept.get(&run)?.run.as_ref()
    }

    /// Forgets what is in memory, after something went wrong half-way.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.left = 0;
    }

    /// Goes on by one commit, telling of each event: its index, the event, and the run after it.
    /// Nothing is let go of before [`Self::trim`].
    pub(crate) fn advance(
        &mut self,
        id: RunId,
        commit: &Stored,
        each: impl FnMut(usize, &Event, &Run),
    ) -> Result<(), Skip> {
        let taken = self.take(id, commit, each);
        if taken.is_err() {
            // It may have gone on half-way.
            self.kept.remove(&id);
        }
        taken
    }

    fn take(
        &mut self,
        id: RunId,
        commit: &Stored,
        mut each: impl FnMut(usize, &Event, &Run),
    ) -> Result<(), Skip> {
        self.uses += 1;
        let events = decode(self.journal.as_ref(), commit)?;
        self.make_ready(id, commit)?;
        let Some(kept) = self.kept.get_mut(&id) else {
            return Ok(());
        };
        for (index, event) in events.iter().enumerate() {
            Self::apply(&self.plans, &mut kept.run, event, commit)?;
            if let Some(run) = &kept.run {
                each(index, event, run);
            }
        }
        kept.seq = commit.seq;
        kept.used = self.uses;
        Ok(())
    }

    /// The run as it was before this commit. `None` before its first, and when it cannot be told:
    /// then [`Self::advance`] says why.
    pub(crate) fn before(&mut self, id: RunId, commit: &Stored) -> Option<&Run> {
        self.make_ready(id, commit).ok()?;
        self.get(id)
    }

    fn make_ready(&mut self, id: RunId, commit: &Stored) -> Result<(), Skip> {
        let is_next = |kept: &Kept| kept.seq + 1 == commit.seq;
        if !self.kept.get(&id).is_some_and(is_next) {
            let kept = self.load(id, commit)?;
            self.kept.insert(id, kept);
        }
        Ok(())
    }

    /// The run as it was before this commit, from the journal.
    fn load(&self, id: RunId, commit: &Stored) -> Result<Kept, Skip> {
        let mut run = None;
        let seq = commit.seq - 1;
        if seq > 0 {
            let journal = self.journal.as_ref();
            walk(journal, &Aggregate::Run(id), 0, |earlier| {
                if earlier.seq > seq {
                    return Ok(ControlFlow::Break(()));
                }
                for event in decode(journal, &earlier)?.iter() {
                    Self::apply(&self.plans, &mut run, event, &earlier)?;
                }
                Ok::<_, Skip>(ControlFlow::Continue(()))
            })?;
            if run.is_none() {
                return Err(Skip::Never("the run was removed".into()));
            }
        }
        let used = self.uses;
        Ok(Kept { run, seq, used })
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
                let plan = plans.of_run(created);
                let plan = plan.map_err(|error| Skip::Never(error.to_string()))?;
                let made = Run::create((**created).clone(), commit.at, plan).map_err(never)?;
                *run = Some(made);
            }
            (None, _) => return Err(Skip::Never("it does not begin with its creation".into())),
            (Some(run), event) => run.apply(event, commit.at).map_err(never)?,
        }
        Ok(())
    }

    /// Lets go of runs when there are too many: the ended ones, then those not used for longest.
    pub(crate) fn trim(&mut self) {
        if self.kept.len() > self.left + ENDED {
            self.kept.retain(|_, kept| !kept.is_ended());
            self.left = self.kept.len();
        }
        if self.kept.len() <= FEW {
            return;
        }
        let steps: usize = self.kept.values().map(Kept::steps).sum();
        if self.kept.len() <= MANY && steps <= STEPS {
            return;
        }
        let before = self.kept.len();
        self.kept.retain(|_, kept| !kept.is_ended());
        // Enough that the next time is far off.
        if self.kept.len() <= FEW || self.kept.len() < before / 4 * 3 {
            return;
        }
        let mut uses: Vec<u64> = self.kept.values().map(|kept| kept.used).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let oldest = *median;
        self.kept.retain(|_, kept| kept.used > oldest);
    }
}
