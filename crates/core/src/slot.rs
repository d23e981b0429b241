//! A concurrency key: who holds a place, who waits for one. An aggregate with a journal of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::definition::OnFull;
use crate::ids::RunId;

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Event {
    /// A run asked; the newest word on the limit counts.
    Requested {
        run: RunId,
        limit: u32,
        on_full: OnFull,
        /// Which of the run's requests this is; not known of those from before it was noted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<u32>,
    },
    /// A run has a place.
    Granted { run: RunId },
    /// A run gets none.
    Refused { run: RunId },
    /// The oldest holder is to be cancelled to make room.
    HolderCancelled { run: RunId },
    /// A run gave its place, or its wait, back.
    Released { run: RunId },
    /// A message to a run arrived.
    Delivered { message: u32 },
}

/// What a key can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Command {
    /// A run asks for a place. A repeat changes nothing.
    Request {
        run: RunId,
        limit: u32,
        on_full: OnFull,
        /// Which of the run's requests this is: the answer names it.
        request: u32,
    },
    /// A run gives its place, or its wait, back.
    Release { run: RunId },
    /// A message arrived.
    Delivered { message: u32 },
}

/// A message of a key to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// To whom.
    pub run: RunId,
    /// About which of its requests, if that was noted: to a later one it means nothing.
    pub request: Option<u32>,
    /// What.
    pub says: Says,
}

/// See [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Says {
    Grant,
    Refuse,
    Cancel,
}

/// The folded state of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slot {
    limit: u32,
    holders: Vec<RunId>,
    queue: Vec<RunId>,
    asked_to_leave: Vec<RunId>,
    /// The request of each run that waits for a place or has one.
    requests: BTreeMap<RunId, u32>,
    next: u32,
    outbox: BTreeMap<u32, Message>,
}

impl Slot {
    /// The events that follow from a command.
    #[must_use]
    pub fn decide(&self, command: &Command) -> Vec<Event> {
        match *command {
            Command::Request {
                run,
                limit,
                on_full,
                request,
            } => {
                if self.holders.contains(&run) || self.queue.contains(&run) {
                    return vec![];
                }
                let mut events = vec![Event::Requested {
                    run,
                    limit,
                    on_full,
                    request: Some(request),
                }];
                let full = self.holders.len() >= limit as usize || !self.queue.is_empty();
                match on_full {
                    _ if !full => events.push(Event::Granted { run }),
                    OnFull::Queue => {}
                    OnFull::Reject => events.push(Event::Refused { run }),
                    OnFull::CancelOldest => {
                        let oldest = self
                            .holders
                            .iter()
                            .find(|h| !self.asked_to_leave.contains(h));
                        events.extend(oldest.map(|&run| Event::HolderCancelled { run }));
                    }
                }
                events
            }
            Command::Release { run } => {
                if !self.holders.contains(&run) && !self.queue.contains(&run) {
                    return vec![];
                }
                let mut events = vec![Event::Released { run }];
                let left = self.holders.iter().filter(|holder| **holder != run).count();
                let free = (self.limit as usize).saturating_sub(left);
                let waiting = self.queue.iter().filter(|waiting| **waiting != run);
                events.extend(waiting.take(free).map(|&run| Event::Granted { run }));
                events
            }
            Command::Delivered { message } => {
                let open = self.outbox.contains_key(&message);
                open.then_some(Event::Delivered { message })
                    .into_iter()
                    .collect()
            }
        }
    }

    /// Applies one event.
    pub fn apply(&mut self, event: &Event) {
        match *event {
            Event::Requested {
                run,
                limit,
                request,
                ..
            } => {
                self.forget(run);
                self.limit = limit;
                self.queue.push(run);
                self.requests.extend(request.map(|request| (run, request)));
            }
            Event::Granted { run } => {
                self.queue.retain(|waiting| *waiting != run);
                self.holders.push(run);
                self.tell(run, Says::Grant);
            }
            Event::Refused { run } => {
                self.queue.retain(|waiting| *waiting != run);
                self.tell(run, Says::Refuse);
            }
            Event::HolderCancelled { run } => {
                self.asked_to_leave.push(run);
                self.tell(run, Says::Cancel);
            }
            Event::Released { run } => {
                self.queue.retain(|waiting| *waiting != run);
                self.holders.retain(|holder| *holder != run);
                self.asked_to_leave.retain(|leaving| *leaving != run);
                self.forget(run);
            }
            Event::Delivered { message } => {
                self.outbox.remove(&message);
            }
        }
    }

    /// What was still to be said to a run was about a request that is over.
    fn forget(&mut self, run: RunId) {
        self.requests.remove(&run);
        self.outbox.retain(|_, message| message.run != run);
    }

    fn tell(&mut self, run: RunId, says: Says) {
        let request = self.requests.get(&run).copied();
        let message = Message { run, request, says };
        self.outbox.insert(self.next, message);
        self.next += 1;
    }

    /// What is not yet delivered.
    pub fn outbox(&self) -> impl Iterator<Item = (u32, Message)> + '_ {
        self.outbox
            .iter()
            .map(|(number, message)| (*number, *message))
    }

    /// The runs that hold a place, oldest first.
    #[must_use]
    pub fn holders(&self) -> &[RunId] {
        &self.holders
    }

    /// The runs that wait for one, oldest first.
    #[must_use]
    pub fn queue(&self) -> &[RunId] {
        &self.queue
    }
}
