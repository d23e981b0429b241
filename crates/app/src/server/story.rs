//! A run's story: its state, and what its events tell beside it: messages and attempts. Folded from
//! the journal for whoever tells of each commit; answers to requests come from the views.

use std::collections::HashMap;
use std::ops::ControlFlow;

use baton_core::ids::{RunId, StepId};
use baton_core::run::Run;
use baton_core::run::event::{ActionStatus, Event, Key};
use baton_engine::ports::{Aggregate, Journal, Position, Stored};
use baton_engine::{FoldError, Plans, decode, walk};
use baton_store::views::{AttemptRow, MessageRow};

/// See the module.
#[derive(Debug, Clone)]
pub struct Story {
    /// The state.
    pub run: Run,
    /// The sequence number of the last commit.
    pub seq: u64,
    /// Its messages, oldest first.
    pub said: Vec<Said>,
    /// The newest of them.
    pub newest: Option<MessageRow>,
    /// Attempts by step, oldest first.
    pub attempts: HashMap<Key, Vec<AttemptRow>>,
}

/// What is kept of a message of the thread: there may be very many.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// Its id on the wire.
    pub id: u64,
    /// Where its action stands.
    pub status: ActionStatus,
}

impl Story {
    /// The story of a run up to its first event.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn load_created(
        journal: &dyn Journal,
        plans: &Plans,
        run: RunId,
    ) -> Result<Option<Self>, FoldError> {
        let mut story = None;
        walk(journal, &Aggregate::Run(run), 0, |first| {
            if let Some(created) = decode(journal, &first)?.first() {
                Self::apply_one(&mut story, plans, &first, 0, created)?;
            }
            Ok::<_, FoldError>(ControlFlow::Break(()))
        })?;
        Ok(story)
    }

    /// The story up to a position.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn load_at(
        journal: &dyn Journal,
        plans: &Plans,
        run: RunId,
        until: Position,
    ) -> Result<Option<Self>, FoldError> {
        let mut story = None;
        walk(journal, &Aggregate::Run(run), 0, |stored| {
            if stored.position > until {
                return Ok(ControlFlow::Break(()));
            }
            let events = decode(journal, &stored)?;
            Self::apply(&mut story, plans, &stored, &events)?;
            Ok::<_, FoldError>(ControlFlow::Continue(()))
        })?;
        Ok(story)
    }

    /// Goes on by one commit, the first included.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn apply(
        story: &mut Option<Self>,
        plans: &Plans,
        stored: &Stored,
        events: &[Event],
    ) -> Result<(), FoldError> {
        for (index, event) in events.iter().enumerate() {
            Self::apply_one(story, plans, stored, index, event)?;
        }
        Ok(())
    }

    /// Goes on by one event of a commit, the first included.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn apply_one(
        story: &mut Option<Self>,
        plans: &Plans,
        stored: &Stored,
        index: usize,
        event: &Event,
    ) -> Result<(), FoldError> {
        match (&mut *story, event) {
            (Some(story), event) => story.take(stored, index, event)?,
            (None, Event::RunCreated(created)) => {
                let plan = plans.of_run(created)?;
                let run = Run::create((**created).clone(), stored.at, plan)
                    .map_err(|illegal| damaged(stored, &illegal))?;
                *story = Some(Self {
                    run,
                    seq: 0,
                    said: Vec::new(),
                    newest: None,
                    attempts: HashMap::new(),
                });
            }
            (None, _) => {
                return Err(damaged(
                    stored,
                    &"the first event is not the run's creation",
                ));
            }
        }
        if let Some(story) = story {
            story.seq = stored.seq;
        }
        Ok(())
    }

    fn take(&mut self, stored: &Stored, index: usize, event: &Event) -> Result<(), FoldError> {
        self.run
            .apply(event, stored.at)
            .map_err(|illegal| damaged(stored, &illegal))?;
        match event {
            Event::MessagePosted(posted) => {
                let id = stored.position.of_event(index);
                self.said.push(Said {
                    id,
                    status: posted.status,
                });
                self.newest = Some(MessageRow::of(&self.run, id, stored.at, posted));
            }
            Event::MessageStatus { message, status } => {
                // What is done stays so: the words of a resume are done before agents take them.
                // They are counted from 0.
                if let Some(said) = self.said.get_mut(*message as usize)
                    && !matches!(said.status, ActionStatus::Processed | ActionStatus::Ignored)
                {
                    said.status = *status;
                }
            }
            Event::AttemptStarted {
                key,
                attempt,
                number,
                cause,
                ..
            } => {
                let step = StepId::of(self.run.created.run, key);
                let row = AttemptRow::begun(*attempt, step, key, *number, *cause, stored.at);
                self.attempts.entry(key.clone()).or_default().push(row);
            }
            Event::AttemptEnded { key, attempt, end } => {
                let tried = self.attempts.get_mut(key).into_iter().flatten();
                if let Some(tried) = tried.rev().find(|tried| tried.id == *attempt) {
                    tried.end(end, stored.at);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn damaged(stored: &Stored, detail: &dyn std::fmt::Display) -> FoldError {
    FoldError::Damaged {
        aggregate: stored.aggregate.to_string(),
        seq: stored.seq,
        detail: detail.to_string(),
    }
}
