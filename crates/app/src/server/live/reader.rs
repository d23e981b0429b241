//! One connection's way through what happens: without a gap and without a repeat.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_engine::ports::{Journal, Position};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::audience::Audience;
use super::hub::{Hub, Listening, Said};
use super::teller::{Item, Teller};
use super::topics::Topics;
use crate::host::Host;

/// Commits that are read at once.
const BATCH: usize = 256;

/// What a reader gets.
#[derive(Debug, Clone)]
pub enum Heard {
    /// Something that happened.
    Event(Arc<Item>),
    /// The position it wanted to go on from is not of this journal: what it knows says nothing.
    Resync,
    /// Something was said that is in no journal, and this reader was too far behind to get it: what
    /// it follows is to be read from the logs, from where it is.
    Gap,
}

/// See the module.
pub struct Reader {
    host: Arc<Host>,
    hub: Arc<Hub>,
    audience: Audience,
    topics: Arc<Topics>,
    live: Receiver<Said>,
    /// All up to here was given, or is given by what is still to be read.
    cursor: Position,
    /// What is in no journal was said so often up to here.
    loose: u64,
    /// Events up to this wire position are known to the client.
    known: u64,
    /// What it listened to before its first word: everything from here on.
    came: Position,
    behind: VecDeque<Stretch>,
    /// What was wanted up to a commit, before other topics came.
    earlier: VecDeque<(Position, Arc<Topics>)>,
    teller: Option<Teller>,
    ready: VecDeque<Heard>,
}

/// A stretch of the journal that is to be read.
struct Stretch {
    topics: Arc<Topics>,
    /// What was given already.
    but: Option<Arc<Topics>>,
    cursor: Position,
    known: u64,
    to: Position,
}

impl Reader {
    /// The events of these topics after a wire position, or from now on.
    pub fn open(
        host: &Arc<Host>,
        hub: &Arc<Hub>,
        topics: Topics,
        audience: Audience,
        after: Option<u64>,
    ) -> Self {
        let Listening { said, from, loose } = hub.listen(host, &topics);
        let mut reader = Self {
            host: host.clone(),
            hub: hub.clone(),
            audience,
            topics: Arc::new(topics),
            live: said,
            cursor: from,
            loose,
            known: 0,
            came: from,
            behind: VecDeque::new(),
            earlier: VecDeque::new(),
            teller: None,
            ready: VecDeque::new(),
        };
        if let Some(after) = after {
            let topics = reader.topics.clone();
            reader.known = after;
            reader.go_back(after, topics, None, from);
        }
        reader
    }

    /// Reads again what was committed after a wire position, up to a commit.
    fn go_back(&mut self, after: u64, topics: Arc<Topics>, but: Option<Arc<Topics>>, to: Position) {
        let (commit, _) = Position::from_wire(after);
        if commit > self.host.journal.head() {
            self.ready.push_back(Heard::Resync);
            self.known = 0;
            return;
        }
        self.behind.push_back(Stretch {
            topics,
            but,
            cursor: Position(commit.0.saturating_sub(1)),
            known: after,
            to,
        });
    }

    /// Wants these topics as well, their events after a wire position or from now on. What was
    /// never asked before wanted everything.
    ///
    /// # Errors
    /// When they are too many.
    pub fn subscribe(
        &mut self,
        topics: Topics,
        after: Option<u64>,
    ) -> super::super::error::Answer<()> {
        let is_first = self.topics.is_everything();
        let before = self.topics.clone();
        let now = Arc::new(match is_first {
            true => topics.clone(),
            false => before.with(&topics)?,
        });
        let said = self.hub.change(&before, &now);
        self.topics = now;
        let Some(after) = after else { return Ok(()) };
        if is_first {
            // From where it came on it had everything.
            let came = self.came;
            self.known = after;
            self.go_back(after, self.topics.clone(), None, came);
        } else {
            // What the hub has said by now it said without asking for these.
            let to = said.max(self.cursor);
            self.earlier.push_back((to, before.clone()));
            self.go_back(after, Arc::new(topics), Some(before), to);
        }
        Ok(())
    }

    /// Whose events it may give.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Does not want these topics any more.
    pub fn unsubscribe(&mut self, topics: &Topics) {
        let now = Arc::new(self.topics.without(topics));
        self.hub.change(&self.topics, &now);
        self.topics = now;
    }

    /// What is next; `None` when the host leaves. Loses nothing when dropped before it is ready.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(heard) = self.ready.pop_front() {
                return Some(heard);
            }
            if !self.behind.is_empty() {
                self.catch_up().await?;
                continue;
            }
            self.teller = None;
            match self.live.recv().await {
                Ok(Said::Commit(position, items)) if position > self.cursor => {
                    let topics = self.topics_at(position);
                    let wanted = items.iter().filter(|item| self.wants(&topics, item));
                    let wanted: Vec<Heard> = wanted.cloned().map(Heard::Event).collect();
                    self.ready.extend(wanted);
                    self.cursor = position;
                }
                Ok(Said::Commit(..)) => {}
                Ok(Said::Output(item)) => {
                    self.loose += 1;
                    if self.wants(&self.topics, &item) {
                        self.ready.push_back(Heard::Event(item));
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    let Listening { said, from, loose } = self.hub.listen_again();
                    self.live = said;
                    self.read_up_to(from);
                    if loose != self.loose {
                        self.loose = loose;
                        self.ready.push_back(Heard::Gap);
                    }
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The hub has gone on without this reader: what it said is read from the journal.
    fn read_up_to(&mut self, to: Position) {
        let all = (to, self.topics.clone());
        for (to, topics) in std::mem::take(&mut self.earlier).into_iter().chain([all]) {
            if to > self.cursor {
                self.behind.push_back(Stretch {
                    topics,
                    but: None,
                    cursor: self.cursor,
                    known: self.known,
                    to,
                });
                self.cursor = to;
            }
        }
    }

    /// What was wanted of this commit.
    fn topics_at(&mut self, position: Position) -> Arc<Topics> {
        self.earlier.retain(|(to, _)| *to >= position);
        let earlier = self.earlier.front().map(|(_, topics)| topics.clone());
        earlier.unwrap_or_else(|| self.topics.clone())
    }

    fn wants(&self, topics: &Topics, item: &Item) -> bool {
        item.place.is_none_or(|place| place > self.known)
            && topics.wants(item.run, Some(item.project)) == Some(true)
            && self.audience.sees(item.project)
    }

    /// Reads a piece of what is behind.
    async fn catch_up(&mut self) -> Option<()> {
        let stretch = self.behind.front()?;
        let (host, cursor, to) = (self.host.clone(), stretch.cursor, stretch.to);
        let topics = stretch.topics.clone();
        let mut teller = self.teller.take();
        let read = tokio::task::spawn_blocking(move || {
            let teller_or_new = teller.get_or_insert_with(|| Teller::new(host.clone()));
            let mut commits = host.journal.since(cursor, BATCH)?;
            commits.retain(|stored| stored.position <= to);
            let wants = |run, project| topics.wants(run, project);
            let tell = |stored| teller_or_new.tell(stored, &wants, None).items;
            let items: Vec<_> = commits.iter().flat_map(tell).collect();
            let last = commits.last().map(|stored| stored.position);
            Ok::<_, baton_engine::ports::ReadError>((teller, items, last))
        });
        let (teller, items, last) = match read.await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                tracing::warn!(%error, "events cannot be read; the client is to come back");
                return None;
            }
            Err(_) => return None,
        };
        self.teller = teller;
        let stretch = self.behind.front_mut()?;
        let given = |item: &Item| match &stretch.but {
            Some(but) => but.wants(item.run, Some(item.project)) == Some(true),
            None => false,
        };
        let fresh = |item: &&Arc<Item>| {
            item.place.is_none_or(|place| place > stretch.known)
                && self.audience.sees(item.project)
                && !given(item)
        };
        let fresh = items.iter().filter(fresh).cloned().map(Heard::Event);
        self.ready.extend(fresh);
        match last {
            Some(last) if last < stretch.to => stretch.cursor = last,
            _ => {
                self.behind.pop_front();
            }
        }
        Some(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.leave(&self.topics);
    }
}
