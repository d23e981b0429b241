//! Follows the journal once for all connections, from where the first of them came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use baton_core::ids::{ProjectId, RunId};
use baton_engine::ports::{Aggregate, Journal, Position};
use serde_json::Value;
use tokio::sync::{Notify, broadcast};

use super::interest::Interest;
use super::progress::{Piece, Progress};
use super::teller::{Item, Teller, loose};
use super::topics::Topics;
use crate::host::Host;

/// Commits that are read at once.
const BATCH: usize = 256;

/// How often running steps' output is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Commits that are kept for readers; one that is further behind reads the journal by itself.
const KEPT: usize = 1024;

/// No run has this id: what is told of a project alone.
const NO_RUN: RunId = RunId::from_bits(0);

/// What the hub says.
#[derive(Debug, Clone)]
pub enum Said {
    /// All that a commit tells. Comes in the order of positions.
    Commit(Position, Arc<Vec<Arc<Item>>>),
    /// Output and activities of what runs.
    Output(Arc<Item>),
}

/// See the module.
pub struct Hub {
    shared: Mutex<Shared>,
    said: broadcast::Sender<Said>,
    woken: Notify,
}

struct Shared {
    /// All up to here was said.
    cursor: Position,
    interest: Interest,
    /// Somebody wants more than before: what runs is looked for.
    joined: bool,
    /// Nobody listens, and nothing is said.
    is_idle: bool,
    /// How often something was said that is in no journal.
    loose: u64,
}

/// Where somebody begins to listen.
pub struct Listening {
    /// What is said from here on.
    pub said: broadcast::Receiver<Said>,
    /// All that is committed later is among it.
    pub from: Position,
    /// What is in no journal was said so often before.
    pub loose: u64,
}

impl Hub {
    /// A hub over this host; it ends with it.
    #[must_use]
    pub fn start(host: &Arc<Host>) -> Arc<Self> {
        let hub = Arc::new(Self {
            shared: Mutex::new(Shared {
                cursor: host.journal.head(),
                interest: Interest::default(),
                joined: false,
                is_idle: true,
                loose: 0,
            }),
            said: broadcast::channel(KEPT).0,
            woken: Notify::new(),
        });
        let follow = follow(host.clone(), hub.clone());
        let mut leaving = host.leaving();
        #[expect(
            clippy::disallowed_methods,
            reason = "it lives as long as the host; each round stands by itself"
        )]
        tokio::spawn(async move {
            tokio::select! {
                () = follow => {}
                _ = leaving.wait_for(|leaving| *leaving) => {}
            }
        });
        hub
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens: all that is committed after the position is said from now on, as far as these
    /// topics want it.
    pub fn listen(&self, host: &Host, topics: &Topics) -> Listening {
        let mut shared = self.shared();
        if std::mem::take(&mut shared.is_idle) {
            shared.cursor = host.journal.head();
        }
        shared.interest.add(topics);
        shared.joined = true;
        let listening = self.as_of_now(&shared);
        drop(shared);
        self.woken.notify_one();
        listening
    }

    /// Listens again, from where the hub is now.
    pub fn listen_again(&self) -> Listening {
        self.as_of_now(&self.shared())
    }

    fn as_of_now(&self, shared: &Shared) -> Listening {
        Listening {
            said: self.said.subscribe(),
            from: shared.cursor,
            loose: shared.loose,
        }
    }

    /// A listener wants other topics. What they want is said after the position.
    pub fn change(&self, from: &Topics, to: &Topics) -> Position {
        let mut shared = self.shared();
        shared.interest.add(to);
        shared.interest.remove(from);
        shared.joined = true;
        let cursor = shared.cursor;
        drop(shared);
        self.woken.notify_one();
        cursor
    }

    /// A listener has gone.
    pub fn leave(&self, topics: &Topics) {
        self.shared().interest.remove(topics);
    }

    /// Says something of a project that is in no journal.
    pub fn tell(&self, project: ProjectId, kind: &'static str, data: Value) {
        self.tell_of_run(project, NO_RUN, kind, data);
    }

    /// Says something of a run that is in no journal.
    pub fn tell_of_run(&self, project: ProjectId, run: RunId, kind: &'static str, data: Value) {
        let piece = Piece {
            kind,
            data,
            run,
            project,
        };
        self.say_loose(loose(piece));
    }

    /// Says what is in no journal.
    fn say_loose(&self, item: Arc<Item>) {
        let mut shared = self.shared();
        shared.loose += 1;
        // Nobody listening any more is no error.
        let _ = self.said.send(Said::Output(item));
    }

    fn wants(&self, run: RunId, project: Option<ProjectId>) -> Option<bool> {
        self.shared().interest.wants(run, project)
    }

    /// Says what follows up to a position. Whoever listens at that moment gets it, or reads it.
    fn say(&self, position: Position, items: Vec<Arc<Item>>) {
        let mut shared = self.shared();
        shared.cursor = position;
        if !items.is_empty() {
            // Nobody listening any more is no error.
            let _ = self.said.send(Said::Commit(position, Arc::new(items)));
        }
    }
}

/// What one round of the follower leaves for the next.
struct Round {
    teller: Teller,
    progress: Progress,
}

async fn follow(host: Arc<Host>, hub: Arc<Hub>) {
    let mut head = host.journal.subscribe();
    let fresh = || Round {
        teller: Teller::new(host.clone()),
        progress: Progress::default(),
    };
    let mut round = fresh();
    loop {
        let is_idle = {
            let mut shared = hub.shared();
            shared.is_idle |= shared.interest.is_empty();
            shared.is_idle
        };
        if is_idle {
            round = fresh();
            hub.woken.notified().await;
            continue;
        }
        head.mark_unchanged();
        let (of_host, of_hub) = (host.clone(), hub.clone());
        let worked = tokio::task::spawn_blocking(move || {
            let count = work(&of_host, &of_hub, &mut round);
            (round, count)
        });
        let count = match worked.await {
            Ok((before, count)) => {
                round = before;
                count
            }
            Err(error) => {
                tracing::error!(%error, "what happens cannot be told; readers read it anew");
                round = fresh();
                let now = host.journal.head();
                hub.say(now, Vec::new());
                continue;
            }
        };
        if count == 0 {
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK), if !round.progress.is_empty() => {}
                () = hub.woken.notified() => {}
            }
        }
    }
}

/// Says what was committed since the last round, or what was written; how many commits there were.
fn work(host: &Host, hub: &Hub, round: &mut Round) -> usize {
    let wants = |run, project| hub.wants(run, project);
    let (cursor, joined) = {
        let mut shared = hub.shared();
        (shared.cursor, std::mem::take(&mut shared.joined))
    };
    if joined {
        match host.journal.wakes() {
            Ok(wakes) => {
                let live = wakes.into_iter().filter_map(|(aggregate, wake)| {
                    let run = match aggregate {
                        Aggregate::Run(run) => run,
                        Aggregate::Slot(_) => return None,
                    };
                    wake.live.then_some(run)
                });
                let live: Vec<RunId> = live.collect();
                let Round { teller, progress } = round;
                teller.join(&live, &wants, cursor, progress);
            }
            Err(error) => tracing::warn!(%error, "what runs cannot be found"),
        }
    }
    let commits = match host.journal.since(cursor, BATCH) {
        Ok(commits) => commits,
        Err(error) => {
            tracing::warn!(%error, "what happens cannot be read; trying again");
            std::thread::park_timeout(LOOK);
            return 1;
        }
    };
    for stored in &commits {
        let progress = Some(&mut round.progress);
        let telling = round.teller.tell(stored, &wants, progress);
        for item in telling.output {
            hub.say_loose(item);
        }
        hub.say(stored.position, telling.items);
    }
    if commits.is_empty() {
        for piece in round.progress.look() {
            hub.say_loose(loose(piece));
        }
    }
    commits.len()
}
