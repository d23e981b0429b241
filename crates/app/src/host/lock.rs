//! The lock of a data directory: held by the one host that drives its runs, for as long as it
//! lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::listener;

/// The lock's name in the data directory.
const NAME: &str = "host.lock";

/// How long to wait for a host that is leaving.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look whether it has left.
const LOOK: Duration = Duration::from_millis(5);

/// The held lock. The system releases it when the process ends, however that happens.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Whether the directory is still the one whose lock this is: false once it was removed, or
    /// another one is in its place. Not being able to look does not count.
    pub fn is_in_place(&self) -> bool {
        let held = self.file.metadata();
        match (held, std::fs::metadata(&self.path)) {
            (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
            (Err(_), _) => true,
        }
    }
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another host drives this directory.
    #[error("data_dir_in_use: another host{} drives {dir}", pid_text(*.pid))]
    InUse {
        /// Its process, if it said.
        pid: Option<u32>,
        /// The directory.
        dir: String,
    },
    /// The file cannot be used.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
}

fn pid_text(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

/// Takes the lock of this directory. Waits for a host that has closed its socket and is about to
/// end; one that answers is left alone.
pub fn take(data_dir: &Path) -> Result<Lock, LockError> {
    let path = data_dir.join(NAME);
    let shown = path.display().to_string();
    let io = |source| LockError::Io {
        path: shown.clone(),
        source,
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.mode(0o600).open(&path).map_err(io)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(io(error)),
            Err(TryLockError::WouldBlock) => {
                if answers(data_dir) || begun.elapsed() > PATIENCE {
                    let dir = data_dir.display().to_string();
                    return Err(LockError::InUse {
                        pid: pid_in(&mut file),
                        dir,
                    });
                }
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a lock that another process lets go of sends no word"
                )]
                std::thread::sleep(LOOK);
            }
        }
    }
    // Only for the message of others: not being able to write it is no reason not to run.
    let _for_people = say_pid(&mut file);
    Ok(Lock { file, path })
}

/// Whether the host that listens here lives. The socket of one that was killed may still take a
/// connection for a moment, but it breaks before anything is answered.
fn answers(data_dir: &Path) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = baton_runner::connect_unix(&data_dir.join(listener::NAME))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: baton\r\nconnection: close\r\n\r\n")?;
        match stream.read(&mut [0; 1]) {
            Ok(count) => Ok(count > 0),
            // It is there and busy, or stopped.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    };
    ask().unwrap_or(false)
}

fn say_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
