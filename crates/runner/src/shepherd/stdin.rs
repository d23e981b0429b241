//! What the child is told, in the order it was asked for. Owns the child's standard input, and
//! that an order with an id is carried out once. It never blocks on a child that does not read.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// The child's standard input.
pub(crate) struct Stdin {
    pipe: Option<OwnedFd>,
    waiting: VecDeque<Text>,
    /// How much of the first one is written.
    written: usize,
    closing: bool,
    /// Orders heard of; true: done.
    orders: HashMap<String, bool>,
    /// Orders without a text that are not acknowledged yet.
    notes: Vec<String>,
}

struct Text {
    id: Option<String>,
    bytes: Vec<u8>,
}

impl Stdin {
    /// Writes to `pipe`, if there is one.
    pub(crate) fn new(pipe: Option<OwnedFd>) -> Self {
        if let Some(pipe) = &pipe
            && let Ok(flags) = fcntl_getfl(pipe)
        {
            let _blocking = fcntl_setfl(pipe, flags | OFlags::NONBLOCK);
        }
        Self {
            pipe,
            waiting: VecDeque::new(),
            written: 0,
            closing: false,
            orders: HashMap::new(),
            notes: Vec::new(),
        }
    }

    /// More can be written.
    pub(crate) fn is_open(&self) -> bool {
        self.pipe.is_some() && !self.closing
    }

    /// Whether the order is done; none when it was never heard of.
    pub(crate) fn order(&self, id: &str) -> Option<bool> {
        self.orders.get(id).copied()
    }

    /// Takes a text, which becomes an order by its id.
    pub(crate) fn push(&mut self, id: Option<String>, text: String) {
        if let Some(id) = &id {
            self.orders.insert(id.clone(), false);
        }
        let bytes = text.into_bytes();
        self.waiting.push_back(Text { id, bytes });
    }

    /// Takes an order without a text.
    pub(crate) fn push_note(&mut self, id: String) {
        self.orders.insert(id.clone(), false);
        self.notes.push(id);
    }

    /// Ends it after what was taken.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// What to poll for writing, when there is something to write.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        let pipe = self.pipe.as_ref().filter(|_| !self.waiting.is_empty());
        pipe.map(AsFd::as_fd)
    }

    /// Writes what the pipe takes; returns the orders that are done by that.
    pub(crate) fn write(&mut self) -> Vec<String> {
        let mut done = std::mem::take(&mut self.notes);
        while let (Some(pipe), Some(text)) = (&self.pipe, self.waiting.front_mut()) {
            let rest = &text.bytes[self.written..];
            if rest.is_empty() {
                done.extend(text.id.take());
                self.waiting.pop_front();
                self.written = 0;
                continue;
            }
            match rustix::io::write(pipe, rest) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // Nobody reads any more. What waits is never acknowledged.
                Err(_) => {
                    self.waiting.clear();
                    self.closing = true;
                }
            }
        }
        if self.closing && self.waiting.is_empty() {
            self.pipe = None;
        }
        for id in &done {
            self.orders.insert(id.clone(), true);
        }
        done
    }
}
