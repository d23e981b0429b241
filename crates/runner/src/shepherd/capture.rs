//! Reading the child's streams: masked before anything else sees them, in constant memory.
//! Owns a stream's pipe and its tail; it never blocks.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

use super::log::Stream;
use crate::mask::Masker;

/// How much is read at a time.
pub(crate) const CHUNK: usize = 256 * 1024;

/// How many chunks of one stream are read before others have their turn.
const TURN: usize = 4;

/// How far the pipe of a flooding child is widened. Only then: what one user may hold in pipes is
/// limited (`pipe(7)`, pipe-user-pages-soft).
const WIDE: usize = 1024 * 1024;

const TAIL: usize = 64 * 1024;

/// Where captured output goes.
pub(crate) trait Sink {
    /// Takes masked output of `stream`.
    fn append(&mut self, stream: Stream, masked: &[u8]);
}

/// One captured stream of the child.
pub(crate) struct Capture {
    stream: Stream,
    pipe: Option<OwnedFd>,
    masker: Masker,
    masked: Vec<u8>,
    tail: Tail,
    bytes: u64,
    widened: bool,
}

impl Capture {
    /// Captures what arrives in `pipe`.
    pub(crate) fn new(stream: Stream, pipe: Option<OwnedFd>, masker: Masker) -> Self {
        if let Some(pipe) = &pipe
            && let Ok(flags) = fcntl_getfl(pipe)
        {
            let _blocking = fcntl_setfl(pipe, flags | OFlags::NONBLOCK);
        }
        let (masked, tail) = (Vec::new(), Tail::default());
        Self {
            stream,
            pipe,
            masker,
            masked,
            tail,
            bytes: 0,
            widened: false,
        }
    }

    /// What to poll for reading, until the stream has ended.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// How many bytes the child wrote.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The last 64 KiB, masked, as text.
    pub(crate) fn tail(&self) -> String {
        self.tail.text()
    }

    /// Reads what is there, for one turn. False when nothing more is there now.
    pub(crate) fn read(&mut self, buffer: &mut [u8], sink: &mut dyn Sink) -> bool {
        for _ in 0..TURN {
            let Some(pipe) = &self.pipe else { return false };
            match rustix::io::read(pipe, &mut *buffer) {
                Ok(0) => {
                    self.pipe = None;
                    return false;
                }
                Ok(count) => {
                    self.widen(count);
                    self.bytes += count as u64;
                    self.take(&buffer[..count], sink);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                Err(_) => {
                    self.pipe = None;
                    return false;
                }
            }
        }
        true
    }

    /// Reads the rest; every process that could write is gone.
    pub(crate) fn finish(&mut self, buffer: &mut [u8], sink: &mut dyn Sink) {
        while self.read(buffer, sink) {}
        self.pipe = None;
        let mut masked = std::mem::take(&mut self.masked);
        self.masker.finish(&mut masked);
        sink.append(self.stream, &masked);
        self.tail.push(&masked);
    }

    /// Takes note of what the child wrote past this pipe: `bytes` in all, `end` the last of them.
    pub(crate) fn stand_in(&mut self, end: &[u8], bytes: u64) {
        let mut masked = Vec::new();
        self.masker.push(end, &mut masked);
        self.masker.finish(&mut masked);
        self.tail.push(&masked);
        self.bytes = bytes;
    }

    fn take(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        if self.masker.is_empty() {
            sink.append(self.stream, bytes);
            return self.tail.push(bytes);
        }
        self.masked.clear();
        self.masker.push(bytes, &mut self.masked);
        sink.append(self.stream, &self.masked);
        self.tail.push(&self.masked);
        self.masked.clear();
    }

    fn widen(&mut self, count: usize) {
        let Some(pipe) = self.pipe.as_ref().filter(|_| !self.widened) else {
            return;
        };
        if fcntl_getpipe_size(pipe).is_ok_and(|size| count >= size) {
            self.widened = true;
            let _refused = fcntl_setpipe_size(pipe, WIDE);
        }
    }
}

/// The end of a stream.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        if bytes.len() >= TAIL {
            self.cut |= bytes.len() > TAIL || !self.bytes.is_empty();
            self.bytes.clear();
            self.bytes.extend_from_slice(&bytes[bytes.len() - TAIL..]);
            return;
        }
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * TAIL {
            self.bytes.drain(..self.bytes.len() - TAIL);
            self.cut = true;
        }
    }

    fn text(&self) -> String {
        let from = self.bytes.len().saturating_sub(TAIL);
        let mut tail = &self.bytes[from..];
        if from > 0 || self.cut {
            // A character that the cut went through is left out whole: at most 3 bytes (UTF-8).
            let rest = |byte: &&u8| **byte & 0xC0 == 0x80;
            tail = &tail[tail.iter().take(3).take_while(rest).count()..];
        }
        String::from_utf8_lossy(tail).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_last_64_kib_and_cuts_no_character() {
        let mut tail = Tail::default();
        for _ in 0..100_000 {
            tail.push("aé".as_bytes());
        }
        let text = tail.text();
        assert!(text.len() <= TAIL && text.len() > TAIL - 4);
        assert!(text.chars().all(|letter| letter == 'a' || letter == 'é'));
        tail.push(&vec![b'x'; 3 * TAIL]);
        assert_eq!(tail.text(), "x".repeat(TAIL));
    }
}
