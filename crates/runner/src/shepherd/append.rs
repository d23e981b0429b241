//! A file of which nothing may be missing. Owns what the disk has refused so far: it is kept in
//! memory and tried again. It never blocks on it, and never writes out of order.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long writing is left alone after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// A file that is only appended to, by this process alone.
pub(crate) struct Append {
    file: File,
    len: u64,
    refused: Vec<u8>,
    failure: Option<String>,
    retry_at: Option<Instant>,
}

impl Append {
    /// Opens the file, which is made when missing, as are its directories.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).read(true).mode(0o600);
        let file = file.open(path)?;
        Ok(Self {
            len: file.metadata()?.len(),
            file,
            refused: Vec::new(),
            failure: None,
            retry_at: None,
        })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// How long the file is, without what was refused.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Appends now, or as soon as the disk takes it.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.is_stuck() {
            return self.refused.extend_from_slice(bytes);
        }
        let written = self.write(bytes);
        self.refused.extend_from_slice(&bytes[written..]);
    }

    /// Something is waiting for the disk.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Tries again, when it is time to.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.due().is_some_and(|due| due <= now) {
            self.flush();
        }
    }

    /// When [`Append::tick`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.retry_at.filter(|_| self.is_stuck())
    }

    /// Makes everything durable, as far as the disk takes it.
    pub(crate) fn finish(&mut self) {
        self.flush();
        if let Err(error) = self.file.sync_data() {
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }

    /// What is missing and why.
    pub(crate) fn failure(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        let missing = self.refused.len();
        Some(format!("{failure}; {missing} bytes are missing"))
    }

    fn flush(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        let written = self.write(&refused);
        self.refused = refused;
        self.refused.drain(..written);
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        self.failure = None;
        while written < bytes.len() {
            let error = match self.file.write(&bytes[written..]) {
                Ok(count) if count > 0 => {
                    written += count;
                    self.len += count as u64;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(_) => io::ErrorKind::WriteZero.into(),
                Err(error) => error,
            };
            self.failure = Some(error.to_string());
            self.retry_at = Some(Instant::now() + RETRY);
            break;
        }
        written
    }
}
