//! Processes as `/proc` shows them. Owns reading it and signalling without the race on reused
//! process ids; it never picks whom to end, and never looks at a name. That a process is not there
//! is an answer; that it could not be read (too many open files, say) is an error, and never taken
//! for the former.

use std::fs;
use std::io;
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
    pub(crate) fn own() -> io::Result<Self> {
        Self::of(rustix::process::getpid())
    }

    /// A process that is known to exist, such as an unreaped child.
    pub(crate) fn of(pid: Pid) -> io::Result<Self> {
        let pid = pid.as_raw_nonzero().get();
        let stat = stat(pid)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self {
            pid,
            start: stat.start,
            boot: boot_id()?,
        })
    }

    /// A handle on the process when it still runs.
    pub(crate) fn open(&self) -> io::Result<Option<OwnedFd>> {
        if self.boot != boot_id()? {
            return Ok(None);
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

/// The file `name` of `/proc/<pid>`; none when there is no such process.
pub(crate) fn read(pid: i32, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(format!("/proc/{pid}/{name}")) {
        Err(error) if is_missing(&error) => Ok(None),
        text => text.map(Some),
    }
}

/// What `/proc` says about `pid`; none when there is no such process.
pub(crate) fn stat(pid: i32) -> io::Result<Option<Stat>> {
    let Some(text) = read(pid, "stat")? else {
        return Ok(None);
    };
    parse_stat(pid, &text)
        .map(Some)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse_stat(pid: i32, text: &[u8]) -> Option<Stat> {
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
pub(crate) fn all() -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        pids.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<i32>().ok()),
        );
    }
    Ok(pids)
}

/// All processes, zombies too.
pub(crate) fn stats() -> io::Result<Vec<Stat>> {
    all()?
        .into_iter()
        .filter_map(|pid| stat(pid).transpose())
        .collect()
}

/// Every living process below one of `roots`, without these.
pub(crate) fn descendants(roots: &[i32]) -> io::Result<Vec<Stat>> {
    let mut others = stats()?;
    let mut found: Vec<Stat> = Vec::new();
    let mut parents = roots.to_vec();
    while let Some(parent) = parents.pop() {
        let (children, rest): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|process| process.parent == parent);
        others = rest;
        parents.extend(children.iter().map(|child| child.pid));
        found.extend(children);
    }
    found.retain(|process| !process.zombie && !roots.contains(&process.pid));
    Ok(found)
}

/// A handle on `pid`, if what `/proc` says of the very process behind the handle passes `is_it`.
pub(crate) fn open_verified(
    pid: i32,
    is_it: impl Fn(&Stat) -> bool,
) -> io::Result<Option<OwnedFd>> {
    let Some(id) = Pid::from_raw(pid) else {
        return Ok(None);
    };
    let handle = match pidfd_open(id, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(None),
        handle => handle?,
    };
    // The handle pins the process: what is read now is about it, or it is gone, in which case a
    // signal through the handle goes nowhere.
    Ok(stat(pid)?.filter(|stat| is_it(stat)).map(|_| handle))
}

/// The process of `seen` still runs.
pub(crate) fn is_alive(seen: &Stat) -> io::Result<bool> {
    Ok(stat(seen.pid)?.is_some_and(|now| now.start == seen.start && !now.zombie))
}

/// Sends `signal` to the process of `seen`, and to no later one of its id.
pub(crate) fn signal(seen: &Stat, signal: Signal) {
    if let Ok(Some(handle)) = open_verified(seen.pid, |now| now.start == seen.start) {
        let _gone = pidfd_send_signal(handle, signal);
    }
}

fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::SRCH)
    )
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
