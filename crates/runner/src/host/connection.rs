//! A host's connection to the shepherd of one attempt.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::orders::Orders;
use super::reaper::reap;
use super::settle::{Settled, settle};
use crate::attempt_dir::AttemptDir;
use crate::record::ExitRecord;
use crate::wire::{Lines, ToHost, ToShepherd, line};

/// How long until it is asked again what became of an attempt, when that could not be found out.
const RETRY: Duration = Duration::from_millis(500);

/// A living shepherd, seen from the host. Shared by reference: one thread waits, others stop it
/// or write to it. Dropping it lets go of the attempt, which goes on.
#[derive(Debug)]
pub struct Shepherd {
    dir: AttemptDir,
    generation: u64,
    stream: Mutex<Arc<UnixStream>>,
    lines: Mutex<Lines>,
    orders: Mutex<Orders>,
    child: Mutex<Option<Child>>,
    /// A stop was asked for: said again on every connection.
    stops: AtomicBool,
}

/// What is kept with an order in the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What was asked for; it must hold no secret.
    pub order: Value,
    /// How far the conversation was read when the order was given ([`crate::Conversation::read_to`]):
    /// there every reader finds it again. `None`: as far as the session is when the order arrives.
    pub after: Option<u64>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ended, and nothing of it is left.
    Ended(Box<ExitRecord>),
    /// Its shepherd is gone without a record. What carried the attempt's mark has been ended.
    Lost {
        /// Processes that could not be ended; empty: nothing is left. While there are any, no
        /// further attempt may start; call [`crate::take_back`] again.
        still_running: Vec<i32>,
    },
    /// Another host or shepherd has the attempt; its end is not this host's to report.
    TakenOver,
}

/// Something a shepherd says before the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The shepherd is there. The child runs, unless it could not be started.
    Started {
        /// The shepherd's process id.
        pid: i32,
        /// The main process's.
        child_pid: Option<i32>,
    },
    /// The session's `raw` has so many bytes, for [`crate::Conversation::read`]. Said at the
    /// beginning and when it has grown; the last time before the end, with all of it.
    Raw {
        /// Its length.
        bytes: u64,
    },
    /// The order was written to the child's standard input as a whole, or noted if it has no
    /// text. May be said more than once of one order.
    Said {
        /// The order's id.
        id: String,
    },
    /// These processes were killed and are not gone; said about once a second.
    StillRunning {
        /// Their ids.
        pids: Vec<i32>,
    },
}

impl Shepherd {
    pub(crate) fn new(
        dir: AttemptDir,
        generation: u64,
        stream: UnixStream,
        child: Option<Child>,
    ) -> Self {
        let stream = Mutex::new(Arc::new(stream));
        let (lines, orders) = (Mutex::default(), Mutex::default());
        let child = Mutex::new(child);
        let shepherd = Self {
            dir,
            generation,
            stream,
            lines,
            orders,
            child,
            stops: AtomicBool::new(false),
        };
        shepherd.say_hello();
        shepherd
    }

    /// The attempt's id.
    pub fn attempt(&self) -> &str {
        self.dir.id()
    }

    /// Asks for the attempt's tree to be stopped. That it is gone is what [`Shepherd::wait`] says;
    /// so does it when the shepherd cannot be reached any more, which is no error here.
    pub fn stop(&self) {
        // Noted before it is said: should the connection break in between, the next one says it.
        self.stops.store(true, Ordering::SeqCst);
        let _wait_reports_it = self.tell(&ToShepherd::Stop {});
    }

    /// Gives the order `id`: writes `text` to the child's standard input, once in this attempt
    /// however often the order is given and by however many hosts. [`Notice::Said`] acknowledges
    /// it; one that finds the standard input closed never is. Orders reach the child in the order
    /// they were given.
    ///
    /// With a session, when it was given is kept along with `note`; the text is kept nowhere. Until it is acknowledged it is said again after each reconnect, so
    /// that a broken connection is no error here; the end of the attempt comes from
    /// [`Shepherd::wait`].
    ///
    /// Fails only for a text too long to be sent, from 8 MiB (of control characters) on; 47 MiB
    /// of plain text pass.
    pub fn say(&self, id: &str, text: &str, note: Option<Note>) -> io::Result<()> {
        let (note, after) = parts(note);
        self.order(ToShepherd::Stdin {
            text: text.to_owned(),
            id: Some(id.to_owned()),
            note,
            after,
        })
    }

    /// As [`Shepherd::say`], for an order that the child is not told: it is only noted, also when
    /// there is no standard input.
    pub fn note(&self, id: &str, note: Option<Note>) -> io::Result<()> {
        let id = id.to_owned();
        let (note, after) = parts(note);
        self.order(ToShepherd::Note { id, note, after })
    }

    /// Sends SIGINT to the main process alone, once. It has no id and is not repeated: where the
    /// connection broke it fails, or is lost.
    pub fn interrupt(&self) -> io::Result<()> {
        let signal = "INT".to_owned();
        self.tell(&ToShepherd::Signal { signal })
    }

    /// Hands `text` to the child's standard input. Kept by the shepherd until the child reads it;
    /// neither acknowledged nor repeated.
    pub fn write_stdin(&self, text: &str) -> io::Result<()> {
        self.tell(&ToShepherd::Stdin {
            text: text.to_owned(),
            id: None,
            note: None,
            after: None,
        })
    }

    /// Ends the child's standard input, after what was written. Said again after a reconnect, so
    /// that an error is none for who waits.
    pub fn close_stdin(&self) -> io::Result<()> {
        let mut orders = lock(&self.orders);
        self.send(orders.close())
    }

    /// Blocks until the attempt has ended or is lost. While that cannot be found out (the data
    /// directory cannot be read, too many files are open) it goes on asking.
    pub fn wait(&self) -> Outcome {
        self.wait_noticing(|_| {})
    }

    /// As [`Shepherd::wait`]; what the shepherd says before goes to `notice`.
    pub fn wait_noticing(&self, notice: impl FnMut(Notice)) -> Outcome {
        let outcome = self.wait_for_end(notice);
        self.let_go();
        outcome
    }

    fn wait_for_end(&self, mut notice: impl FnMut(Notice)) -> Outcome {
        loop {
            match self.next_message() {
                Some(ToHost::Hello { pid, child_pid, .. }) => {
                    notice(Notice::Started { pid, child_pid });
                }
                Some(ToHost::Raw { bytes }) => notice(Notice::Raw { bytes }),
                Some(ToHost::Said { id }) => {
                    lock(&self.orders).done(&id);
                    notice(Notice::Said { id });
                }
                Some(ToHost::StillRunning { pids }) => notice(Notice::StillRunning { pids }),
                Some(ToHost::Exited { record }) => {
                    let _it_ends_anyway = self.tell(&ToShepherd::Ack {});
                    return Outcome::Ended(record);
                }
                Some(ToHost::Claimed {} | ToHost::TakenOver {}) => return Outcome::TakenOver,
                Some(ToHost::Unknown) => {}
                None => match settle(&self.dir, self.generation) {
                    Ok(Settled::Ended(record)) => return Outcome::Ended(record),
                    Ok(Settled::Living(stream)) => self.reconnect(stream),
                    Ok(Settled::NeverStarted) => {
                        return Outcome::Lost {
                            still_running: Vec::new(),
                        };
                    }
                    Ok(Settled::Lost(still_running)) => return Outcome::Lost { still_running },
                    // Nothing is known, so nothing is said; it is asked again until it is.
                    Err(_) => std::thread::park_timeout(RETRY),
                },
            }
        }
    }

    /// The next message; none when the connection has ended.
    fn next_message(&self) -> Option<ToHost> {
        let stream = Arc::clone(&lock(&self.stream));
        let mut lines = lock(&self.lines);
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(line) = lines.next() {
                return Some(serde_json::from_slice(&line).unwrap_or(ToHost::Unknown));
            }
            match (&*stream).read(&mut buffer) {
                Ok(count) if count > 0 => lines.push(&buffer[..count]).ok()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return None,
            }
        }
    }

    fn reconnect(&self, stream: UnixStream) {
        // Held all along, so that no new order comes before those said again.
        let orders = lock(&self.orders);
        *lock(&self.stream) = Arc::new(stream);
        *lock(&self.lines) = Lines::default();
        self.say_hello();
        for line in orders.lines() {
            let _next_reconnect = self.send(line);
        }
        if self.stops.load(Ordering::SeqCst) {
            let _wait_reports_it = self.tell(&ToShepherd::Stop {});
        }
    }

    /// Leaves the shepherd's process to the reaper.
    fn let_go(&self) {
        if let Some(child) = lock(&self.child).take() {
            reap(child);
        }
    }

    fn say_hello(&self) {
        let hello = ToShepherd::Hello {
            v: 1,
            generation: self.generation,
        };
        let _wait_reports_it = self.tell(&hello);
    }

    fn order(&self, message: ToShepherd) -> io::Result<()> {
        // Held while sending, so that orders are sent as they are kept.
        let mut orders = lock(&self.orders);
        let line = orders.keep(message)?;
        let _said_again_after_reconnect = self.send(line);
        Ok(())
    }

    fn tell(&self, message: &ToShepherd) -> io::Result<()> {
        self.send(&line(message))
    }

    fn send(&self, line: &[u8]) -> io::Result<()> {
        // Held while writing, so that lines of two threads do not mix.
        let stream = lock(&self.stream);
        (&**stream).write_all(line)
    }
}

impl Drop for Shepherd {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parts(note: Option<Note>) -> (Option<Value>, Option<u64>) {
    note.map_or((None, None), |note| (Some(note.order), note.after))
}
