//! The time between the child's start and the end of its whole tree: output is captured, hosts
//! are answered, and the tree is stopped when it must be.
//!
//! Owns when to stop and how. Returns only when no process of the attempt is left.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, WaitStatus};
use serde_json::Value;

use super::capture::{CHUNK, Capture};
use super::child::Child;
use super::hosts::Hosts;
use super::log::{Log, Stream};
use super::orphan::{Orphan, start_host};
use super::session::Session;
use super::signals::Signals;
use super::stdin::Stdin;
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
    stdin: Stdin,
    captures: [Capture; 2],
    log: Log,
    session: Option<Session>,
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
    pub(crate) session: Option<Session>,
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
    /// Begins with the child just started, and the conversation with it.
    pub(crate) fn new(
        dir: &'a AttemptDir,
        spec: &'a AttemptSpec,
        (child, session): (Child, Option<Session>),
        hosts: Hosts,
        signals: Signals,
    ) -> Self {
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
            stdin: Stdin::new(child.stdin),
            captures: [stdout, stderr],
            log: Log::open(&spec.log_dir, spec.log_max_bytes),
            session,
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
        self.tell_raw();
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
            self.capture(&mut buffer);
            self.write_stdin();
        }
        self.finish(&mut buffer);
        let cause = self.stop.and_then(|stop| stop.cause);
        let session = self.session.as_ref();
        let over = session.is_some_and(Session::is_over).then(raw_limit);
        let end = cause.or(over);
        let end = end.unwrap_or_else(|| own_end(self.tree.status()));
        Ended {
            hosts: self.hosts,
            end,
            started_at: self.started_at,
            log: self.log,
            session: self.session,
            captures: self.captures,
        }
    }

    /// Reads what the child has written.
    fn capture(&mut self, buffer: &mut [u8]) {
        let [stdout, stderr] = &mut self.captures;
        match &mut self.session {
            None => {
                stdout.read(buffer, &mut self.log);
            }
            Some(session) => {
                session.tick(Instant::now());
                if !session.raw_is_stuck() {
                    stdout.read(buffer, session);
                }
            }
        }
        stderr.read(buffer, &mut self.log);
        self.tell_raw();
    }

    /// Reads the rest; the tree is gone.
    fn finish(&mut self, buffer: &mut [u8]) {
        let [stdout, stderr] = &mut self.captures;
        match &mut self.session {
            None => stdout.finish(buffer, &mut self.log),
            Some(session) => {
                stdout.finish(buffer, session);
                session.finish();
                if let Some((end, bytes)) = session.written_by_child() {
                    stdout.stand_in(&end, bytes);
                }
            }
        }
        stderr.finish(buffer, &mut self.log);
        self.tell_raw();
    }

    fn tell_raw(&mut self) {
        if let Some(session) = &self.session {
            self.hosts.tell_raw(session.raw_bytes());
        }
    }

    fn obey(&mut self, message: ToShepherd) {
        match message {
            ToShepherd::Stop {} => self.begin_stop(stopped("stop")),
            ToShepherd::Stdin {
                text,
                id,
                note,
                after,
            } => self.order(Some(text), id, note.as_ref(), after),
            ToShepherd::Note { id, note, after } => {
                self.order(None, Some(id), note.as_ref(), after);
            }
            ToShepherd::Signal { signal } if signal == "INT" => self.tree.signal_main(Signal::INT),
            ToShepherd::CloseStdin {} => {
                self.stdin.close();
                self.write_stdin();
            }
            _ => {}
        }
    }

    /// Carries out an order, unless that was done before.
    fn order(
        &mut self,
        text: Option<String>,
        id: Option<String>,
        note: Option<&Value>,
        after: Option<u64>,
    ) {
        if let Some(done) = id.as_deref().and_then(|id| self.stdin.order(id)) {
            if done && let Some(id) = id {
                self.acknowledge(id);
            }
            return;
        }
        if text.is_some() && !self.stdin.is_open() {
            return;
        }
        if let (Some(session), Some(id)) = (&mut self.session, &id) {
            session.record(id, note, after);
        }
        match (text, id) {
            (Some(text), id) => self.stdin.push(id, text),
            (None, Some(id)) => self.stdin.push_note(id),
            (None, None) => {}
        }
        self.write_stdin();
    }

    fn acknowledge(&mut self, id: String) {
        self.hosts.tell(&ToHost::Said { id });
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
            self.begin_stop(stopped("orphaned"));
        }
        if self.session.as_ref().is_some_and(Session::is_over) {
            self.begin_stop(raw_limit());
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
        // SIGINT was for an agent alone: once it has gone, nobody is left to end in order, and its
        // tools, in sessions of their own, know of nothing.
        let alone = self.session.is_some() && self.tree.status().is_some();
        let due =
            |stop: &&mut Stop| now >= stop.at || alone && matches!(stop.next, Step::Terminate);
        let Some(stop) = self.stop.as_mut().filter(due) else {
            return;
        };
        let grace = self.spec.stop_grace_ms;
        let (pause, next) = match stop.next {
            Step::Interrupt => {
                // An agent ends its tools itself; one that loses them first goes on without them.
                if self.session.is_some() {
                    self.tree.signal_group(Signal::INT);
                } else {
                    self.tree.signal(Signal::INT);
                }
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
        let session = self.session.as_ref().and_then(Session::due);
        let due = [stop, timeout, orphan, self.log.due(), session]
            .into_iter()
            .flatten()
            .min();
        let left = due.map(|due| timespec(due.saturating_duration_since(now)));
        let mut polled = vec![PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN)];
        let [stdout, stderr] = &self.captures;
        let stuck = self.session.as_ref().is_some_and(Session::raw_is_stuck);
        let streams = [stdout.fd().filter(|_| !stuck), stderr.fd()];
        let streams = streams.into_iter().flatten();
        polled.extend(streams.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let stdin = self.stdin.fd().filter(|_| !self.said_is_stuck());
        polled.extend(stdin.map(|stdin| PollFd::from_borrowed_fd(stdin, PollFlags::OUT)));
        self.hosts.fds(&mut polled);
        let _interrupted = poll(&mut polled, left.as_ref());
    }

    fn write_stdin(&mut self) {
        if self.said_is_stuck() {
            return;
        }
        for id in self.stdin.write() {
            self.acknowledge(id);
        }
    }

    fn said_is_stuck(&self) -> bool {
        self.session.as_ref().is_some_and(Session::said_is_stuck)
    }
}

fn stopped(reason: &str) -> End {
    End::Stopped {
        reason: reason.to_owned(),
    }
}

/// The conversation became longer than it may.
fn raw_limit() -> End {
    stopped("raw_limit")
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
