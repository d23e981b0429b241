//! The exit record: how an attempt ended, written once, synced, before anyone is told.
//!
//! Owns `exit.json` and the space reserved for it. It never exists while a process of the attempt
//! is alive.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::attempt_dir::AttemptDir;

/// Space held back for the record, so that it can be written when the disk is full.
const RESERVED: u64 = 256 * 1024;

/// How much of each tail is kept when the whole record does not fit on the disk.
const SHORT_TAIL: usize = 8 * 1024;

/// How an attempt ended. Its whole tree of processes is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Always 1.
    pub v: u32,
    /// The attempt's id.
    pub attempt: String,
    /// The generation of the host that started it.
    pub generation: u64,
    /// When the child was started, milliseconds since the Unix epoch.
    pub started_at: u64,
    /// When the last process of the tree was gone, milliseconds since the Unix epoch.
    pub ended_at: u64,
    /// How it ended.
    pub end: End,
    /// The last 64 KiB of standard output, masked; bytes that are not UTF-8 are replaced.
    pub stdout_tail: String,
    /// The last 64 KiB of standard error, masked; bytes that are not UTF-8 are replaced.
    pub stderr_tail: String,
    /// Bytes the child wrote to standard output.
    pub stdout_bytes: u64,
    /// Bytes the child wrote to standard error.
    pub stderr_bytes: u64,
    /// `output.log` reached its limit and was cut.
    pub log_cut: bool,
    /// The text the child wrote to the file `$BATON_OUTPUT`, masked; none when it wrote nothing.
    pub output: Option<String>,
    /// Why `output` is missing although the file was written.
    pub output_error: Option<String>,
    /// Output that could not be logged, and why. The attempt itself went on.
    pub disk_error: Option<String>,
}

/// How the main process of an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum End {
    /// It exited by itself.
    Exited {
        /// The exit code, 0 to 255.
        code: i32,
    },
    /// A signal that the shepherd did not send ended it.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// It could not be started; nothing ran.
    SpawnFailed {
        /// For people, such as `command not found: pnpm`.
        message: String,
    },
    /// It ran longer than its timeout and was stopped.
    TimedOut,
    /// It was stopped.
    Stopped {
        /// `stop` when a host asked, `orphaned` when no host came back, `raw_limit` when its
        /// conversation became longer than [`crate::SessionSpec::raw_max_bytes`].
        reason: String,
    },
}

impl ExitRecord {
    /// The record of an attempt, when it is there.
    pub fn read(dir: &AttemptDir) -> io::Result<Option<Self>> {
        let text = match fs::read(dir.exit()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let record: Self = serde_json::from_slice(&text)?;
        Ok((record.attempt == dir.id()).then_some(record))
    }
}

/// A file with its space reserved, that becomes the exit record.
pub(crate) struct Draft {
    file: File,
}

impl Draft {
    /// Reserves the space. A file system that cannot reserve is accepted, a full one is not.
    pub(crate) fn reserve(dir: &AttemptDir) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(true).write(true).mode(0o600);
        let file = file.open(dir.exit_draft())?;
        let reserved = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, RESERVED);
        if let Err(error @ (Errno::NOSPC | Errno::DQUOT)) = reserved {
            return Err(error.into());
        }
        Ok(Self { file })
    }

    /// Makes `record` the attempt's exit record, durably. On a full disk it is shortened to what
    /// was reserved. May be called again after a failure.
    pub(crate) fn publish(&self, dir: &AttemptDir, record: &ExitRecord) -> io::Result<()> {
        match self.write(record) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.write(&shortened(record))?;
            }
            written => written?,
        }
        fs::rename(dir.exit_draft(), dir.exit())?;
        dir.sync()
    }

    fn write(&self, record: &ExitRecord) -> io::Result<()> {
        let text = serde_json::to_vec(record)?;
        self.file.write_all_at(&text, 0)?;
        // Only after a longer try. Not otherwise: it would give the reserved blocks back, at the
        // price of waiting for the file system.
        if self.file.metadata()?.len() != text.len() as u64 {
            self.file.set_len(text.len() as u64)?;
        }
        self.file.sync_all()
    }
}

fn shortened(record: &ExitRecord) -> ExitRecord {
    let mut short = record.clone();
    for tail in [&mut short.stdout_tail, &mut short.stderr_tail] {
        let mut from = tail.len().saturating_sub(SHORT_TAIL);
        while !tail.is_char_boundary(from) {
            from += 1;
        }
        tail.drain(..from);
    }
    if short
        .output
        .as_ref()
        .is_some_and(|output| output.len() > SHORT_TAIL)
    {
        short.output = None;
        short.output_error = Some("the disk was full: the output was not kept".to_owned());
    }
    short
        .disk_error
        .get_or_insert_with(|| "the disk was full: the tails were shortened".to_owned());
    short
}
