//! One live run: takes its mail in order, decides, has it committed, lets it act. Dropped when idle
//! and folded again from the journal when wanted.

mod later;
mod program;

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use baton_core::ids::{CommandId, Mint, RunId};
use baton_core::run::Run;
use baton_core::run::decide::{Command, Context, Refusal, opening};
use baton_core::run::ends_a_step;
use baton_core::run::event::{Event, RunCreated};
use baton_core::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::commit::{Committed, Underway, hand_over};
use crate::feed::Commit;
use crate::fold::{Folded, load_run};
use crate::handle::{Engine, Reply, SendError, lock};
use crate::ports::{Aggregate, AppendError};

/// How long an actor without mail stays in memory while a process works for its run.
const IDLE: Duration = Duration::from_secs(2);

/// And when its run waits for something outside: a parked run costs no memory.
const PARKED: Duration = Duration::from_millis(100);

/// Events per commit, well below the positions that a commit has.
const EVENTS: usize = 1024;

/// Commits of one run that may be on their way to the disk together. Only what the engine decides by
/// itself runs ahead, and only until something is to be done or told: effects wait for the disk.
const AHEAD: usize = 16;

/// How long to wait before trying again what the disk refused.
const DISK_RETRY: Duration = Duration::from_millis(500);

/// And what could not be evaluated, since the run's environment could not be read.
const ENVIRONMENT_RETRY: Duration = Duration::from_secs(5);

/// Deletes a run's journal, and says whether that went well.
pub(crate) type RemoveRun = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

type ReadRun = Box<dyn FnOnce(Result<&Run, SendError>) + Send>;

/// What comes in.
pub(crate) enum RunMail {
    Command {
        command: Box<Command>,
        id: Option<CommandId>,
        reply: Option<oneshot::Sender<Result<Reply, SendError>>>,
    },
    Read(ReadRun),
    Remove {
        remove: RemoveRun,
        reply: oneshot::Sender<Result<(), SendError>>,
    },
    Wake,
    /// A delivery of the outbox has ended; with the number that arrived last.
    OutboxDone,
}

pub(crate) struct RunActor {
    engine: Engine,
    id: RunId,
    inbox: mpsc::UnboundedReceiver<RunMail>,
    folded: Option<Folded>,
    /// Decided, applied and handed to the journal, oldest first; not yet known to be durable.
    underway: VecDeque<Underway>,
    env: Option<Arc<BTreeMap<String, String>>>,
    /// A task delivers the outbox.
    delivering: bool,
    /// This host has looked at what was outstanding when it folded the run.
    recovered: bool,
    /// Nothing is known of the run: whoever starts it has made its id. If it exists all the same, the journal
    /// does not take its first commit.
    is_new: bool,
}

impl RunActor {
    pub(crate) fn new(engine: Engine, id: RunId, inbox: mpsc::UnboundedReceiver<RunMail>) -> Self {
        Self {
            engine,
            id,
            inbox,
            folded: None,
            underway: VecDeque::new(),
            env: None,
            delivering: false,
            recovered: false,
            is_new: true,
        }
    }

    pub(crate) async fn work(mut self) {
        loop {
            let patience = if self.is_parked() { PARKED } else { IDLE };
            match tokio::time::timeout(patience, self.inbox.recv()).await {
                Ok(Some(mail)) => {
                    let mut next = Some(mail);
                    while let Some(mail) = next {
                        next = self.take(mail).await;
                    }
                }
                Ok(None) => return,
                Err(_) if self.delivering => {}
                Err(_) => {
                    let mut actors = lock(&self.engine.inner.actors);
                    // Mail is sent under this lock, so what is not here now never will be.
                    if self.inbox.is_empty() {
                        actors.runs.remove(&self.id);
                        return;
                    }
                }
            }
        }
    }

    fn is_parked(&self) -> bool {
        let works = |folded: &Folded| folded.run.in_flight().is_some_and(|all| !all.is_empty());
        !self.folded.as_ref().is_some_and(works)
    }

    /// Gives the next mail, when it has been taken out already.
    async fn take(&mut self, mail: RunMail) -> Option<RunMail> {
        match mail {
            RunMail::Command {
                command,
                id: None,
                reply: None,
            } if program::is_said_by_it(&command) => return self.follow_program(*command).await,
            RunMail::Command { command, id, reply } => self.carry_out(*command, id, reply).await,
            RunMail::Read(read) => match (self.load(), &self.folded) {
                (_, Some(folded)) => read(Ok(&folded.run)),
                (Ok(()), None) => read(Err(Refusal::NoRun.into())),
                (Err(error), None) => read(Err(error)),
            },
            RunMail::Remove { remove, reply } => {
                let _ = reply.send(self.remove(remove).await);
            }
            RunMail::Wake => self.carry_out(Command::Tick, None, None).await,
            RunMail::OutboxDone => {
                self.delivering = false;
                match self.load() {
                    Ok(()) => self.deliver(),
                    Err(_) => self.wake_later(),
                }
            }
        }
        None
    }

    /// Removes the run for good; meanwhile it takes no other mail.
    async fn remove(&mut self, remove: RemoveRun) -> Result<(), SendError> {
        match (self.load(), &self.folded) {
            (_, Some(folded)) => folded.run.may_be_removed()?,
            (Ok(()), None) => return Err(Refusal::NoRun.into()),
            (Err(error), None) => return Err(error),
        }
        let removed = remove.await.map_err(SendError::Disk);
        self.folded = None;
        self.engine.inner.timers.set(&Aggregate::Run(self.id), None);
        removed
    }

    /// Folds the run if it is not in memory. It is also there when only its environment is missing.
    fn load(&mut self) -> Result<(), SendError> {
        self.is_new = false;
        if self.folded.is_some() {
            return self.recover();
        }
        self.underway.clear();
        let outside = &self.engine.inner.outside;
        match load_run(outside.journal.as_ref(), &self.engine.inner.plans, self.id) {
            Ok(folded) => {
                self.folded = folded;
                // A commit that was answered as failed may have become durable: what it decided is
                // outstanding now.
                self.recovered = false;
                self.recover()
            }
            Err(error @ crate::fold::FoldError::Read(_)) => Err(SendError::Disk(error.to_string())),
            Err(error) => {
                tracing::error!(run = %self.id, %error, "a run cannot be folded");
                Err(SendError::Damaged(error.to_string()))
            }
        }
    }

    async fn carry_out(
        &mut self,
        command: Command,
        id: Option<CommandId>,
        mut reply: Option<oneshot::Sender<Result<Reply, SendError>>>,
    ) {
        loop {
            match self.try_command(&command, id.as_ref()).await {
                Ok(Outcome::Again) => {}
                Ok(Outcome::Done(done)) => {
                    if let Some(reply) = reply.take() {
                        let _ = reply.send(Ok(done));
                    }
                    break;
                }
                Err(SendError::Disk(error)) if reply.is_none() => {
                    // A report of what has happened is never dropped: it waits for the disk.
                    tracing::warn!(run = %self.id, %error, "the journal refuses; trying again");
                    self.pause_for_disk().await;
                }
                Err(SendError::Environment(_)) if reply.is_none() => {
                    // As above, but people can be answered meanwhile. Whoever reads it has said so.
                    self.tell_later(command, id);
                    return;
                }
                Err(error) => {
                    if let SendError::Disk(_) = error {
                        self.wake_later();
                    }
                    let Some(reply) = reply.take() else {
                        // A report that came too late: what it was about may be waiting.
                        break;
                    };
                    let _ = reply.send(Err(error));
                    return;
                }
            }
        }
        self.advance().await;
    }

    /// Goes on by itself until the run waits for something outside.
    async fn advance(&mut self) {
        loop {
            let now = self.engine.inner.outside.clock.now();
            let Some(events) = self.decide_next(now) else {
                // There is no run, or it cannot be read now.
                if let Err(SendError::Disk(_)) = self.load() {
                    self.wake_later();
                }
                return;
            };
            if events.is_empty() && self.underway.is_empty() {
                break;
            }
            match self.run_ahead(events, now).await {
                Ok(()) | Err(AppendError::Conflict { .. }) => {}
                Err(error) => {
                    tracing::warn!(run = %self.id, %error, "the journal refuses; trying again");
                    self.pause_for_disk().await;
                }
            }
            if self.folded.is_none() && self.load().is_err() {
                self.pause_for_disk().await;
            }
        }
        self.set_timer();
        self.deliver();
        self.let_program_go_on();
    }

    /// All that the run's program may hear now is durable.
    fn let_program_go_on(&self) {
        if let Some(folded) = &self.folded
            && folded.run.program.is_some()
        {
            let programs = &self.engine.inner.outside.programs;
            programs.go_on(&folded.run, Arc::new(self.engine.clone()));
        }
    }

    async fn pause_for_disk(&mut self) {
        self.folded = None;
        let clock = &self.engine.inner.outside.clock;
        clock.sleep_until(clock.now().plus(DISK_RETRY)).await;
    }

    async fn try_command(
        &mut self,
        command: &Command,
        id: Option<&CommandId>,
    ) -> Result<Outcome, SendError> {
        let engine = self.engine.clone();
        let outside = &engine.inner.outside;
        if let Some(id) = id {
            let before = outside
                .journal
                .command(id)
                .map_err(|e| SendError::Disk(e.to_string()))?;
            if let Some((_, appended)) = before {
                return Ok(Outcome::Done(Reply {
                    appended: Some(appended),
                    events: self.events_of(appended.seq)?,
                }));
            }
        }
        let now = outside.clock.now();
        let events = self.decide(command, now)?;
        if events.is_empty() {
            return Ok(Outcome::Done(Reply {
                appended: None,
                events: Arc::default(),
            }));
        }
        match self.commit(events, id.cloned(), now).await {
            Ok(committed) => Ok(Outcome::Done(Reply {
                appended: Some(committed.appended),
                events: committed.events,
            })),
            Err(AppendError::Conflict { .. }) => {
                // It may be another run than the one that was to be started.
                self.env = None;
                Ok(Outcome::Again)
            }
            Err(AppendError::Repeated(_)) => Ok(Outcome::Again),
            Err(AppendError::Failed(error)) => Err(SendError::Disk(error)),
        }
    }

    /// What a command leads to, with all that can follow in the same commit; applied.
    fn decide(&mut self, command: &Command, now: Timestamp) -> Result<Vec<Event>, SendError> {
        match command {
            Command::Start(_) if self.is_new => self.is_new = false,
            _ => self.load()?,
        }
        if let (None, Command::Start(created)) = (&self.folded, command) {
            self.read_environment(created)?;
        }
        let events = match (&self.folded, command) {
            (None, Command::Start(created)) => opening(created),
            (None, _) => return Err(Refusal::NoRun.into()),
            (Some(folded), command) => {
                let env = self.env.clone().unwrap_or_default();
                let mut context = self.context(now, &env);
                folded.run.decide(command, &mut context)?
            }
        };
        if events.is_empty() {
            return Ok(events);
        }
        if let Err(error) = self.apply(&events, now) {
            self.folded = None;
            return Err(SendError::Damaged(error));
        }
        let ended = events.iter().any(ends_a_step);
        let unfit = || SendError::Damaged("the run's state does not fit".into());
        self.with_next(events, ended, now).ok_or_else(unfit)
    }

    fn context<'a>(&self, now: Timestamp, env: &'a BTreeMap<String, String>) -> Context<'a> {
        let mint = Mint::new(now, self.engine.inner.outside.clock.random());
        Context { now, mint, env }
    }

    /// What follows when no command is at hand, applied; `None` when the state is unusable.
    fn decide_next(&mut self, now: Timestamp) -> Option<Vec<Event>> {
        self.folded.as_ref()?;
        self.with_next(Vec::new(), false, now)
    }

    /// These events and what can follow in the same commit, applied.
    fn with_next(
        &mut self,
        mut events: Vec<Event>,
        mut ended: bool,
        now: Timestamp,
    ) -> Option<Vec<Event>> {
        let env = self.env.clone().unwrap_or_default();
        let mut context = self.context(now, &env);
        while events.len() < EVENTS {
            let more = self.folded.as_ref()?.run.advance(&mut context, !ended);
            if more.is_empty() {
                break;
            }
            if let Err(error) = self.apply(&more, now) {
                tracing::error!(run = %self.id, %error, "a decision does not fit its run");
                self.folded = None;
                return None;
            }
            ended |= more.iter().any(ends_a_step);
            events.extend(more);
        }
        Some(events)
    }

    /// Applies events before they are durable: nobody sees the state until they are, and a failed
    /// commit throws it away.
    fn apply(&mut self, events: &[Event], now: Timestamp) -> Result<(), String> {
        for event in events {
            match (&mut self.folded, event) {
                (None, Event::RunCreated(created)) => {
                    let plan = self.engine.inner.plans.of_run(created);
                    let plan = plan.map_err(|error| error.to_string())?;
                    let run = Run::create((**created).clone(), now, plan)
                        .map_err(|error| error.to_string())?;
                    self.folded = Some(Folded { run, seq: 0 });
                    self.recovered = true;
                }
                (None, _) => return Err("the run is not loaded".into()),
                (Some(folded), event) => {
                    folded
                        .run
                        .apply(event, now)
                        .map_err(|error| error.to_string())?;
                }
            }
        }
        Ok(())
    }

    /// Makes what a command decided durable, and acts on it.
    async fn commit(
        &mut self,
        events: Vec<Event>,
        id: Option<CommandId>,
        now: Timestamp,
    ) -> Result<Committed, AppendError> {
        let underway = self.hand_over(events, id, now)?;
        let committed = self.settle(underway).await?;
        self.deliver();
        Ok(committed)
    }

    /// Hands over what the engine decided by itself, and waits only as far as something hangs on
    /// it. Without events it waits for all that is underway.
    async fn run_ahead(&mut self, events: Vec<Event>, now: Timestamp) -> Result<(), AppendError> {
        let mut ahead = 0;
        if !events.is_empty() {
            let underway = self.hand_over(events, None, now)?;
            if !self.must_wait(&underway) {
                ahead = AHEAD - 1;
            }
            self.underway.push_back(underway);
        }
        while self.underway.len() > ahead
            && let Some(oldest) = self.underway.pop_front()
        {
            self.settle(oldest).await?;
        }
        if self.underway.is_empty() {
            self.deliver();
        }
        Ok(())
    }

    /// Whether nothing may be decided before this commit is durable: it has effects, messages wait
    /// to be delivered, or the state after it is one to keep.
    fn must_wait(&self, underway: &Underway) -> bool {
        let every = self.engine.inner.outside.journal.snapshot_every();
        let tells = |folded: &Folded| !self.delivering && !folded.run.outbox.is_empty();
        underway.acts()
            || underway.seq.is_multiple_of(every)
            || self.folded.as_ref().is_none_or(tells)
    }

    fn hand_over(
        &mut self,
        events: Vec<Event>,
        id: Option<CommandId>,
        now: Timestamp,
    ) -> Result<Underway, AppendError> {
        let Some(folded) = &mut self.folded else {
            return Err(AppendError::Failed("the run is not loaded".into()));
        };
        let journal = self.engine.inner.outside.journal.as_ref();
        let underway = hand_over(journal, &folded.run, folded.seq + 1, id, now, events)
            .inspect_err(|_| self.folded = None)?;
        if let Some(folded) = &mut self.folded {
            folded.seq = underway.seq;
        }
        Ok(underway)
    }

    /// Waits for a commit, publishes it and acts on it. Without it the state, and all that was
    /// decided after it, is worth nothing: their numbers no longer fit, so the journal refuses them.
    async fn settle(&mut self, underway: Underway) -> Result<Committed, AppendError> {
        let committed = match underway.durable().await {
            Ok(committed) => committed,
            Err(error) => {
                self.folded = None;
                self.underway.clear();
                return Err(error);
            }
        };
        self.engine.inner.feed.publish(Commit {
            aggregate: Aggregate::Run(self.id),
            seq: committed.appended.seq,
            position: committed.appended.position,
            at: committed.at,
            events: committed.events.clone(),
        });
        if let Some(folded) = &self.folded {
            if folded.seq == committed.appended.seq {
                crate::fold::keep(self.engine.inner.outside.journal.as_ref(), folded);
            }
            let env = self.env.clone().unwrap_or_default();
            self.engine.dispatch(&folded.run, &committed, &env);
        }
        Ok(committed)
    }

    /// Looks once at what the run has outstanding from before it was folded.
    fn recover(&mut self) -> Result<(), SendError> {
        let Some(folded) = &self.folded else {
            return Ok(());
        };
        let created = folded.run.created.clone();
        self.read_environment(&created)?;
        if !std::mem::replace(&mut self.recovered, true)
            && let Some(folded) = &self.folded
        {
            let env = self.env.clone().unwrap_or_default();
            self.engine.take_back(&folded.run, &env);
        }
        Ok(())
    }

    /// Reads what expressions may name, once. While that cannot be read nothing is decided.
    fn read_environment(&mut self, created: &RunCreated) -> Result<(), SendError> {
        if self.env.is_none() {
            let environments = &self.engine.inner.outside.environments;
            let parent = crate::start::parent_of(created.parent.as_ref());
            let env = environments.allowed(self.id, parent, &created.project);
            self.env = Some(Arc::new(env.map_err(SendError::Environment)?));
        }
        Ok(())
    }

    fn deliver(&mut self) {
        let Some(folded) = &self.folded else { return };
        if self.delivering || folded.run.outbox.is_empty() {
            return;
        }
        self.delivering = true;
        let messages = folded
            .run
            .outbox
            .open()
            .map(|(n, m)| (n, m.clone()))
            .collect();
        let engine = self.engine.clone();
        let source = folded.run.created.clone();
        crate::handle::background(async move {
            engine.deliver_outbox(&source, messages).await;
            engine.mail_run(source.run, RunMail::OutboxDone);
        });
    }

    fn set_timer(&self) {
        let Some(folded) = &self.folded else { return };
        let now = self.engine.inner.outside.clock.now();
        // A time that has passed and changed nothing is looked at again, but not in a loop.
        let due = folded
            .run
            .due()
            .map(|due| due.max(now.plus(Duration::from_millis(1))));
        self.engine.inner.timers.set(&Aggregate::Run(self.id), due);
    }

    fn events_of(&self, seq: u64) -> Result<Arc<Vec<Event>>, SendError> {
        let journal = self.engine.inner.outside.journal.as_ref();
        let disk = |error: &dyn std::fmt::Display| SendError::Disk(error.to_string());
        let stored = journal
            .load(&Aggregate::Run(self.id), seq.saturating_sub(1))
            .map_err(|error| disk(&error))?;
        match stored.first() {
            Some(stored) => crate::fold::decode(journal, stored).map_err(|error| disk(&error)),
            None => Ok(Arc::default()),
        }
    }
}

enum Outcome {
    Done(Reply),
    Again,
}
