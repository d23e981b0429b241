//! One live concurrency key.

use std::time::Duration;

use baton_core::ids::CommandId;
use baton_core::run::decide::{Command as RunCommand, Refusal};
use baton_core::slot::{Command, Event, Message, Says, Slot};
use tokio::sync::{mpsc, oneshot};

use crate::commit::append_one;
use crate::handle::{Engine, SendError, lock};
use crate::ports::{Aggregate, Append, AppendError, Wake};

const IDLE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(500);

/// What comes in.
pub(crate) enum SlotMail {
    Command {
        command: Command,
        id: Option<CommandId>,
        reply: Option<oneshot::Sender<Result<(), SendError>>>,
    },
    Wake,
    OutboxDone,
}

pub(crate) struct SlotActor {
    engine: Engine,
    key: String,
    inbox: mpsc::UnboundedReceiver<SlotMail>,
    folded: Option<(Slot, u64)>,
    delivering: bool,
}

impl SlotActor {
    pub(crate) fn new(
        engine: Engine,
        key: String,
        inbox: mpsc::UnboundedReceiver<SlotMail>,
    ) -> Self {
        Self {
            engine,
            key,
            inbox,
            folded: None,
            delivering: false,
        }
    }

    pub(crate) async fn work(mut self) {
        loop {
            match tokio::time::timeout(IDLE, self.inbox.recv()).await {
                Ok(Some(SlotMail::Command { command, id, reply })) => {
                    let result = self.carry_out(&command, id.as_ref()).await;
                    if let Err(SendError::Disk(_)) = &result {
                        self.wake_later();
                    }
                    if let Some(reply) = reply {
                        let _ = reply.send(result);
                    }
                }
                Ok(Some(SlotMail::Wake)) => {
                    self.load_or_later();
                }
                Ok(Some(SlotMail::OutboxDone)) => {
                    self.delivering = false;
                    self.load_or_later();
                }
                Ok(None) => return,
                Err(_) if self.delivering => {}
                Err(_) => {
                    let mut actors = lock(&self.engine.inner.actors);
                    if self.inbox.is_empty() {
                        actors.slots.remove(&self.key);
                        return;
                    }
                }
            }
            self.deliver();
        }
    }

    fn load_or_later(&mut self) {
        if let Err(error) = self.load() {
            tracing::warn!(slot = self.key, %error, "a key cannot be loaded");
            self.wake_later();
        }
    }

    fn wake_later(&self) {
        let engine = self.engine.clone();
        let key = self.key.clone();
        crate::handle::background(async move {
            let clock = engine.clock();
            clock.sleep_until(clock.now().plus(RETRY)).await;
            engine.mail_slot(&key, SlotMail::Wake);
        });
    }

    fn aggregate(&self) -> Aggregate {
        Aggregate::Slot(self.key.clone())
    }

    fn load(&mut self) -> Result<(), SendError> {
        if self.folded.is_some() {
            return Ok(());
        }
        let journal = &self.engine.inner.outside.journal;
        let stored = journal
            .load(&self.aggregate(), 0)
            .map_err(|e| SendError::Disk(e.to_string()))?;
        let (mut slot, mut seq) = (Slot::default(), 0);
        for stored in stored {
            let events: Vec<Event> = serde_json::from_slice(&stored.events)
                .map_err(|error| SendError::Damaged(format!("{}: {error}", self.key)))?;
            events.iter().for_each(|event| slot.apply(event));
            seq = stored.seq;
        }
        self.folded = Some((slot, seq));
        Ok(())
    }

    async fn carry_out(
        &mut self,
        command: &Command,
        id: Option<&CommandId>,
    ) -> Result<(), SendError> {
        loop {
            self.load()?;
            let aggregate = self.aggregate();
            let Some((slot, seq)) = &mut self.folded else {
                return Err(SendError::Stopping);
            };
            let events = slot.decide(command);
            if events.is_empty() {
                return Ok(());
            }
            events.iter().for_each(|event| slot.apply(event));
            let append = Append {
                aggregate,
                seq: *seq + 1,
                command: id.cloned(),
                at: self.engine.inner.outside.clock.now(),
                events: serde_json::to_vec(&events).map_err(|e| SendError::Disk(e.to_string()))?,
                decided: None,
                blobs: vec![],
                board: None,
                wake: Wake {
                    due: None,
                    live: slot.outbox().next().is_some(),
                    unfinished: false,
                },
            };
            let journal = self.engine.inner.outside.journal.clone();
            match append_one(journal.as_ref(), append).await {
                Ok(appended) => {
                    *seq = appended.seq;
                    return Ok(());
                }
                Err(AppendError::Repeated(_)) => {
                    self.folded = None;
                    return Ok(());
                }
                Err(AppendError::Conflict { .. }) => self.folded = None,
                Err(AppendError::Failed(error)) => {
                    self.folded = None;
                    return Err(SendError::Disk(error));
                }
            }
        }
    }

    fn deliver(&mut self) {
        let Some((slot, _)) = &self.folded else {
            return;
        };
        let messages: Vec<(u32, Message)> = slot.outbox().collect();
        if self.delivering || messages.is_empty() {
            return;
        }
        self.delivering = true;
        let engine = self.engine.clone();
        let key = self.key.clone();
        crate::handle::background(async move {
            for (number, message) in messages {
                engine.deliver_grant(&key, number, message).await;
            }
            engine.mail_slot(&key, SlotMail::OutboxDone);
        });
    }
}

impl Engine {
    async fn deliver_grant(&self, key: &str, number: u32, message: Message) {
        let Message { run, request, says } = message;
        let is_grant = says == Says::Grant;
        let command = match says {
            Says::Grant => RunCommand::SlotGranted { request },
            Says::Refuse => RunCommand::SlotRefused {
                request,
                detail: "the concurrency key is held by another run, and `on_full` says `reject`"
                    .into(),
            },
            Says::Cancel => RunCommand::SlotTaken { request },
        };
        let id = CommandId(format!("slot:{key}/{number}"));
        loop {
            match self.send(run, command.clone(), Some(id.clone())).await {
                Ok(_) | Err(SendError::Damaged(_)) => break,
                // Nobody else would ever give the place back.
                Err(SendError::Refused(Refusal::NoRun)) if is_grant => {
                    if self.tell_slot(key, Command::Release { run }).await {
                        break;
                    }
                    return;
                }
                Err(SendError::Refused(refusal)) => {
                    tracing::debug!(%run, %refusal, "a key's message was refused");
                    break;
                }
                Err(SendError::Stopping) => return,
                Err(SendError::Disk(_) | SendError::Environment(_)) => {
                    let clock = &self.inner.outside.clock;
                    clock.sleep_until(clock.now().plus(RETRY)).await;
                }
            }
        }
        self.tell_slot(key, Command::Delivered { message: number })
            .await;
    }

    /// Tells a key something until the disk takes it; whether it did.
    async fn tell_slot(&self, key: &str, command: Command) -> bool {
        loop {
            match self.send_slot(key, command.clone(), None).await {
                Err(SendError::Disk(_)) => {
                    let clock = &self.inner.outside.clock;
                    clock.sleep_until(clock.now().plus(RETRY)).await;
                }
                told => return told.is_ok(),
            }
        }
    }
}
