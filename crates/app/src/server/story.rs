//! A run's story: its state, and what its events tell beside it: the thread and the attempts.
//! Folded from the journal, so it holds whatever was committed before it was read.

use std::collections::HashMap;
use std::sync::Arc;

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::Run;
use baton_core::run::event::{
    ActionStatus, AttemptEnd, Cause, Event, Finished, Key, MessagePosted,
};
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, Journal, Position, Stored};
use baton_engine::{FoldError, Plans, decode};

/// See the module.
#[derive(Debug, Clone)]
pub struct Story {
    /// The state.
    pub run: Run,
    /// The sequence number of the last commit.
    pub seq: u64,
    /// The thread, oldest first.
    pub thread: Vec<Said>,
    /// Attempts by step, oldest first.
    pub attempts: HashMap<Key, Vec<Tried>>,
    /// What became of its branch, once it is finished.
    pub finished: Option<Finished>,
}

/// A message of the thread.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its id on the wire.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// As it was posted.
    pub posted: MessagePosted,
    /// Where its action stands.
    pub status: ActionStatus,
    /// The agent that wrote it.
    pub agent: Option<String>,
}

/// An attempt.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Its id.
    pub id: AttemptId,
    /// Its count within the step.
    pub number: u32,
    /// Why it was started.
    pub cause: Cause,
    /// When.
    pub started_at: Timestamp,
    /// How and when it ended.
    pub end: Option<(AttemptEnd, Timestamp)>,
}

impl Story {
    /// The story of a run; `None` when there is no such run. Blocks on the disk.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn load(
        journal: &dyn Journal,
        plans: &Plans,
        run: RunId,
    ) -> Result<Option<Self>, FoldError> {
        Self::load_until(journal, plans, run, u64::MAX)
    }

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
        if let Some(first) = journal.load(&Aggregate::Run(run), 0)?.first()
            && let Some(created) = decode(journal, first)?.first()
        {
            Self::apply_one(&mut story, plans, first, 0, created)?;
        }
        Ok(story)
    }

    /// The story up to a sequence number.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn load_until(
        journal: &dyn Journal,
        plans: &Plans,
        run: RunId,
        seq: u64,
    ) -> Result<Option<Self>, FoldError> {
        let mut story = None;
        for stored in journal.load(&Aggregate::Run(run), 0)? {
            if stored.seq > seq {
                break;
            }
            let events = decode(journal, &stored)?;
            Self::apply(&mut story, plans, &stored, &events)?;
        }
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
        for stored in journal.load(&Aggregate::Run(run), 0)? {
            if stored.position > until {
                break;
            }
            let events = decode(journal, &stored)?;
            Self::apply(&mut story, plans, &stored, &events)?;
        }
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
                let source: Arc<str> = created.source.as_str().into();
                let definition = &created.definition;
                let plan = plans.get(&definition.key, &definition.path, &source)?;
                let run = Run::create((**created).clone(), stored.at, plan)
                    .map_err(|illegal| damaged(stored, &illegal))?;
                *story = Some(Self {
                    run,
                    seq: 0,
                    thread: Vec::new(),
                    attempts: HashMap::new(),
                    finished: None,
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
            Event::MessagePosted(posted) => self.thread.push(Said {
                id: stored.position.of_event(index),
                at: stored.at,
                posted: (**posted).clone(),
                status: posted.status,
                agent: self.run.agent_of(posted).map(str::to_owned),
            }),
            Event::MessageStatus { message, status } => {
                // What is done stays so: the words of a resume are done before agents take them.
                if let Some(said) = self.said(*message)
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
            } => self.attempts.entry(key.clone()).or_default().push(Tried {
                id: *attempt,
                number: *number,
                cause: *cause,
                started_at: stored.at,
                end: None,
            }),
            Event::FilesFinished { outcome } => self.finished = Some(outcome.clone()),
            Event::RunResumed { .. } => self.finished = None,
            Event::AttemptEnded { key, attempt, end } => {
                let tried = self.attempts.get_mut(key).into_iter().flatten();
                if let Some(tried) = tried.rev().find(|tried| tried.id == *attempt) {
                    tried.end = Some((end.clone(), stored.at));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The message with this count within the run.
    pub fn said(&mut self, message: u32) -> Option<&mut Said> {
        // They are counted from 0.
        let index = usize::try_from(message).ok()?;
        let said = self.thread.get_mut(index)?;
        (said.posted.message == message).then_some(said)
    }
}

fn damaged(stored: &Stored, detail: &dyn std::fmt::Display) -> FoldError {
    FoldError::Damaged {
        aggregate: stored.aggregate.to_string(),
        seq: stored.seq,
        detail: detail.to_string(),
    }
}
