//! The conversation with an agent, on disk: `raw`, what it says, and `said`, when it was told what.
//!
//! Owns both files, their limit, and what `after` means: an order stands behind the bytes of `raw`
//! that its host had read when it gave it, where the host says so, else behind those that were there
//! when it was taken. It never sees an order's text.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::append::Append;
use super::capture::Sink;
use super::log::Stream;
use crate::clock::unix_ms;
use crate::spec::SessionSpec;

/// How often it is looked how far a child has come that writes `raw` itself.
const LOOK: Duration = Duration::from_millis(50);

/// How much of the end of such a `raw` is read for the exit record; more than its tail, so that a
/// secret across the tail's beginning is known as one.
const END: u64 = 128 * 1024;

/// A line of `said`.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    after: u64,
    note: Option<&'a Value>,
    at: u64,
}

/// The conversation of one attempt.
pub(crate) struct Session {
    raw: Append,
    said: Append,
    /// How long `raw` was before this attempt.
    begun: u64,
    limit: u64,
    is_over: bool,
    /// The child writes `raw` itself: how long it was last seen, and when it is looked again.
    by_child: Option<(u64, Instant)>,
}

impl Session {
    /// Opens the files. The error is for people.
    pub(crate) fn open(spec: &SessionSpec) -> Result<Self, String> {
        let open = |path| {
            Append::open(path).map_err(|error| {
                let path = path.display();
                format!("could not open the file of the session {path}: {error}")
            })
        };
        let (raw, said) = (open(&spec.raw)?, open(&spec.said)?);
        let by_child = spec.stdout_to_file.then(|| (raw.len(), Instant::now()));
        let limit = match spec.raw_max_bytes {
            0 => u64::MAX,
            limit => limit,
        };
        Ok(Self {
            begun: raw.len(),
            raw,
            said,
            limit,
            is_over: false,
            by_child,
        })
    }

    /// What the child gets as its standard output, when it writes `raw` itself.
    pub(crate) fn stdout(&self) -> io::Result<Option<File>> {
        let given = self.by_child.map(|_| self.raw.file().try_clone());
        given.transpose()
    }

    /// How long `raw` is, as far as is known.
    pub(crate) fn raw_bytes(&self) -> u64 {
        match self.by_child {
            Some((bytes, _)) => bytes,
            None => self.raw.len(),
        }
    }

    /// The attempt said more than it may.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Output waits for the disk; no more should be read.
    pub(crate) fn raw_is_stuck(&self) -> bool {
        self.raw.is_stuck()
    }

    /// A note waits for the disk; nothing may be written to the child before it is there.
    pub(crate) fn said_is_stuck(&self) -> bool {
        self.said.is_stuck()
    }

    /// Notes an order, behind byte `after` of `raw`, or else what the child has said so far.
    pub(crate) fn record(&mut self, id: &str, note: Option<&Value>, after: Option<u64>) {
        self.look();
        let there = self.raw_bytes();
        let line = Line {
            id,
            after: after.map_or(there, |after| after.min(there)),
            note,
            at: unix_ms(),
        };
        self.said.push(&crate::wire::line(&line));
    }

    /// Looks how long `raw` is and writes what waits, when it is time to.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.raw.tick(now);
        self.said.tick(now);
        if let Some((_, look_at)) = &mut self.by_child
            && *look_at <= now
        {
            *look_at = now + LOOK;
            self.look();
        }
    }

    /// When [`Session::tick`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        let look_at = self.by_child.map(|(_, look_at)| look_at);
        let due = [look_at, self.raw.due(), self.said.due()];
        due.into_iter().flatten().min()
    }

    /// Makes everything durable; nobody writes any more.
    pub(crate) fn finish(&mut self) {
        self.look();
        self.raw.finish();
        self.said.finish();
    }

    /// What is missing and why.
    pub(crate) fn failure(&self) -> Option<String> {
        let raw = self.raw.failure().map(|why| format!("raw: {why}"));
        raw.or_else(|| self.said.failure().map(|why| format!("said: {why}")))
    }

    /// What the child wrote by itself in this attempt: the end of it, and how much it was.
    pub(crate) fn written_by_child(&self) -> Option<(Vec<u8>, u64)> {
        let (bytes, _) = self.by_child?;
        let from = bytes.saturating_sub(END).max(self.begun);
        let mut end = vec![0; usize::try_from(bytes.saturating_sub(from)).unwrap_or(0)];
        let read = self.raw.file().read_exact_at(&mut end, from);
        Some((read.map_or(Vec::new(), |()| end), bytes - self.begun))
    }

    fn look(&mut self) {
        let Some((bytes, _)) = &mut self.by_child else {
            return;
        };
        if let Ok(metadata) = self.raw.file().metadata() {
            *bytes = metadata.len().max(*bytes);
            self.is_over |= *bytes - self.begun > self.limit;
        }
    }
}

impl Sink for Session {
    fn append(&mut self, _stream: Stream, masked: &[u8]) {
        let used = self.raw.len() - self.begun;
        let room = usize::try_from(self.limit.saturating_sub(used)).unwrap_or(usize::MAX);
        self.is_over |= masked.len() > room;
        // What waits for the disk has used room as well, of which this takes no note: the child is
        // not read from meanwhile, so it is little.
        self.raw.push(&masked[..masked.len().min(room)]);
    }
}
