//! Idempotency keys: which request each of them was first used for, durably, for 24 hours. In
//! `<data dir>/idempotency.log`, one line per key; neither keys nor bodies are in it, only hashes.
//!
//! What a repeat is answered is the journal's to know, by the command id that this makes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use baton_core::ids::CommandId;
use baton_core::run::big::{Hash, hash};
use baton_core::time::Timestamp;

use super::files;

/// The file's name in the data directory.
const NAME: &str = "idempotency.log";

/// How long a key stands for its request.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The file is not written anew for fewer lines than this.
const FEW: usize = 1024;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It stands for another request.
    #[error("this key was used for another request in the last 24 hours")]
    Conflict,
    /// It could not be kept, so nothing may be done under it.
    #[error("the idempotency key could not be kept: {0}")]
    Disk(#[from] io::Error),
}

/// See the module.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// `None` after a failure: what it holds is in doubt, so it is written anew.
    file: Option<File>,
    known: HashMap<Hash, Use>,
    /// Lines of the file when it was last written anew.
    lines: usize,
}

#[derive(Debug, Clone)]
struct Use {
    request: Hash,
    at: Timestamp,
}

impl Use {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.at) >= KEPT
    }
}

impl Keys {
    /// The keys of this data directory.
    ///
    /// # Errors
    /// When the file is there and cannot be read or written.
    pub fn open(data_dir: &Path, now: Timestamp) -> io::Result<Self> {
        let path = data_dir.join(NAME);
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        // A line that a crash has cut stands for a request that did nothing.
        let mut known: HashMap<Hash, Use> = text.lines().filter_map(parse).collect();
        known.retain(|_, used| !used.is_over(now));
        let mut kept = Kept {
            file: None,
            known,
            lines: 0,
        };
        if !text.is_empty() {
            kept.rewrite(&path)?;
        }
        Ok(Self {
            path,
            kept: Mutex::new(kept),
        })
    }

    /// The command that this user's key stands for. When this returns it is durable that the key
    /// belongs to this request. Blocks on the disk.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn command(
        &self,
        user: &str,
        key: &str,
        request: Hash,
        now: Timestamp,
    ) -> Result<CommandId, KeyError> {
        let name = hash(&format!("{user}/{key}"));
        let id = |at: Timestamp| CommandId(format!("idem/{user}/{}/{key}", at.millis()));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.known.get(&name) {
            Some(used) if used.is_over(now) => {}
            Some(used) if used.request == request => return Ok(id(used.at)),
            Some(_) => return Err(KeyError::Conflict),
            None => {}
        }
        kept.keep(&self.path, name, Use { request, at: now }, now)?;
        Ok(id(now))
    }
}

impl Kept {
    fn keep(&mut self, path: &Path, name: Hash, used: Use, now: Timestamp) -> io::Result<()> {
        if self.known.len() >= 2 * self.lines.max(FEW) {
            self.known.retain(|_, used| !used.is_over(now));
            self.rewrite(path)?;
        }
        let Some(mut file) = self.file.take() else {
            self.known.insert(name.clone(), used);
            let done = self.rewrite(path);
            if done.is_err() {
                self.known.remove(&name);
            }
            return done;
        };
        file.write_all(line(&name, &used).as_bytes())?;
        file.sync_data()?;
        self.file = Some(file);
        self.known.insert(name, used);
        Ok(())
    }

    fn rewrite(&mut self, path: &Path) -> io::Result<()> {
        let lines = self.known.iter().map(|(name, used)| line(name, used));
        files::write_private(path, lines.collect::<String>().as_bytes())?;
        self.file = Some(OpenOptions::new().append(true).open(path)?);
        self.lines = self.known.len();
        Ok(())
    }
}

fn line(name: &str, used: &Use) -> String {
    let mut line = String::with_capacity(150);
    // Writing to a String cannot fail.
    let _ = writeln!(line, "{} {name} {}", used.at.millis(), used.request);
    line
}

fn parse(line: &str) -> Option<(Hash, Use)> {
    let mut words = line.split(' ');
    let at = Timestamp::from_millis(words.next()?.parse().ok()?);
    let name = words.next().filter(|name| name.len() == 64)?;
    let request = words.next().filter(|request| request.len() == 64)?;
    let used = Use {
        request: request.to_owned(),
        at,
    };
    Some((name.to_owned(), used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + hours * 3_600_000)
    }

    #[test]
    fn a_key_stands_for_one_request_for_a_day_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), at(0)).unwrap();
        let first = keys.command("u", "k", hash("a"), at(0)).unwrap();
        assert_eq!(keys.command("u", "k", hash("a"), at(1)).unwrap(), first);
        let other = keys.command("u", "k", hash("b"), at(1));
        assert!(matches!(other, Err(KeyError::Conflict)));
        assert!(keys.command("v", "k", hash("b"), at(1)).is_ok());
        drop(keys);
        let keys = Keys::open(dir.path(), at(2)).unwrap();
        assert_eq!(keys.command("u", "k", hash("a"), at(2)).unwrap(), first);
        let other = keys.command("u", "k", hash("b"), at(23));
        assert!(matches!(other, Err(KeyError::Conflict)));
        let later = keys.command("u", "k", hash("b"), at(24)).unwrap();
        assert_ne!(later, first);
    }

    #[test]
    fn a_line_cut_by_a_crash_and_what_is_too_old_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), at(0)).unwrap();
        keys.command("u", "old", hash("a"), at(0)).unwrap();
        keys.command("u", "new", hash("a"), at(20)).unwrap();
        drop(keys);
        let path = dir.path().join(NAME);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("123 cu");
        std::fs::write(&path, text).unwrap();
        let keys = Keys::open(dir.path(), at(30)).unwrap();
        assert!(keys.command("u", "new", hash("a"), at(30)).is_ok());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
