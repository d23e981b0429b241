//! The attempt's log: `output.log`, what was written as it arrived, and `events.jsonl`, which
//! stream each piece came from. Owns the limit and what happens on a full disk: the attempt goes
//! on, what is missing is counted. It never sees an unmasked byte.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::capture::Sink;
use crate::clock::unix_ms;

/// Pieces of one stream that follow each other within this time are one event.
const COALESCE: Duration = Duration::from_millis(100);

/// How long writing is left alone after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// A stream of the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of `events.jsonl`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    /// `bytes` bytes at `offset` of `output.log` came from `stream`.
    Output {
        at: u64,
        stream: Stream,
        offset: u64,
        bytes: u64,
    },
    /// The log ends here, the attempt does not.
    LogCut { at: u64, offset: u64 },
}

/// The log of one attempt.
pub(crate) struct Log {
    output: Option<File>,
    events: Option<File>,
    /// Where the next byte goes.
    offset: u64,
    /// How many more bytes of this attempt are logged.
    room: u64,
    limit: u64,
    cut: bool,
    pending: Option<(Event, Instant)>,
    lost: u64,
    unmarked: u64,
    failure: Option<String>,
    retry_at: Option<Instant>,
}

impl Log {
    /// Opens the log below `dir`, which is made when missing. What is there is appended to. A
    /// failure is kept for [`Log::failure`].
    pub(crate) fn open(dir: &Path, limit: u64) -> Self {
        let mut log = Self {
            output: None,
            events: None,
            offset: 0,
            room: limit,
            limit,
            cut: false,
            pending: None,
            lost: 0,
            unmarked: 0,
            failure: None,
            retry_at: None,
        };
        if let Err(error) = log.open_files(dir) {
            log.failure = Some(error.to_string());
        }
        log
    }

    fn open_files(&mut self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let open = |name: &str| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(dir.join(name))
        };
        let output = open("output.log")?;
        self.offset = output.metadata()?.len();
        self.output = Some(output);
        self.events = Some(open("events.jsonl")?);
        Ok(())
    }

    /// The log reached its limit.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// What could not be logged, and why.
    pub(crate) fn failure(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        Some(format!(
            "{failure}; {} bytes of output are missing from the log",
            self.lost
        ))
    }

    /// Writes the event that waits, once it is old enough.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.due().is_some_and(|due| due <= now) {
            self.flush();
        }
    }

    /// When [`Log::tick`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.pending.as_ref().map(|(_, since)| *since + COALESCE)
    }

    /// Makes everything durable.
    pub(crate) fn finish(&mut self) {
        self.flush();
        if self.offset == 0 {
            return;
        }
        let synced = [&self.output, &self.events]
            .into_iter()
            .flatten()
            .map(File::sync_data);
        if let Some(error) = synced.filter_map(Result::err).next() {
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }

    fn cut(&mut self) {
        self.cut = true;
        self.flush();
        let marker = format!(
            "\n[baton: the log is cut at {} bytes; the step goes on]\n",
            self.limit
        );
        let event = Event::LogCut {
            at: unix_ms(),
            offset: self.offset,
        };
        self.pending = Some((event, Instant::now()));
        self.flush();
        self.write_or_count(marker.as_bytes());
    }

    fn note(&mut self, stream: Stream, from: u64, count: u64) {
        if let Some((
            Event::Output {
                stream: last,
                offset,
                bytes,
                ..
            },
            since,
        )) = &mut self.pending
            && *last == stream
            && *offset + *bytes == from
            && since.elapsed() < COALESCE
        {
            *bytes += count;
            return;
        }
        self.flush();
        let event = Event::Output {
            at: unix_ms(),
            stream,
            offset: from,
            bytes: count,
        };
        self.pending = Some((event, Instant::now()));
    }

    fn flush(&mut self) {
        let Some((event, _)) = self.pending.take() else {
            return;
        };
        let Some(file) = &mut self.events else { return };
        if let Err(error) = file.write_all(&crate::wire::line(&event)) {
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }

    fn write_or_count(&mut self, bytes: &[u8]) {
        let resting = self.retry_at.is_some_and(|at| Instant::now() < at);
        let Some(file) = self.output.as_mut().filter(|_| !resting) else {
            self.lost += bytes.len() as u64;
            self.unmarked += bytes.len() as u64;
            return;
        };
        if self.unmarked > 0 {
            let gap = format!("\n[baton: {} bytes could not be logged]\n", self.unmarked);
            if file.write_all(gap.as_bytes()).is_ok() {
                self.offset += gap.len() as u64;
                self.unmarked = 0;
            }
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(count) if count > 0 => {
                    self.offset += count as u64;
                    rest = &rest[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) => return self.fail(&io::ErrorKind::WriteZero.into(), rest.len()),
                Err(error) => return self.fail(&error, rest.len()),
            }
        }
    }

    fn fail(&mut self, error: &io::Error, lost: usize) {
        self.lost += lost as u64;
        self.unmarked += lost as u64;
        self.failure = Some(error.to_string());
        self.retry_at = Some(Instant::now() + RETRY);
    }
}

impl Sink for Log {
    fn append(&mut self, stream: Stream, masked: &[u8]) {
        if self.cut || masked.is_empty() {
            return;
        }
        let fits = usize::try_from(self.room)
            .unwrap_or(usize::MAX)
            .min(masked.len());
        let from = self.offset;
        self.room -= fits as u64;
        self.write_or_count(&masked[..fits]);
        if self.offset > from {
            self.note(stream, from, self.offset - from);
        }
        if fits < masked.len() {
            self.cut();
        }
    }
}
