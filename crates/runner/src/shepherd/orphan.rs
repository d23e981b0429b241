//! What a shepherd does without a host: it starts one, again and again with growing pauses, and
//! after the grace it gives up.
//!
//! Owns these times, and that a host it starts is no part of the attempt's tree. It never starts
//! a host while one is connected.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, pidfd_open, setsid};

use super::tree::Tree;
use crate::attempt_dir::AttemptDir;
use crate::proc;
use crate::spec::AttemptSpec;

/// How long the in-between process may take to start a host, and to leave.
const STARTER_LIMIT: Duration = Duration::from_secs(5);

const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is left of the grace when the attempt's directory is gone: no host can take it back.
const GONE_GRACE: Duration = Duration::from_secs(3);

/// Time spent without a host.
pub(crate) struct Orphan {
    since: Option<Instant>,
    start_at: Instant,
    pause: Duration,
    grace: Duration,
    first: Duration,
    can_start: bool,
}

impl Orphan {
    /// No host is missing yet.
    pub(crate) fn new(spec: &AttemptSpec) -> Self {
        let first = Duration::from_millis(spec.host_restart_ms);
        // Shepherds of one host lose it at the same moment; their ids spread them out.
        let spread = std::process::id().wrapping_mul(2_654_435_761) % 1024;
        let first = first + first.mul_f64(f64::from(spread) / 1024.0);
        Self {
            since: None,
            start_at: Instant::now(),
            pause: first.max(Duration::from_secs(2)),
            grace: Duration::from_millis(spec.orphan_grace_ms),
            first,
            can_start: !spec.host_binary.as_os_str().is_empty(),
        }
    }

    /// Takes note of whether a host is there.
    pub(crate) fn see(&mut self, host_is_present: bool, now: Instant) {
        if host_is_present {
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some(now);
            self.start_at = now + self.first;
        }
    }

    /// The grace is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now >= since + self.grace)
    }

    /// It is time to start a host; the next time is later.
    pub(crate) fn must_start(&mut self, now: Instant) -> bool {
        if self.since.is_none() || !self.can_start || now < self.start_at {
            return false;
        }
        self.start_at = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }

    /// No host can come back: what is left of the grace is short. Repeats change nothing.
    pub(crate) fn give_up_soon(&mut self, now: Instant) {
        if let Some(since) = self.since {
            self.grace = self.grace.min(now + GONE_GRACE - since);
        }
    }

    /// When one of the above changes by itself.
    pub(crate) fn due(&self) -> Option<Instant> {
        let over = self.since? + self.grace;
        Some(if self.can_start {
            over.min(self.start_at)
        } else {
            over
        })
    }
}

/// Starts a host in a session of its own, with nothing on its standard streams.
///
/// A sub-reaper inherits every orphan below it, a host too. So for the moment in which the
/// in-between process leaves the host behind, the shepherd is none; the tree looks after what
/// happens in it meanwhile.
///
/// None is started for a data directory that was removed: it would make an empty one.
pub(crate) fn start_host(spec: &AttemptSpec, dir: &AttemptDir, tree: Option<&mut Tree>) {
    if spec.host_binary.as_os_str().is_empty() || dir.is_gone() {
        return;
    }
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["shepherd", "--start-host"])
        .arg(&spec.host_binary)
        .args(&spec.host_args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let Ok(mut starter) = command.spawn() else {
        return;
    };
    let started = starter.stdout.take().map(OwnedFd::from);
    proc::await_end(started.as_slice(), STARTER_LIMIT);
    let id = starter.id().cast_signed();
    match tree {
        Some(tree) => tree.with_gap(id, || let_go(&mut starter)),
        None => let_go(&mut starter),
    }
    let _reaped = starter.wait();
}

/// Makes the in-between process leave.
fn let_go(starter: &mut Child) {
    drop(starter.stdin.take());
    let handle = pidfd_open(Pid::from_child(starter), PidfdFlags::empty());
    if handle.is_ok_and(|handle| !proc::await_end(&[handle], STARTER_LIMIT)) {
        let _gone = starter.kill();
    }
}

/// The in-between process: starts the host, says so, and leaves when its stdin ends.
pub(crate) fn starter_main(words: &[OsString]) -> ExitCode {
    let _leader = setsid();
    let Some((host, arguments)) = words.split_first() else {
        return ExitCode::FAILURE;
    };
    let mut command = Command::new(host);
    command.args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = command.spawn();
    let _told = std::io::stdout().write_all(b"1\n");
    let _told = std::io::stdout().flush();
    let _let_go = std::io::stdin().read(&mut [0]);
    started.map_or(ExitCode::FAILURE, |_| ExitCode::SUCCESS)
}
