//! A run as its trace needs it: its folded story, and which of its lives it is in. Says of each event
//! which spans end with it; makes none.

use baton_core::ids::RunId;
use baton_core::run::Run;
use baton_core::run::event::{Event, Parent};
use baton_core::time::Timestamp;
use baton_engine::ports::Stored;
use baton_engine::{FoldError, Plans};
use baton_store::views::{AttemptRow, StepRow};

use crate::server::story::Story;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Tale {
    /// The run and what its events told.
    pub story: Option<Story>,
    /// Counts from 1: a run that had ended and goes on has another life.
    pub life: u32,
    /// When it began.
    pub since: Timestamp,
    /// Where it hangs: found once, when the first span of it is made.
    pub place: Option<Place>,
}

/// Where a run's spans belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The run that the trace is named by: its own, or the uppermost that it is a child of.
    pub root: RunId,
    /// The span of its parent's step.
    pub above: Option<u64>,
}

/// Something that has ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// A try of a step.
    Attempt {
        /// The step.
        step: Box<StepRow>,
        /// The try.
        attempt: Box<AttemptRow>,
    },
    /// A step, or what was begun of it.
    Step {
        /// The step.
        step: Box<StepRow>,
        /// When the `foreach` began that it is an item of.
        each: Option<Timestamp>,
    },
    /// The run.
    Run,
}

impl Tale {
    /// The sequence number of the last commit.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.story.as_ref().map_or(0, |story| story.seq)
    }

    /// Goes on by one event; what ends with it.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn take(
        &mut self,
        plans: &Plans,
        stored: &Stored,
        index: usize,
        event: &Event,
    ) -> Result<Vec<Ended>, FoldError> {
        let was_ended = self.run().is_some_and(|run| run.status.is_ended());
        let ends_run = matches!(
            event,
            Event::RunCompleted { .. } | Event::RunFailed { .. } | Event::RunCancelled {}
        );
        // What is begun and does not end by itself.
        let begun = match event {
            Event::StepsReset { .. } => self.begun(),
            _ if ends_run => self.begun(),
            _ => Vec::new(),
        };
        Story::apply_one(&mut self.story, plans, stored, index, event)?;
        let Some(run) = self.story.as_ref().map(|story| &story.run) else {
            return Ok(Vec::new());
        };
        if self.life == 0 || (was_ended && !run.status.is_ended()) {
            self.life += 1;
            self.since = stored.at;
        }
        let mut ended = Vec::new();
        match event {
            Event::AttemptEnded { key, attempt, .. } => {
                let tried = self
                    .story
                    .as_ref()
                    .and_then(|story| story.attempts.get(key));
                let tried = tried.into_iter().flatten().rev().find(|t| t.id == *attempt);
                if let (Some((step, _)), Some(tried)) = (row(run, key), tried) {
                    let attempt = Box::new(tried.clone());
                    ended.push(Ended::Attempt { step, attempt });
                }
            }
            Event::StepCompleted { key, .. }
            | Event::StepFailed { key, .. }
            | Event::StepSkipped { key, .. } => {
                let row = row(run, key);
                ended.extend(row.map(|(step, each)| Ended::Step { step, each }));
            }
            _ => {}
        }
        let is_over = |(step, _): &(Box<StepRow>, _)| {
            ends_run || row(run, &step.key).is_none_or(|(now, _)| now.started_at.is_none())
        };
        for (mut step, each) in begun.into_iter().filter(is_over) {
            step.completed_at = Some(stored.at);
            step.status = if ends_run { "cancelled" } else { "reset" }.into();
            ended.push(Ended::Step { step, each });
        }
        if ends_run {
            ended.push(Ended::Run);
        }
        Ok(ended)
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> Option<&Run> {
        self.story.as_ref().map(|story| &story.run)
    }

    /// The step that it is a child of, if it is one.
    #[must_use]
    pub fn parent(&self) -> Option<(RunId, &str)> {
        match self.run()?.created.parent.as_ref()? {
            Parent {
                run,
                step: Some(step),
            } => Some((*run, step)),
            Parent { step: None, .. } => None,
        }
    }

    /// The steps that have begun and not ended.
    fn begun(&self) -> Vec<(Box<StepRow>, Option<Timestamp>)> {
        let Some(run) = self.run() else {
            return Vec::new();
        };
        let is_open =
            |step: &baton_core::run::Step| step.started_at.is_some() && !step.state.is_ended();
        let open = run.all().filter(|(_, step)| is_open(step));
        open.filter_map(|(_, step)| row(run, &step.key)).collect()
    }
}

/// A step, and when the `foreach` began that it is an item of.
pub fn row(run: &Run, key: &str) -> Option<(Box<StepRow>, Option<Timestamp>)> {
    let at = run.find(key)?;
    let step = run.step(at)?;
    let each = at.item.and(run.steps.get(at.step)?.started_at);
    Some((Box::new(StepRow::of(run, at, step)), each))
}
