//! What host and shepherd say to each other: JSON, one message a line, each side beginning with
//! `hello`. Changes are additions; a message that is not known is skipped.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::ExitRecord;

/// A line longer than this ends the connection.
const MAX_LINE: usize = 64 * 1024 * 1024;

/// The longest line an order may be. Shorter than what ends a connection, since part of the next
/// line can have come with it.
pub(crate) const MAX_ORDER: usize = 48 * 1024 * 1024;

/// From a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToShepherd {
    /// The first line. A generation below the highest seen is answered by `taken_over`.
    Hello { v: u32, generation: u64 },
    /// Stop the attempt's tree.
    Stop {},
    /// Write to the child's standard input. With an id it is an order: written once however often
    /// it is repeated, noted in the session's `said`, and acknowledged by `said`.
    Stdin {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Value>,
        /// How far the host had read in the session's `raw`; none: as far as it is now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// An order without a text: noted once, and acknowledged by `said`.
    Note {
        id: String,
        note: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// Send a signal to the main process only, once. `INT` is known.
    Signal { signal: String },
    /// End the child's standard input.
    CloseStdin {},
    /// The exit record has arrived.
    Ack {},
    /// Something newer.
    #[serde(other)]
    Unknown,
}

/// From a shepherd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToHost {
    /// The first line.
    Hello {
        v: u32,
        pid: i32,
        child_pid: Option<i32>,
    },
    /// How long the session's `raw` is; said after the hello, and when it has grown.
    Raw { bytes: u64 },
    /// The order was written to the child's standard input as a whole, or only noted.
    Said { id: String },
    /// Killed, and not gone yet.
    StillRunning { pids: Vec<i32> },
    /// The attempt has ended.
    Exited { record: Box<ExitRecord> },
    /// Another shepherd or host has the attempt; this shepherd has started nothing.
    Claimed {},
    /// A host of a later generation has the attempt.
    TakenOver {},
    /// Something newer.
    #[serde(other)]
    Unknown,
}

/// The line of a message, with its end.
pub(crate) fn line(message: &impl Serialize) -> Vec<u8> {
    // These messages have no maps with other than string keys: this cannot fail.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Bytes that arrive, cut into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where there is no end of it.
    scanned: usize,
}

impl Lines {
    /// Adds what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.forget_taken();
        if self.bytes.len() + bytes.len() > MAX_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a line is too long",
            ));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole line, without its end.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let Some(at) = memchr::memchr(b'\n', &self.bytes[self.scanned..]) else {
            self.scanned = self.bytes.len();
            return None;
        };
        let end = self.scanned + at;
        let line = self.bytes[self.start..end].to_vec();
        (self.start, self.scanned) = (end + 1, end + 1);
        Some(line)
    }

    /// What is there without an end of line.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        self.forget_taken();
        self.scanned = 0;
        std::mem::take(&mut self.bytes)
    }

    fn forget_taken(&mut self) {
        self.bytes.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_newer_version_is_skipped() {
        let newer = br#"{"type":"dance","steps":3}"#;
        assert_eq!(
            serde_json::from_slice::<ToShepherd>(newer).ok(),
            Some(ToShepherd::Unknown)
        );
        let more = br#"{"type":"stop","gently":true}"#;
        assert_eq!(
            serde_json::from_slice::<ToShepherd>(more).ok(),
            Some(ToShepherd::Stop {})
        );
    }

    #[test]
    fn lines_are_cut_wherever_reads_end() {
        let mut lines = Lines::default();
        lines.push(b"ab").ok();
        assert_eq!(lines.next(), None);
        lines.push(b"c\nd\n\ne").ok();
        assert_eq!(lines.next().as_deref(), Some(&b"abc"[..]));
        assert_eq!(lines.next().as_deref(), Some(&b"d"[..]));
        assert_eq!(lines.next().as_deref(), Some(&b""[..]));
        assert_eq!(lines.next(), None);
        assert_eq!(lines.rest(), b"e");
    }
}
