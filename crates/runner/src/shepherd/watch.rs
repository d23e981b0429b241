//! The time between the child's start and the end of its whole tree: output is captured, hosts
//! are answered, and the tree is stopped when it must be.
//!
//! Owns when to stop and how. Returns only when no process of the attempt is left.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, WaitStatus};

use super::capture::{CHUNK, Capture};
use super::child::Child;
use super::hosts::Hosts;
use super::log::{Log, Stream};
use super::orphan::{Orphan, start_host};
use super::signals::Signals;
use super::tree::Tree;
use crate::attempt_dir::AttemptDir;
use crate::clock::unix_ms;
use crate::mask::Masker;
use crate::proc::timespec;
use crate::record::End;
use crate::spec::AttemptSpec;
use crate::wire::{ToHost, ToShepherd};

/// How long what is left over after the main process's own end has to go by itself.
const LEFT_OVER_GRACE: Duration = Duration::from_millis(300);

/// SIGKILL is repeated after this long, each time after twice as long.
const FIRST_KILL_PAUSE: Duration = Duration::from_millis(20);
const LAST_KILL_PAUSE: Duration = Duration::from_secs(1);

/// The attempt while it runs.
pub(crate) struct Watch<'a> {
    dir: &'a AttemptDir,
    spec: &'a AttemptSpec,
    tree: Tree,
    hosts: Hosts,
    signals: Signals,
    orphan: Orphan,
    stdin: Option<OwnedFd>,
    unwritten: Vec<u8>,
    close_stdin: bool,
    captures: [Capture; 2],
    log: Log,
    started_at: u64,
    timeout: Option<Instant>,
    stop: Option<Stop>,
}

/// What is left when the tree is gone.
pub(crate) struct Ended {
    pub(crate) hosts: Hosts,
    pub(crate) end: End,
    pub(crate) started_at: u64,
    pub(crate) log: Log,
    /// Standard output and standard error, read to their ends.
    pub(crate) captures: [Capture; 2],
}

/// A stop under way.
struct Stop {
    /// None: the main process ended by itself, this is about what it left over.
    cause: Option<End>,
    next: Step,
    at: Instant,
}

#[derive(Clone, Copy)]
enum Step {
    Interrupt,
    Terminate,
    Kill { pause: Duration },
}

impl<'a> Watch<'a> {
    /// Begins with the child just started.
    pub(crate) fn new(
        dir: &'a AttemptDir,
        spec: &'a AttemptSpec,
        child: Child,
        hosts: Hosts,
        signals: Signals,
    ) -> Self {
        if let Some(stdin) = &child.stdin
            && let Ok(flags) = rustix::fs::fcntl_getfl(stdin)
        {
            let _blocking = rustix::fs::fcntl_setfl(stdin, flags | rustix::fs::OFlags::NONBLOCK);
        }
        let masker = Masker::new(&spec.secrets);
        let stdout = Capture::new(Stream::Stdout, child.stdout, masker.clone());
        let stderr = Capture::new(Stream::Stderr, child.stderr, masker);
        Self {
            dir,
            spec,
            tree: Tree::new(&spec.attempt, child.pid),
            hosts,
            signals,
            orphan: Orphan::new(spec),
            stdin: child.stdin,
            unwritten: Vec::new(),
            close_stdin: false,
            captures: [stdout, stderr],
            log: Log::open(&spec.log_dir, spec.log_max_bytes),
            started_at: unix_ms(),
            timeout: spec
                .timeout_ms
                .map(|ms| Instant::now() + Duration::from_millis(ms)),
            stop: None,
        }
    }

    /// Watches until the tree is gone.
    pub(crate) fn run(mut self) -> Ended {
        let mut buffer = vec![0; CHUNK];
        while !self.tree.reap() {
            // First, since messages can have come with the specification.
            for message in self.hosts.handle() {
                self.obey(message);
            }
            let now = Instant::now();
            self.check_causes(now);
            self.go_on_stopping(now);
            self.log.tick(now);
            self.wait_for_something(now);
            self.signals.clear();
            for capture in &mut self.captures {
                capture.read(&mut buffer, &mut self.log);
            }
            self.write_stdin();
        }
        for capture in &mut self.captures {
            capture.finish(&mut buffer, &mut self.log);
        }
        let end = self
            .stop
            .and_then(|stop| stop.cause)
            .unwrap_or_else(|| own_end(self.tree.status()));
        let (hosts, log, captures) = (self.hosts, self.log, self.captures);
        Ended {
            hosts,
            end,
            started_at: self.started_at,
            log,
            captures,
        }
    }

    fn obey(&mut self, message: ToShepherd) {
        match message {
            ToShepherd::Stop {} => self.begin_stop(End::Stopped {
                reason: "stop".to_owned(),
            }),
            ToShepherd::Stdin { text } if self.stdin.is_some() => {
                self.unwritten.extend_from_slice(text.as_bytes());
                self.write_stdin();
            }
            ToShepherd::CloseStdin {} => {
                self.close_stdin = true;
                self.write_stdin();
            }
            _ => {}
        }
    }

    fn check_causes(&mut self, now: Instant) {
        self.orphan.see(self.hosts.present(), now);
        if self.tree.status().is_some() && self.stop.is_none() {
            let next = Step::Terminate;
            self.stop = Some(Stop {
                cause: None,
                next,
                at: now,
            });
        }
        if self.timeout.is_some_and(|timeout| now >= timeout) {
            self.begin_stop(End::TimedOut);
        }
        if self.orphan.is_over(now) {
            self.begin_stop(End::Stopped {
                reason: "orphaned".to_owned(),
            });
        }
        if self.orphan.must_start(now) {
            if self.dir.is_gone() {
                self.orphan.give_up_soon(now);
            }
            start_host(self.spec, self.dir, Some(&mut self.tree));
        }
    }

    /// The first cause counts.
    fn begin_stop(&mut self, cause: End) {
        if self.stop.is_none() {
            let skips = self.spec.stop_grace_ms.int_to_term == 0;
            let next = if skips {
                Step::Terminate
            } else {
                Step::Interrupt
            };
            self.stop = Some(Stop {
                cause: Some(cause),
                next,
                at: Instant::now(),
            });
        }
    }

    fn go_on_stopping(&mut self, now: Instant) {
        let Some(stop) = self.stop.as_mut().filter(|stop| now >= stop.at) else {
            return;
        };
        let grace = self.spec.stop_grace_ms;
        let (pause, next) = match stop.next {
            Step::Interrupt => {
                self.tree.signal(Signal::INT);
                (Duration::from_millis(grace.int_to_term), Step::Terminate)
            }
            Step::Terminate => {
                self.tree.signal(Signal::TERM);
                self.tree.signal(Signal::CONT);
                let asked = Duration::from_millis(grace.term_to_kill);
                let pause = if stop.cause.is_some() {
                    asked
                } else {
                    LEFT_OVER_GRACE
                };
                (
                    pause,
                    Step::Kill {
                        pause: FIRST_KILL_PAUSE,
                    },
                )
            }
            Step::Kill { pause } => {
                self.tree.signal(Signal::KILL);
                if pause >= LAST_KILL_PAUSE {
                    self.hosts.tell(&ToHost::StillRunning {
                        pids: self.tree.pids(),
                    });
                }
                (
                    pause,
                    Step::Kill {
                        pause: (pause * 2).min(LAST_KILL_PAUSE),
                    },
                )
            }
        };
        (stop.at, stop.next) = (now + pause, next);
    }

    fn wait_for_something(&self, now: Instant) {
        let stop = self.stop.as_ref().map(|stop| stop.at);
        // A cause that comes when a stop is under way changes nothing: do not wake up for it.
        let timeout = self.timeout.filter(|_| self.stop.is_none());
        let orphan = self.orphan.due().filter(|due| *due > now);
        let due = [stop, timeout, orphan, self.log.due()]
            .into_iter()
            .flatten()
            .min();
        let left = due.map(|due| timespec(due.saturating_duration_since(now)));
        let mut polled = vec![PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN)];
        let streams = self.captures.iter().filter_map(Capture::fd);
        polled.extend(streams.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let stdin = self.stdin.iter().filter(|_| !self.unwritten.is_empty());
        polled.extend(stdin.map(|stdin| PollFd::new(stdin, PollFlags::OUT)));
        self.hosts.fds(&mut polled);
        let _interrupted = poll(&mut polled, left.as_ref());
    }

    fn write_stdin(&mut self) {
        while let Some(stdin) = self.stdin.as_ref().filter(|_| !self.unwritten.is_empty()) {
            match rustix::io::write(stdin, &self.unwritten) {
                Ok(count) => drop(self.unwritten.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    self.unwritten.clear();
                    self.close_stdin = true;
                }
            }
        }
        if self.close_stdin {
            self.stdin = None;
        }
    }
}

/// How the main process ended when nobody stopped it.
fn own_end(status: Option<WaitStatus>) -> End {
    let signal = status.and_then(WaitStatus::terminating_signal);
    let code = status.and_then(WaitStatus::exit_status);
    match (signal, code) {
        (Some(signal), _) => End::Signaled { signal },
        (None, code) => End::Exited {
            code: code.unwrap_or(-1),
        },
    }
}
