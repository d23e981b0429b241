//! From commits to what is told of them. Blocks on the disk.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use baton_core::ids::{ProjectId, RunId};
use baton_core::run::Run;
use baton_core::run::event::Event;
use baton_core::time::Timestamp;
use baton_engine::decode;
use baton_engine::ports::{Aggregate, Position, Stored};

use super::progress::{Piece, Progress, Started};
use crate::host::Host;
use crate::server::story::Story;
use crate::server::wire::event::{Before, Outlook, Told, position, sent, told, told_by_commit};

/// Runs whose state is kept between their commits.
const KEPT: usize = 1024;

/// One thing to tell, ready to be sent.
#[derive(Debug, Clone)]
pub struct Item {
    /// Whose.
    pub run: RunId,
    /// Of which project.
    pub project: ProjectId,
    /// Where it stands; `None` for what is not in the journal.
    pub place: Option<u64>,
    /// Whether who has it has all before it: then its place is sent with it.
    pub carries: bool,
    /// `{type, data, pos?, ts}`.
    pub text: Utf8Bytes,
}

/// What a commit tells.
#[derive(Debug, Default)]
pub struct Telling {
    /// Output that came before it: not in the journal.
    pub output: Vec<Arc<Item>>,
    /// What it tells.
    pub items: Vec<Arc<Item>>,
}

/// Folds the runs that are told of. A cache: dropped at any time, it is made again.
pub struct Teller {
    host: Arc<Host>,
    stories: HashMap<RunId, Story>,
    projects: HashMap<RunId, ProjectId>,
}

/// Whether a run's events are wanted; `None` when that depends on its project, and it was not
/// given.
pub type Wants<'a> = &'a dyn Fn(RunId, Option<ProjectId>) -> Option<bool>;

impl Teller {
    /// One that knows no run yet.
    pub fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            stories: HashMap::new(),
            projects: HashMap::new(),
        }
    }

    /// What a commit tells, and with `progress` also the output that belongs before it.
    pub fn tell(
        &mut self,
        stored: &Stored,
        wants: Wants,
        mut progress: Option<&mut Progress>,
    ) -> Telling {
        let mut telling = Telling::default();
        let Aggregate::Run(run) = stored.aggregate else {
            return telling;
        };
        if wants(run, self.projects.get(&run).copied()) == Some(false) {
            self.stories.remove(&run);
            return telling;
        }
        let events = match decode(self.host.journal.as_ref(), stored) {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(%run, %error, "a commit cannot be told");
                return telling;
            }
        };
        let mut story = self.story_before(run, stored);
        if story.is_none() && stored.seq > 1 {
            return telling;
        }
        let mut all = Vec::new();
        let outlook = story.as_ref().map(|story| Outlook::at(&story.run));
        let outlook = outlook.unwrap_or_default();
        for (index, event) in events.iter().enumerate() {
            let before = story.as_ref().map(|story| Before::of(&story.run, event));
            let before = before.unwrap_or_default();
            let plans = self.host.engine.plans();
            if let Err(error) = Story::apply_one(&mut story, plans, stored, index, event) {
                tracing::warn!(%run, %error, "a commit cannot be told");
                return telling;
            }
            let Some(story) = story.as_ref() else {
                continue;
            };
            all.extend(told(story, event, &before, &self.host.access));
            let project = story.run.created.project.id;
            if let Some(progress) = progress.as_deref_mut()
                && wants(run, Some(project)) == Some(true)
            {
                let pieces = output(&self.host, progress, &story.run, event, stored.at);
                telling.output.extend(pieces.into_iter().map(loose));
            }
        }
        let Some(story) = story else { return telling };
        all.extend(told_by_commit(&story, &outlook));
        let project = story.run.created.project.id;
        if self.projects.len() >= 16 * KEPT {
            self.projects.clear();
        }
        self.projects.insert(run, project);
        if wants(run, Some(project)) != Some(true) {
            return telling;
        }
        if !story.run.status.is_ended() {
            if self.stories.len() >= KEPT {
                self.stories.clear();
            }
            self.stories.insert(run, story);
        }
        telling.items = items(stored, run, project, &all);
        telling
    }

    /// The run's story up to just before this commit.
    fn story_before(&mut self, run: RunId, stored: &Stored) -> Option<Story> {
        match self.stories.remove(&run) {
            Some(story) if story.seq + 1 == stored.seq => Some(story),
            _ => self.load(run, Position(stored.position.0.saturating_sub(1))),
        }
    }

    fn load(&self, run: RunId, until: Position) -> Option<Story> {
        let journal = self.host.journal.as_ref();
        match Story::load_at(journal, self.host.engine.plans(), run, until) {
            Ok(story) => story,
            Err(error) => {
                tracing::warn!(%run, %error, "a run's events cannot be told");
                None
            }
        }
    }

    /// Somebody listens to these runs from now on: the output of what runs in them is told from
    /// here on.
    pub fn join(&mut self, runs: &[RunId], wants: Wants, at: Position, progress: &mut Progress) {
        for &run in runs {
            if self.stories.contains_key(&run) {
                continue;
            }
            let project = self.projects.get(&run).copied();
            if wants(run, project) == Some(false) {
                continue;
            }
            let Some(story) = self.load(run, at) else {
                continue;
            };
            let project = story.run.created.project.id;
            self.projects.insert(run, project);
            if wants(run, Some(project)) != Some(true) {
                continue;
            }
            for (&attempt, &place) in story.run.in_flight().into_iter().flatten() {
                let Some(step) = story.run.step(place) else {
                    continue;
                };
                let tried = story.attempts.get(&step.key).into_iter().flatten();
                let tried = tried.rev().find(|tried| tried.id == attempt);
                let started = Started {
                    key: &step.key,
                    attempt,
                    at: tried.map_or(story.run.created_at, |tried| tried.started_at),
                    from_now: true,
                };
                progress.started(&self.host, &story.run, started);
            }
            if !story.run.status.is_ended() {
                self.stories.insert(run, story);
            }
        }
    }
}

/// Output comes before the word that its step has ended.
fn output(
    host: &Host,
    progress: &mut Progress,
    run: &Run,
    event: &Event,
    at: Timestamp,
) -> Vec<Piece> {
    match event {
        Event::AttemptStarted { key, attempt, .. } => {
            let started = Started {
                key,
                attempt: *attempt,
                at,
                from_now: false,
            };
            progress.started(host, run, started);
            Vec::new()
        }
        Event::AttemptEnded { attempt, .. } => progress.ended(*attempt),
        _ => Vec::new(),
    }
}

/// What is not in the journal, ready to be sent.
pub fn loose(piece: Piece) -> Arc<Item> {
    let value = sent(piece.kind, &piece.data, None, crate::host::now());
    Arc::new(Item {
        run: piece.run,
        project: piece.project,
        place: None,
        carries: false,
        text: value.to_string().into(),
    })
}

/// Each has its position: a client that has one has all before it.
fn items(stored: &Stored, run: RunId, project: ProjectId, all: &[Told]) -> Vec<Arc<Item>> {
    let all_of_them = all.iter().enumerate().map(|(n, told)| {
        let (place, carries) = position(stored.position, n, all.len());
        let value = sent(told.kind, &told.data, carries.then_some(place), stored.at);
        Arc::new(Item {
            run,
            project,
            place: Some(place),
            carries,
            text: value.to_string().into(),
        })
    });
    all_of_them.collect()
}
