//! Processes as `/proc` shows them. Owns reading it and signalling without the race on reused
//! process ids; it never picks whom to end, and never looks at a name.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// What tells a process from a later one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The process id.
    pub(crate) pid: i32,
    /// Its start in clock ticks since boot.
    pub(crate) start: u64,
    /// The boot it belongs to.
    pub(crate) boot: String,
}

impl Identity {
    /// The calling process.
    pub(crate) fn own() -> Self {
        Self::of(rustix::process::getpid())
    }

    /// A process that is known to exist, such as an unreaped child.
    pub(crate) fn of(pid: Pid) -> Self {
        let pid = pid.as_raw_nonzero().get();
        Self {
            pid,
            start: stat(pid).map_or(0, |stat| stat.start),
            boot: boot_id(),
        }
    }

    /// A handle on the process when it still runs.
    pub(crate) fn open(&self) -> Option<OwnedFd> {
        if self.boot != boot_id() {
            return None;
        }
        open_verified(self.pid, |stat| stat.start == self.start && !stat.zombie)
    }
}

/// One line of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The process id.
    pub(crate) pid: i32,
    /// Its parent's.
    pub(crate) parent: i32,
    /// Its group's.
    pub(crate) group: i32,
    /// Its start in clock ticks since boot.
    pub(crate) start: u64,
    /// It has ended and waits to be reaped.
    pub(crate) zombie: bool,
}

/// What `/proc` says about `pid`; none when there is no such process.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses; the last one closes it (proc_pid_stat(5)).
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(name_end + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split(' ').take(20).collect();
    Some(Stat {
        pid,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// The ids of all processes.
pub(crate) fn all() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Every living process below `root`, without it.
pub(crate) fn descendants(root: i32) -> Vec<Stat> {
    let mut others: Vec<Stat> = all().into_iter().filter_map(stat).collect();
    let mut found: Vec<Stat> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let (children, rest): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|process| process.parent == parent);
        others = rest;
        parents.extend(children.iter().map(|child| child.pid));
        found.extend(children);
    }
    found.retain(|process| !process.zombie);
    found
}

/// A handle on `pid`, if what `/proc` says of the very process behind the handle passes `is_it`.
pub(crate) fn open_verified(pid: i32, is_it: impl Fn(&Stat) -> bool) -> Option<OwnedFd> {
    let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    // The handle pins the process: what is read now is about it, or it is gone, in which case a
    // signal through the handle goes nowhere.
    stat(pid).filter(|stat| is_it(stat)).map(|_| handle)
}

/// Sends `signal` to the process of `seen`, and to no later one of its id.
pub(crate) fn signal(seen: &Stat, signal: Signal) {
    if let Some(handle) = open_verified(seen.pid, |now| now.start == seen.start) {
        let _gone = pidfd_send_signal(handle, signal);
    }
}

fn boot_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// Waits until one of the processes has ended; false when `limit` came first.
pub(crate) fn await_end(handles: &[OwnedFd], limit: Duration) -> bool {
    let until = Instant::now() + limit;
    loop {
        let mut polled: Vec<PollFd<'_>> = handles
            .iter()
            .map(|handle| PollFd::new(handle, PollFlags::IN))
            .collect();
        let left = until.saturating_duration_since(Instant::now());
        match poll(&mut polled, Some(&timespec(left))) {
            Ok(0) => return false,
            Err(Errno::INTR) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

/// A duration for `poll`.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec {
        tv_sec: seconds,
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
