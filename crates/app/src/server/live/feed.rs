//! The events of one connection, in order, without a gap and without a repeat.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event as Sse;
use baton_core::ids::RunId;
use baton_core::run::event::Event;
use baton_core::time::Timestamp;
use baton_engine::decode;
use baton_engine::ports::{Aggregate, Journal, Position, Stored};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::progress::{Piece, Progress, Started};
use super::topics::Topics;
use crate::host::Host;
use crate::server::story::Story;
use crate::server::wire::event::{
    Look, Outlook, Told, position, sent, step_word, told, told_by_commit,
};

/// Commits that are read at once.
const BATCH: usize = 256;

/// How often running steps' output is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Events that wait for a slow reader; then the journal waits.
const WAITING: usize = 64;

/// Runs whose state is kept between their commits.
const KEPT: usize = 512;

/// One connection's way through the journal.
pub struct Feed {
    host: Arc<Host>,
    topics: Topics,
    /// The last commit that was read.
    cursor: Position,
    /// Events up to this wire position are known to the client.
    known: u64,
    /// What was committed before the client came: told without output.
    past: Position,
    stories: HashMap<RunId, Story>,
    wanted: HashMap<RunId, bool>,
    progress: Progress,
}

/// The client has gone, or the host leaves.
struct Gone;

impl Feed {
    /// The events of these topics after a wire position, or from now on.
    pub fn start(host: &Arc<Host>, topics: Topics, after: Option<u64>) -> Receiver<Sse> {
        let head = host.journal.head();
        let (cursor, known) = match after {
            Some(pos) => {
                let (commit, _) = Position::from_wire(pos);
                (Position(commit.0.saturating_sub(1)), pos)
            }
            None => (head, 0),
        };
        let ahead = cursor > head;
        let mut feed = Self {
            host: host.clone(),
            topics,
            cursor: if ahead { head } else { cursor },
            known: if ahead { 0 } else { known },
            past: head,
            stories: HashMap::new(),
            wanted: HashMap::new(),
            progress: Progress::default(),
        };
        let (to, from) = mpsc::channel(WAITING);
        #[expect(
            clippy::disallowed_methods,
            reason = "its end, however it comes, ends the connection"
        )]
        tokio::spawn(async move {
            if ahead {
                // A position of another journal: what is known of it says nothing here.
                let resync = Sse::default().event("resync").data(r#"{"type":"resync"}"#);
                if to.send(resync).await.is_err() {
                    return;
                }
            }
            let mut leaving = feed.host.leaving();
            tokio::select! {
                _ = feed.work(&to) => {}
                _ = leaving.wait_for(|leaving| *leaving) => {}
                () = to.closed() => {}
            }
        });
        from
    }

    async fn work(&mut self, to: &Sender<Sse>) -> Result<(), Gone> {
        let mut head = self.host.journal.subscribe();
        let mut is_past = true;
        loop {
            head.mark_unchanged();
            let commits = self.read().await?;
            for stored in &commits {
                if is_past && stored.position > self.past {
                    is_past = false;
                    self.join().await;
                }
                self.commit(stored, is_past, to).await?;
                self.cursor = stored.position;
            }
            if !commits.is_empty() {
                continue;
            }
            if std::mem::take(&mut is_past) {
                self.join().await;
            }
            for piece in self.progress.look() {
                tell_progress(piece, to).await?;
            }
            tokio::select! {
                changed = head.changed() => changed.map_err(|_| Gone)?,
                () = tokio::time::sleep(LOOK), if !self.progress.is_empty() => {}
            }
        }
    }

    async fn read(&self) -> Result<Vec<Stored>, Gone> {
        let host = self.host.clone();
        let cursor = self.cursor;
        let read = tokio::task::spawn_blocking(move || host.journal.since(cursor, BATCH)).await;
        match read {
            Ok(Ok(commits)) => Ok(commits),
            Ok(Err(error)) => {
                tracing::warn!(%error, "events cannot be read; the client is to come back");
                Err(Gone)
            }
            Err(_) => Err(Gone),
        }
    }

    /// The client has caught up: the output of what runs is told from here on.
    async fn join(&mut self) {
        for run in self.topics.runs() {
            if !self.stories.contains_key(&run)
                && let Some(story) = self.load(run, u64::MAX).await
            {
                self.stories.insert(run, story);
            }
        }
        for story in self.stories.values() {
            for (&attempt, &at) in story.run.in_flight().into_iter().flatten() {
                let Some(step) = story.run.step(at) else {
                    continue;
                };
                let tried = story.attempts.get(&step.key).into_iter().flatten();
                let at = tried.rev().find(|tried| tried.id == attempt);
                let started = Started {
                    key: &step.key,
                    attempt,
                    at: at.map_or(story.run.created_at, |tried| tried.started_at),
                    from_now: true,
                };
                self.progress.started(&self.host, &story.run, started);
            }
        }
    }

    async fn load(&self, run: RunId, seq: u64) -> Option<Story> {
        let host = self.host.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            Story::load_until(host.journal.as_ref(), host.engine.plans(), run, seq)
        });
        match loaded.await {
            Ok(Ok(story)) => story,
            Ok(Err(error)) => {
                tracing::warn!(%run, %error, "a run's events cannot be told");
                None
            }
            Err(_) => None,
        }
    }

    async fn commit(
        &mut self,
        stored: &Stored,
        is_past: bool,
        to: &Sender<Sse>,
    ) -> Result<(), Gone> {
        let Aggregate::Run(run) = stored.aggregate else {
            return Ok(());
        };
        if self
            .topics
            .wants_run(run)
            .or_else(|| self.wanted.get(&run).copied())
            == Some(false)
        {
            return Ok(());
        }
        let events = match decode(self.host.journal.as_ref(), stored) {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(%run, %error, "a commit cannot be told");
                return Ok(());
            }
        };
        let mut story = match self.stories.remove(&run) {
            Some(story) if story.seq + 1 == stored.seq => Some(story),
            // Read already, with the story that was loaded to join.
            Some(story) if story.seq >= stored.seq && stored.seq > 0 => {
                self.load(run, stored.seq - 1).await.or(Some(story))
            }
            _ => self.load(run, stored.seq - 1).await,
        };
        if story.is_none() && stored.seq > 1 {
            return Ok(());
        }
        let told = self.fold(&mut story, stored, &events, is_past, to).await?;
        let Some(story) = story else { return Ok(()) };
        let project = story.run.created.project.id;
        let wanted = self
            .topics
            .wants_run(run)
            .unwrap_or_else(|| self.topics.wants_project(project));
        if self.wanted.len() >= 16 * KEPT {
            self.wanted.clear();
        }
        self.wanted.insert(run, wanted);
        if !wanted {
            return Ok(());
        }
        if !story.run.status.is_ended() {
            if self.stories.len() >= KEPT {
                self.stories.clear();
            }
            self.stories.insert(run, story);
        }
        self.tell(stored, &told, to).await
    }

    /// Goes on by a commit, and says what there is to tell.
    async fn fold(
        &mut self,
        story: &mut Option<Story>,
        stored: &Stored,
        events: &[Event],
        is_past: bool,
        to: &Sender<Sse>,
    ) -> Result<Vec<Told>, Gone> {
        let mut all = Vec::new();
        let outlook = story
            .as_ref()
            .map(|story| Outlook::at(&story.run))
            .unwrap_or_default();
        for (index, event) in events.iter().enumerate() {
            let look = story.as_ref().map(|story| Look::at(&story.run));
            let step = story
                .as_ref()
                .and_then(|story| step_word(&story.run, event));
            let plans = self.host.engine.plans();
            if let Err(error) = Story::apply_one(story, plans, stored, index, event) {
                tracing::warn!(%error, "a commit cannot be told");
                *story = None;
                return Ok(Vec::new());
            }
            let Some(story) = story.as_ref() else {
                continue;
            };
            if !is_past && self.wants(&story.run) {
                self.output(&story.run, event, stored.at, to).await?;
            }
            all.extend(told(story, event, look.as_ref(), step));
        }
        if let Some(story) = story {
            all.extend(told_by_commit(story, &outlook));
        }
        Ok(all)
    }

    fn wants(&self, run: &baton_core::run::Run) -> bool {
        let wanted = self.topics.wants_run(run.created.run);
        wanted.unwrap_or_else(|| self.topics.wants_project(run.created.project.id))
    }

    /// Output comes before the word that the step has ended.
    async fn output(
        &mut self,
        run: &baton_core::run::Run,
        event: &Event,
        at: Timestamp,
        to: &Sender<Sse>,
    ) -> Result<(), Gone> {
        match event {
            Event::AttemptStarted { key, attempt, .. } => {
                let started = Started {
                    key,
                    attempt: *attempt,
                    at,
                    from_now: false,
                };
                self.progress.started(&self.host, run, started);
            }
            Event::AttemptEnded { attempt, .. } => {
                for piece in self.progress.ended(*attempt) {
                    tell_progress(piece, to).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Each event carries its position: a client that has one has all before it.
    async fn tell(&self, stored: &Stored, all: &[Told], to: &Sender<Sse>) -> Result<(), Gone> {
        for (n, told) in all.iter().enumerate() {
            let (pos, carries) = position(stored.position, n, all.len());
            if pos <= self.known {
                continue;
            }
            let value = sent(told.kind, &told.data, carries.then_some(pos), stored.at);
            let mut event = Sse::default().data(value.to_string());
            if carries {
                event = event.id(pos.to_string());
            }
            to.send(event).await.map_err(|_| Gone)?;
        }
        Ok(())
    }
}

async fn tell_progress((kind, data): Piece, to: &Sender<Sse>) -> Result<(), Gone> {
    let at = crate::host::now();
    let value = sent(kind, &data, None, at);
    let event = Sse::default().data(value.to_string());
    to.send(event).await.map_err(|_| Gone)
}
