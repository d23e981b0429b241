//! Reading a session's conversation: what the agent said, and where in it each order stands.
//!
//! Owns the one order of both: a line stands before an order if it was read when the order was given
//! (or, where that was not said, if its end was there when the order was taken). So every reader gets the same entries in the same order, however far it reads at a
//! time and whenever. It understands no line of an agent.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::spec::SessionSpec;
use crate::wire::Lines;

/// A line of more bytes than this is left out of a conversation.
pub const MAX_LINE: usize = 64 * 1024 * 1024;

/// How much is read at a time.
const CHUNK: usize = 256 * 1024;

/// One entry of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The agent said this.
    Line {
        /// Where in `raw` it begins.
        offset: u64,
        /// The line without its end; bytes that are not UTF-8 are replaced.
        text: String,
    },
    /// An order was given.
    Said {
        /// Its id.
        id: String,
        /// What was noted with it.
        note: Option<Value>,
    },
    /// The agent said a line of more than [`MAX_LINE`] bytes.
    TooLong {
        /// Where in `raw` it begins.
        offset: u64,
        /// How long it is, without its end.
        bytes: u64,
    },
}

/// A reader of a session's files, during the attempt or after it. Reads each byte once.
#[derive(Debug)]
pub struct Conversation {
    raw: Source,
    said: Source,
    said_lines: Lines,
    /// Orders read whose place is not reached.
    orders: VecDeque<Order>,
    /// Where in `raw` the line begins that is being read, and what of it is kept.
    offset: u64,
    line: Vec<u8>,
    too_long: bool,
    /// Where in `raw` it was begun.
    from: u64,
}

/// A line of `said`.
#[derive(Debug, Deserialize)]
struct Order {
    id: String,
    after: u64,
    note: Option<Value>,
}

impl Conversation {
    /// A reader that begins at byte `from` of `raw`, the beginning of a line, such as 0. Orders at
    /// that very place are among the entries. The files need not be there yet.
    pub fn new(session: &SessionSpec, from: u64) -> Self {
        Self {
            raw: Source::new(session.raw.clone(), from),
            said: Source::new(session.said.clone(), 0),
            said_lines: Lines::default(),
            orders: VecDeque::new(),
            offset: from,
            line: Vec::new(),
            too_long: false,
            from,
        }
    }

    /// The entries since the last call, up to byte `up_to` of `raw`: whole lines, and the orders
    /// given until then.
    ///
    /// While the attempt runs `up_to` must be no more than a [`crate::Notice::Raw`] told, since an
    /// order that belongs before what follows may not be noted yet. After a
    /// [`crate::Notice::Said`] the last number may be used again: the order can be there by then. Reading a long conversation
    /// step by step keeps little of it in memory. After an error nothing is lost: call again.
    pub fn read(&mut self, up_to: u64) -> io::Result<Vec<Entry>> {
        self.read_orders()?;
        let mut entries = Vec::new();
        // No more than there is: a line at a time this is called for each.
        let left = usize::try_from(up_to.saturating_sub(self.raw.at)).unwrap_or(CHUNK);
        let mut buffer = vec![0; left.min(CHUNK)];
        while self.raw.at < up_to {
            let most = usize::try_from(up_to - self.raw.at).unwrap_or(CHUNK);
            let most = most.min(buffer.len());
            let count = match self.raw.read(&mut buffer[..most]) {
                Ok(count) => count,
                // What is read is handed out; the error comes again.
                Err(_) if !entries.is_empty() => return Ok(entries),
                Err(error) => return Err(error),
            };
            if count == 0 {
                break;
            }
            self.take(&buffer[..count], &mut entries);
        }
        self.orders_before(self.raw.at + 1, &mut entries);
        Ok(entries)
    }

    /// Up to which byte of `raw` it was read: all whole lines before it were handed out. What is
    /// noted of an order given now ([`crate::Note::after`]).
    pub fn read_to(&self) -> u64 {
        self.raw.at
    }

    /// How many bytes `raw` has now; 0 when it cannot be said.
    pub fn length(&self) -> u64 {
        std::fs::metadata(&self.raw.path).map_or(0, |meta| meta.len())
    }

    /// After the end of the attempt: everything since the last call, with a last line that has no
    /// end, if there is one, after all else.
    pub fn rest(&mut self) -> io::Result<Vec<Entry>> {
        let mut entries = self.read(u64::MAX)?;
        self.orders_before(u64::MAX, &mut entries);
        if self.raw.at > self.offset {
            entries.push(self.finish_line(self.raw.at));
            self.offset = self.raw.at;
        }
        Ok(entries)
    }

    /// Cuts what was read last into lines.
    fn take(&mut self, mut bytes: &[u8], entries: &mut Vec<Entry>) {
        let mut at = self.raw.at - bytes.len() as u64;
        while let Some(length) = memchr::memchr(b'\n', bytes) {
            let end = at + length as u64;
            self.keep(&bytes[..length]);
            self.orders_before(end + 1, entries);
            entries.push(self.finish_line(end));
            (at, self.offset) = (end + 1, end + 1);
            bytes = &bytes[length + 1..];
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.too_long |= self.line.len() + bytes.len() > MAX_LINE;
        if self.too_long {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// The entry of the line that ends at `end`.
    fn finish_line(&mut self, end: u64) -> Entry {
        let offset = self.offset;
        let line = mem::take(&mut self.line);
        if mem::take(&mut self.too_long) {
            let bytes = end - offset;
            return Entry::TooLong { offset, bytes };
        }
        let text = String::from_utf8(line)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Entry::Line { offset, text }
    }

    /// Hands out the orders that were taken when less than `end` bytes were there.
    fn orders_before(&mut self, end: u64, entries: &mut Vec<Entry>) {
        while let Some(order) = self.orders.pop_front_if(|order| order.after < end) {
            let Order { id, note, .. } = order;
            entries.push(Entry::Said { id, note });
        }
    }

    fn read_orders(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4 * 1024];
        loop {
            let count = self.said.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.said_lines.push(&buffer[..count])?;
            while let Some(line) = self.said_lines.next() {
                // One that is no order was torn by a failure of power.
                let order = serde_json::from_slice::<Order>(&line).ok();
                let order = order.filter(|order| order.after >= self.from);
                self.orders.extend(order);
            }
        }
    }
}

/// A file that grows.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    file: Option<File>,
    at: u64,
}

impl Source {
    fn new(path: PathBuf, at: u64) -> Self {
        let file = None;
        Self { path, file, at }
    }

    /// Reads what comes next; 0 at the end, and while there is no such file.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = match &self.file {
            Some(file) => file,
            None => match File::open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                file => self.file.insert(file?),
            },
        };
        loop {
            match file.read_at(buffer, self.at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                count => {
                    self.at += *count.as_ref().unwrap_or(&0) as u64;
                    return count;
                }
            }
        }
    }
}
