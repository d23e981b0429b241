//! What a session does, on disk: `events.jsonl` (activities, one a line) and `output.log` (what it
//! says, for people). Written again after a restart of the host from the agent's own lines: what is
//! there already is passed over.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use baton_core::activity::{Activity, Record};
use serde::Serialize;

/// The two files of one attempt.
pub struct Activities {
    events: Option<File>,
    output: Option<File>,
    /// Lines of `events.jsonl` that are there and come again.
    known_lines: u64,
    /// The same, in bytes of `output.log`.
    known_bytes: u64,
    /// A text is being said piece by piece.
    in_pieces: bool,
    failed: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    at: &'a str,
    #[serde(flatten)]
    record: &'a Record,
}

impl Activities {
    /// Opens them in the step's log directory. What cannot be written is logged once; the session
    /// goes on.
    pub fn open(directory: &Path) -> Self {
        let mut files = Self {
            events: None,
            output: None,
            known_lines: 0,
            known_bytes: 0,
            in_pieces: false,
            failed: false,
        };
        if let Err(error) = files.try_open(directory) {
            files.note(&error);
        }
        files
    }

    fn try_open(&mut self, directory: &Path) -> io::Result<()> {
        let open = |name: &str| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .read(true)
                .open(directory.join(name))
        };
        let events = open("events.jsonl")?;
        let (lines, whole) = count_lines(&events)?;
        // A line that a crash has torn comes again.
        events.set_len(whole)?;
        self.known_lines = lines;
        self.events = Some(events);
        let output = open("output.log")?;
        self.known_bytes = output.metadata()?.len();
        self.output = Some(output);
        Ok(())
    }

    /// Writes an activity.
    pub fn write(&mut self, record: &Record, at: &str) {
        match &record.activity {
            Activity::MessageDelta { text } => {
                self.in_pieces = true;
                return self.say(text);
            }
            Activity::Message { text } if record.parent.is_none() => {
                if std::mem::take(&mut self.in_pieces) {
                    self.say("\n");
                } else {
                    self.say(&format!("{text}\n"));
                }
            }
            _ => {}
        }
        if self.known_lines > 0 {
            self.known_lines -= 1;
            return;
        }
        let Some(file) = &mut self.events else { return };
        let line = serde_json::to_vec(&Line { at, record }).map_err(io::Error::from);
        let written = line.and_then(|mut line| {
            line.push(b'\n');
            file.write_all(&line)
        });
        if let Err(error) = written {
            self.note(&error);
        }
    }

    /// Writes words for people.
    pub fn say(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let known = usize::try_from(self.known_bytes)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.known_bytes -= known as u64;
        let Some(file) = &mut self.output else { return };
        if let Err(error) = file.write_all(&bytes[known..]) {
            self.note(&error);
        }
    }

    fn note(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            tracing::warn!(%error, "a session's activities cannot be written; it goes on");
        }
    }
}

/// How many whole lines a file has, and how many bytes they are.
fn count_lines(file: &File) -> io::Result<(u64, u64)> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let (mut lines, mut whole, mut at) = (0, 0, 0_u64);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok((lines, whole));
        }
        for (index, byte) in buffer.iter().enumerate() {
            if *byte == b'\n' {
                lines += 1;
                whole = at + index as u64 + 1;
            }
        }
        let length = buffer.len();
        at += length as u64;
        reader.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Record {
        Record {
            offset: 0,
            parent: None,
            activity: Activity::Message { text: text.into() },
        }
    }

    #[test]
    fn what_is_there_already_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Activities::open(dir.path());
        first.write(&message("one"), "t");
        first.write(&message("two"), "t");
        drop(first);
        let events = dir.path().join("events.jsonl");
        let mut torn = OpenOptions::new().append(true).open(&events).unwrap();
        torn.write_all(b"{\"at\":").unwrap();
        let mut second = Activities::open(dir.path());
        for text in ["one", "two", "three"] {
            second.write(&message(text), "t");
        }
        let lines = std::fs::read_to_string(&events).unwrap();
        assert_eq!(lines.lines().count(), 3, "{lines}");
        let output = std::fs::read_to_string(dir.path().join("output.log")).unwrap();
        assert_eq!(output, "one\ntwo\nthree\n");
    }
}
