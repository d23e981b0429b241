//! The workers of a host: started when they are first needed, replaced when they die.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::compile::Source;
use crate::isolate::Limits;
use crate::protocol::{self, Answer, Compiled, LONGEST, Order, PIECE};

/// How long a worker may be silent before it is ended. It watches its processor time by itself, so
/// this is for one that is stopped, or that no processor is left for.
const GRACE: Duration = Duration::from_secs(120);

/// How workers are started, and what they may use.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How many at most (at least 1).
    pub workers: usize,
    /// What each isolate may use.
    pub limits: Limits,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// It did not answer in time and was ended; the place where it had been before.
    #[error("it computed for too long without giving way{}", at(.0.as_ref()))]
    TimedOut(Option<String>),
    /// It died.
    #[error("the worker died{0}")]
    Died(String),
    /// No worker could be started.
    #[error("no worker could be started: {0}")]
    NotStarted(String),
}

fn at(place: Option<&String>) -> String {
    place.map(|place| format!(" ({place})")).unwrap_or_default()
}

pub(crate) type Reply = Box<dyn FnMut(Result<Answer, WorkerError>) + Send>;

struct Job {
    order: Order,
    /// What the order is about, for a worker that does not know it: its hash and text.
    bundle: Option<(String, Arc<str>)>,
    reply: Reply,
}

struct Slot {
    jobs: mpsc::Sender<Job>,
    waiting: Arc<AtomicUsize>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    slots: Arc<Vec<Slot>>,
}

impl Pool {
    /// A pool; no process is started yet.
    #[must_use]
    pub fn new(options: &PoolOptions) -> Self {
        let slot = |_| {
            let (jobs, inbox) = mpsc::channel();
            let waiting = Arc::new(AtomicUsize::new(0));
            let keeper = Keeper {
                options: options.clone(),
                worker: None,
            };
            let done = Arc::clone(&waiting);
            let thread = std::thread::Builder::new().name("script-worker".into());
            // Without its thread a slot's jobs are answered as those of a dead worker.
            let _thread = thread.spawn(move || keeper.work(&inbox, &done));
            Slot { jobs, waiting }
        };
        Self {
            slots: Arc::new((0..options.workers.max(1)).map(slot).collect()),
        }
    }

    /// Compiles a definition; blocks.
    ///
    /// # Errors
    /// [`WorkerError`]: the compiler did not survive the files.
    pub fn compile(&self, source: Source) -> Result<Compiled, WorkerError> {
        let (sender, receiver) = mpsc::channel();
        let reply = move |answer| {
            let _gone = sender.send(answer);
        };
        self.send(self.free(), Order::Compile(source), None, Box::new(reply));
        let lost = || WorkerError::Died(String::new());
        match receiver.recv().map_err(|_| lost())?? {
            Answer::Compiled(compiled) => Ok(compiled),
            _ => Err(lost()),
        }
    }

    /// The worker with the least to do.
    pub(crate) fn free(&self) -> usize {
        let waiting = |slot: &Slot| slot.waiting.load(Ordering::Relaxed);
        let slots = self.slots.iter().enumerate();
        slots
            .min_by_key(|(_, slot)| waiting(slot))
            .map_or(0, |(n, _)| n)
    }

    /// Asks a worker; its answers go to `reply`. The bundle is what the order is about.
    pub(crate) fn send(
        &self,
        slot: usize,
        order: Order,
        bundle: Option<(String, Arc<str>)>,
        mut reply: Reply,
    ) {
        let Some(slot) = self.slots.get(slot) else {
            return reply(Err(WorkerError::NotStarted("there is none".into())));
        };
        slot.waiting.fetch_add(1, Ordering::Relaxed);
        let job = Job {
            order,
            bundle,
            reply,
        };
        if let Err(mpsc::SendError(mut job)) = slot.jobs.send(job) {
            (job.reply)(Err(WorkerError::NotStarted("its thread is gone".into())));
        }
    }
}

/// Keeps one worker.
struct Keeper {
    options: PoolOptions,
    worker: Option<Worker>,
}

struct Worker {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    held: Vec<u8>,
    /// So much of it was taken.
    taken: usize,
}

impl Keeper {
    fn work(mut self, inbox: &mpsc::Receiver<Job>, waiting: &AtomicUsize) {
        while let Ok(mut job) = inbox.recv() {
            if let Err(error) = self.carry_out(&mut job) {
                self.give_up();
                (job.reply)(Err(error));
            }
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(worker) = self.worker.take() {
            worker.end();
        }
    }

    fn carry_out(&mut self, job: &mut Job) -> Result<(), WorkerError> {
        let reply = &mut job.reply;
        let mut unknown = false;
        self.ask(&job.order, &mut |answer| match answer {
            Answer::Unknown => unknown = true,
            answer => reply(Ok(answer)),
        })?;
        if !unknown {
            return Ok(());
        }
        if let Some((hash, bundle)) = job.bundle.take() {
            self.ask(&Order::Know { hash, bundle }, &mut |_| {})?;
        }
        self.ask(&job.order, &mut |answer| reply(Ok(answer)))
    }

    fn ask(&mut self, order: &Order, each: &mut dyn FnMut(Answer)) -> Result<(), WorkerError> {
        // One that died while nothing was asked of it has died of nothing that is asked now.
        if self.worker.as_mut().is_some_and(Worker::is_dead) {
            self.worker = None;
        }
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => none.insert(Worker::start(&self.options)?),
        };
        if let Err(error) = protocol::write(&mut worker.to, order) {
            return Err(worker.died(&error));
        }
        loop {
            let answer = match worker.read(Instant::now() + GRACE) {
                Ok(answer) => answer,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(WorkerError::TimedOut(None));
                }
                Err(error) => return Err(worker.died(&error)),
            };
            if let Answer::Overdue { place } = answer {
                return Err(WorkerError::TimedOut(place));
            }
            let more = matches!(answer, Answer::Turned { more: true, .. });
            let is_spent = answer.tells_of_memory();
            each(answer);
            if is_spent {
                self.give_up();
                return Ok(());
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Ends the worker, whatever it does; the next order starts another.
    fn give_up(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            // It may be dead already.
            let _killed = worker.child.kill();
            let _reaped = worker.child.wait();
        }
    }
}

impl Worker {
    fn start(options: &PoolOptions) -> Result<Self, WorkerError> {
        let failed = |why: String| WorkerError::NotStarted(why);
        let mut command = Command::new(&options.program);
        command
            .args(&options.arguments)
            .env_clear()
            // What `Date` says does not depend on where a host runs.
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("it has no pipes".into()));
        };
        let mut worker = Self {
            child,
            to,
            from,
            held: Vec::new(),
            taken: 0,
        };
        let limits = Order::Limits(options.limits.clone());
        let told = protocol::write(&mut worker.to, &limits);
        told.map_err(|error| failed(error.to_string()))?;
        let answered = worker.read(Instant::now() + GRACE);
        answered.map_err(|error| failed(error.to_string()))?;
        Ok(worker)
    }

    /// Whether it has ended; then it is reaped.
    fn is_dead(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Lets it end: its input is closed.
    fn end(self) {
        let Self { mut child, to, .. } = self;
        drop(to);
        let _reaped = child.wait();
    }

    /// How it died.
    fn died(&mut self, error: &io::Error) -> WorkerError {
        // The pipe broke, so it is ending or to be ended.
        let _killed = self.child.kill();
        WorkerError::Died(match self.child.wait() {
            Ok(status) => format!(" ({status})"),
            Err(_) => format!(": {error}"),
        })
    }

    fn read(&mut self, until: Instant) -> io::Result<Answer> {
        loop {
            let held = self.held.get(self.taken..).unwrap_or_default();
            if let Some((length, rest)) = held.split_first_chunk::<4>() {
                let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
                if length > LONGEST {
                    return Err(io::Error::other("the frame is too long"));
                }
                if let Some(frame) = rest.get(..length) {
                    let answer = serde_json::from_slice(frame)?;
                    self.taken += length + 4;
                    if self.taken == self.held.len() {
                        self.taken = 0;
                        self.held.clear();
                        // After a long frame.
                        self.held.shrink_to(PIECE);
                    }
                    return Ok(answer);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::from_borrowed_fd(self.from.as_fd(), PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            self.held.drain(..self.taken);
            self.taken = 0;
            self.held.reserve(PIECE);
            if rustix::io::read(&self.from, spare_capacity(&mut self.held))? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
