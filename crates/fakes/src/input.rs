//! The lines a fake agent is told on its standard input, read beside what it does, so that it can
//! look for them in the middle of an act. Never waits without an end in sight.

use std::fs::File;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// How often a fake looks at what it cannot wait for (files, processes, signals).
pub const LOOK: Duration = Duration::from_millis(10);

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A line that is JSON.
    Line(Value),
    /// A line that is not.
    Garbage(String),
    /// Standard input has ended.
    End,
    /// SIGINT.
    Sigint,
}

/// When a line was heard, in nanoseconds since 1970, and the line: one write, so that many agents may
/// share a file.
fn note(file: &mut File, line: &str) {
    #[expect(
        clippy::disallowed_methods,
        reason = "for whoever measures how long a word takes to the agent"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    drop(file.write_all(format!("{now} {line}\n").as_bytes()));
}

/// Standard input and SIGINT.
#[derive(Debug)]
pub struct Input {
    lines: Receiver<Heard>,
    sigint: Arc<AtomicBool>,
    has_ended: bool,
}

impl Input {
    /// Begins to read.
    ///
    /// # Errors
    /// The signal cannot be taken.
    pub fn open() -> std::io::Result<Self> {
        let sigint = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&sigint))?;
        let (send, lines) = channel();
        let mut noted = std::env::var_os("FAKE_AGENT_HEARD").and_then(|path| {
            let mut file = std::fs::OpenOptions::new();
            file.create(true).append(true).open(path).ok()
        });
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if let Some(file) = &mut noted {
                    note(file, &line);
                }
                let heard = match serde_json::from_str(&line) {
                    Ok(value) => Heard::Line(value),
                    Err(_) => Heard::Garbage(line),
                };
                if send.send(heard).is_err() {
                    return;
                }
            }
            drop(send.send(Heard::End));
        });
        Ok(Self {
            lines,
            sigint,
            has_ended: false,
        })
    }

    /// What came next, within a time.
    pub fn hear(&mut self, within: Duration) -> Option<Heard> {
        if self.sigint.swap(false, Ordering::Relaxed) {
            return Some(Heard::Sigint);
        }
        match self.lines.recv_timeout(within) {
            Ok(heard) => {
                self.has_ended |= heard == Heard::End;
                Some(heard)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // The end was heard; time passes all the same.
                let (_keep, never) = channel::<()>();
                let _nothing = never.recv_timeout(within);
                None
            }
        }
    }

    /// Standard input has ended, and that was heard.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }
}
