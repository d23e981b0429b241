//! The way in: every command to an aggregate goes through [`Engine::send`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_core::ids::{AttemptId, CommandId, Mint, RunId};
use baton_core::run::Run;
use baton_core::run::decide::{Command, News, Refusal};
use baton_core::run::event::{AttemptEnd, Event, Finished};
use baton_core::slot;
use tokio::sync::{mpsc, oneshot};

use crate::actor::{RunActor, RunMail};
use crate::feed::Feed;
use crate::plans::Plans;
use crate::ports::{
    Aggregate, Appended, Asked, Clock, Definitions, Environments, Journal, Programs, Reports,
    Runners,
};
use crate::slots::{SlotActor, SlotMail};
use crate::timers::Timers;

/// Everything outside that the engine uses.
#[derive(Clone)]
pub struct Outside {
    /// Where events are kept.
    pub journal: Arc<dyn Journal>,
    /// Who runs attempts.
    pub runners: Arc<dyn Runners>,
    /// Where child runs' definitions are found.
    pub definitions: Arc<dyn Definitions>,
    /// The runs' environments.
    pub environments: Arc<dyn Environments>,
    /// Who runs the programs of runs.
    pub programs: Arc<dyn Programs>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

/// The engine of one host. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) outside: Outside,
    pub(crate) plans: Arc<Plans>,
    pub(crate) feed: Feed,
    pub(crate) timers: Timers,
    pub(crate) actors: Mutex<Actors>,
    /// Attempts that this host has launched or taken back and that have not ended.
    pub(crate) attempts: Mutex<HashMap<AttemptId, RunId>>,
    /// Processes that will not end, by attempt.
    pub(crate) stuck: Mutex<HashMap<AttemptId, Vec<u32>>>,
    /// What this host has asked for about runs' files.
    pub(crate) files: Mutex<FilesAsked>,
}

/// So that a run that is folded again does not ask for all of it again.
#[derive(Default)]
pub(crate) struct FilesAsked {
    /// The newest checkpoint whose commit is held, by run.
    pub(crate) kept: HashMap<RunId, u32>,
    /// Runs whose branch is being finished.
    pub(crate) finishing: HashSet<RunId>,
}

#[derive(Default)]
pub(crate) struct Actors {
    pub(crate) runs: HashMap<RunId, mpsc::UnboundedSender<RunMail>>,
    pub(crate) slots: HashMap<String, mpsc::UnboundedSender<SlotMail>>,
    /// No new actors: the host is leaving.
    pub(crate) closed: bool,
}

/// What a command led to.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The commit that holds its events; `None` when nothing had to change.
    pub appended: Option<Appended>,
    /// The events of that commit; empty when the command was a repeat.
    pub events: Arc<Vec<Event>>,
}

impl Reply {
    /// The wire id of the message that the command posted, if it did.
    #[must_use]
    pub fn message_id(&self) -> Option<u64> {
        let position = self.appended?.position;
        let index = self
            .events
            .iter()
            .position(|e| matches!(e, Event::MessagePosted(_)))?;
        Some(position.of_event(index))
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// The rules say no; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk says no; nothing changed.
    #[error("{0}")]
    Disk(String),
    /// What the run's expressions may name cannot be read now; nothing changed.
    #[error("{0}")]
    Environment(String),
    /// The run's journal cannot be read by this version.
    #[error("{0}")]
    Damaged(String),
    /// The host is leaving.
    #[error("the host is stopping")]
    Stopping,
}

impl Engine {
    /// An engine over these parts. Nothing runs until [`Engine::recover`].
    #[must_use]
    pub fn new(outside: Outside) -> Self {
        Self {
            inner: Arc::new(Inner {
                outside,
                plans: Arc::new(Plans::default()),
                feed: Feed::new(16 * 1024),
                timers: Timers::default(),
                actors: Mutex::default(),
                attempts: Mutex::default(),
                stuck: Mutex::default(),
                files: Mutex::default(),
            }),
        }
    }

    /// What is committed from now on.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.inner.feed
    }

    /// The parsed definitions.
    #[must_use]
    pub fn plans(&self) -> &Arc<Plans> {
        &self.inner.plans
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.inner.outside.journal
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.outside.clock
    }

    /// A mint for ids made outside of a decision.
    #[must_use]
    pub fn mint(&self) -> Mint {
        let clock = &self.inner.outside.clock;
        Mint::new(clock.now(), clock.random())
    }

    /// Tells a run something and waits until what follows is durable. With an id, a repeat is
    /// answered from what the first one led to.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(
        &self,
        run: RunId,
        command: Command,
        id: Option<CommandId>,
    ) -> Result<Reply, SendError> {
        let (reply, done) = oneshot::channel();
        self.mail_run(
            run,
            RunMail::Command {
                command: Box::new(command),
                id,
                reply: Some(reply),
            },
        );
        done.await.unwrap_or(Err(SendError::Stopping))
    }

    /// Reads a run as it is now.
    ///
    /// # Errors
    /// [`SendError`]; [`Refusal::NoRun`] when there is none.
    pub async fn read<T: Send + 'static>(
        &self,
        run: RunId,
        read: impl FnOnce(&Run) -> T + Send + 'static,
    ) -> Result<T, SendError> {
        let (reply, done) = oneshot::channel();
        let read = Box::new(move |run: Result<&Run, SendError>| {
            let _ = reply.send(run.map(read));
        });
        self.mail_run(run, RunMail::Read(read));
        done.await.unwrap_or(Err(SendError::Stopping))
    }

    /// Removes a run that has ended, and that everybody has heard from: `remove` deletes its journal.
    /// No command reaches the run in between.
    ///
    /// # Errors
    /// [`Refusal::InvalidState`], [`Refusal::Outstanding`] or [`Refusal::NoRun`]: nothing is
    /// removed. [`SendError::Disk`] with what `remove` says.
    pub async fn remove(
        &self,
        run: RunId,
        remove: impl Future<Output = Result<(), String>> + Send + 'static,
    ) -> Result<(), SendError> {
        let (reply, done) = oneshot::channel();
        let remove = Box::pin(remove);
        self.mail_run(run, RunMail::Remove { remove, reply });
        done.await.unwrap_or(Err(SendError::Stopping))
    }

    /// The processes of this run's attempts that will not end.
    #[must_use]
    pub fn stuck(&self, run: RunId) -> Vec<u32> {
        let attempts = lock(&self.inner.attempts);
        let stuck = lock(&self.inner.stuck);
        let of_run = stuck
            .iter()
            .filter(|(attempt, _)| attempts.get(attempt) == Some(&run));
        of_run.flat_map(|(_, pids)| pids.iter().copied()).collect()
    }

    /// Takes no more commands: what is being committed is finished, attempts go on under their
    /// shepherds.
    pub fn close(&self) {
        let mut actors = lock(&self.inner.actors);
        actors.closed = true;
        actors.runs.clear();
        actors.slots.clear();
    }

    /// What is reported to a run, by which nobody waits for an answer.
    fn tell_run(&self, run: RunId, command: Command) {
        let command = Box::new(command);
        let (id, reply) = (None, None);
        self.mail_run(run, RunMail::Command { command, id, reply });
    }

    pub(crate) fn mail_run(&self, run: RunId, mail: RunMail) {
        let mut actors = lock(&self.inner.actors);
        if actors.closed {
            return;
        }
        let mail = match actors.runs.get(&run) {
            Some(sender) => match sender.send(mail) {
                Ok(()) => return,
                Err(unsent) => unsent.0,
            },
            None => mail,
        };
        let (sender, inbox) = mpsc::unbounded_channel();
        // The receiver is held here, so this cannot fail.
        let _ = sender.send(mail);
        actors.runs.insert(run, sender);
        let actor = RunActor::new(self.clone(), run, inbox).work();
        self.spawn_actor(actor, Aggregate::Run(run));
    }

    pub(crate) fn mail_slot(&self, key: &str, mail: SlotMail) {
        let mut actors = lock(&self.inner.actors);
        if actors.closed {
            return;
        }
        let mail = match actors.slots.get(key) {
            Some(sender) => match sender.send(mail) {
                Ok(()) => return,
                Err(unsent) => unsent.0,
            },
            None => mail,
        };
        let (sender, inbox) = mpsc::unbounded_channel();
        let _ = sender.send(mail);
        actors.slots.insert(key.to_owned(), sender);
        let actor = SlotActor::new(self.clone(), key.to_owned(), inbox).work();
        self.spawn_actor(actor, Aggregate::Slot(key.to_owned()));
    }

    /// Runs an actor. One that panics is taken out, so that the next mail folds its aggregate
    /// anew from what is durable.
    fn spawn_actor(&self, actor: impl Future<Output = ()> + Send + 'static, of: Aggregate) {
        let engine = self.clone();
        background(async move {
            #[expect(
                clippy::disallowed_methods,
                reason = "awaited on the spot, for its panic"
            )]
            let ended = tokio::spawn(actor).await;
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(aggregate = %of, "a decision panicked; folding anew");
                let mut actors = lock(&engine.inner.actors);
                match &of {
                    Aggregate::Run(run) => drop(actors.runs.remove(run)),
                    Aggregate::Slot(key) => drop(actors.slots.remove(key)),
                }
            }
        });
    }

    pub(crate) async fn send_slot(
        &self,
        key: &str,
        command: slot::Command,
        id: Option<CommandId>,
    ) -> Result<(), SendError> {
        let (reply, done) = oneshot::channel();
        self.mail_slot(
            key,
            SlotMail::Command {
                command,
                id,
                reply: Some(reply),
            },
        );
        done.await.unwrap_or(Err(SendError::Stopping))
    }

    /// Lets an aggregate look at the time and at what it has outstanding.
    pub(crate) fn wake(&self, aggregate: &Aggregate) {
        match aggregate {
            Aggregate::Run(run) => self.mail_run(*run, RunMail::Wake),
            Aggregate::Slot(key) => self.mail_slot(key, SlotMail::Wake),
        }
    }
}

impl Reports for Engine {
    fn ended(&self, attempt: AttemptId, end: AttemptEnd) {
        lock(&self.inner.stuck).remove(&attempt);
        let run = lock(&self.inner.attempts).get(&attempt).copied();
        let Some(run) = run else {
            tracing::debug!(%attempt, "an attempt ended that nobody waits for");
            return;
        };
        let command = Command::AttemptEnded { attempt, end };
        self.tell_run(run, command);
    }

    fn news(&self, attempt: AttemptId, news: News) {
        let Some(run) = lock(&self.inner.attempts).get(&attempt).copied() else {
            return;
        };
        let command = Command::Hear { attempt, news };
        self.tell_run(run, command);
    }

    fn finished(&self, run: RunId, outcome: Finished) {
        lock(&self.inner.files).finishing.remove(&run);
        let command = Command::FilesFinished { outcome };
        self.tell_run(run, command);
    }

    fn merged(&self, run: RunId, key: String, number: u32, outcome: Finished) {
        let command = Command::Merged {
            key,
            number,
            outcome,
        };
        self.tell_run(run, command);
    }

    fn still_running(&self, attempt: AttemptId, pids: Vec<u32>) {
        lock(&self.inner.stuck).insert(attempt, pids);
    }

    fn asked(&self, run: RunId, asked: Asked) {
        let Asked {
            epoch,
            from,
            asks,
            end,
        } = asked;
        let command = Command::Asked {
            epoch,
            from,
            asks,
            end,
        };
        self.tell_run(run, command);
    }

    fn program_lost(&self, run: RunId) {
        self.mail_run(run, RunMail::Wake);
    }
}

/// Starts a task of the engine that ends by itself: with its mailbox, its delivery or its engine.
pub(crate) fn background(task: impl Future<Output = ()> + Send + 'static) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place; what such a task does is repeated from the journal if it is lost"
    )]
    drop(tokio::spawn(task));
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
