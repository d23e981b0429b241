//! The second net: the processes that carry an attempt's mark in their environment.
//!
//! Owns finding and ending them when no shepherd lives to do it. It matches the mark exactly,
//! never a name, and never ends a process that carries another attempt's mark.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, pidfd_send_signal};

use crate::ATTEMPT_MARK;
use crate::attempt_dir::AttemptDir;
use crate::proc::{self, Identity, Stat};

/// How long marked processes have between SIGTERM and SIGKILL when an attempt is taken back.
const GRACE: Duration = Duration::from_millis(1_000);

/// How long SIGKILL is repeated before the rest is reported.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long at most until it is looked again.
const PAUSE: Duration = Duration::from_millis(50);

/// How many processes are waited for at a time.
const MAX_HANDLES: usize = 64;

/// The processes that carry the mark of `attempt`; zombies and the caller are left out.
///
/// An error means that it is not known, such as when too many files are open.
pub fn find(attempt: &str) -> io::Result<Vec<i32>> {
    Ok(marked(attempt)?.iter().map(|process| process.pid).collect())
}

/// Ends the processes of `attempt`: SIGTERM, after `grace` SIGKILL, until none is found any more
/// or `patience` has passed since. Returns those that are still there.
///
/// Children of marked processes that cleared their own environment are ended with them. An error
/// means that it is not known whether something is left.
pub fn end(attempt: &str, grace: Duration, patience: Duration) -> io::Result<Vec<i32>> {
    end_all(
        &|| with_descendants(marked(attempt)?, attempt),
        grace,
        patience,
    )
}

/// Ends what is left of an attempt whose shepherd is dead: by its mark, and from its main process
/// down when that one still lives. Returns what could not be ended.
pub(crate) fn end_remains(dir: &AttemptDir) -> io::Result<Vec<i32>> {
    let main = fs::read(dir.child()).ok();
    let main = main.and_then(|text| serde_json::from_slice::<Identity>(&text).ok());
    let find = || {
        let mut found = marked(dir.id())?;
        if let Some(main) = &main {
            found.extend(main_and_group(main)?);
        }
        with_descendants(found, dir.id())
    };
    end_all(&find, GRACE, PATIENCE)
}

fn end_all(
    find: &dyn Fn() -> io::Result<Vec<Stat>>,
    grace: Duration,
    patience: Duration,
) -> io::Result<Vec<i32>> {
    let begun = Instant::now();
    let mut asked: Vec<i32> = Vec::new();
    let mut empty = 0;
    loop {
        let found = find()?;
        // A process that forked and left while /proc was read can be missed once, not twice.
        empty = if found.is_empty() { empty + 1 } else { 0 };
        if empty == 2 {
            return Ok(Vec::new());
        }
        let waited = begun.elapsed();
        if waited > grace + patience {
            return Ok(found.iter().map(|process| process.pid).collect());
        }
        for process in &found {
            if waited >= grace {
                proc::signal(process, Signal::KILL);
            } else if !asked.contains(&process.pid) {
                proc::signal(process, Signal::TERM);
                proc::signal(process, Signal::CONT);
            }
        }
        await_one(
            &found,
            grace.checked_sub(waited).unwrap_or(PAUSE).min(PAUSE),
        )?;
        asked = found.iter().map(|process| process.pid).collect();
    }
}

/// Returns when one of the processes has ended, or after `limit`.
fn await_one(processes: &[Stat], limit: Duration) -> io::Result<()> {
    let mut handles = Vec::new();
    for process in processes.iter().take(MAX_HANDLES) {
        let is_it = |now: &Stat| now.start == process.start && !now.zombie;
        let Some(handle) = proc::open_verified(process.pid, is_it)? else {
            return Ok(());
        };
        handles.push(handle);
    }
    if !handles.is_empty() {
        proc::await_end(&handles, limit);
    }
    Ok(())
}

/// The processes with the mark of `attempt`, without zombies and the caller.
pub(crate) fn marked(attempt: &str) -> io::Result<Vec<Stat>> {
    let own = getpid().as_raw_nonzero().get();
    let mut found = Vec::new();
    for pid in proc::all()?.into_iter().filter(|pid| *pid != own) {
        if mark_of(pid)?.as_deref() == Some(attempt.as_bytes()) {
            found.extend(proc::stat(pid)?.filter(|process| !process.zombie));
        }
    }
    Ok(found)
}

/// The value of the mark in a process's environment. None also for a process of another user,
/// whose environment may not be read.
fn mark_of(pid: i32) -> io::Result<Option<Vec<u8>>> {
    let environment = match proc::read(pid, "environ") {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        environment => environment?.unwrap_or_default(),
    };
    let mark = environment.split(|byte| *byte == 0).find_map(|entry| {
        entry
            .strip_prefix(ATTEMPT_MARK.as_bytes())?
            .strip_prefix(b"=")
    });
    Ok(mark.map(<[u8]>::to_vec))
}

/// The main process and its group, if it is still the very process that was started.
fn main_and_group(main: &Identity) -> io::Result<Vec<Stat>> {
    // While the process lives its id, which is its group's, is not used again.
    let Some(_alive) = main.open()? else {
        return Ok(Vec::new());
    };
    let mut group = proc::stats()?;
    group.retain(|process| process.pid == main.pid || process.group == main.pid);
    group.retain(|process| !process.zombie);
    Ok(group)
}

/// Adds what is below, but for processes that carry another attempt's mark.
fn with_descendants(mut found: Vec<Stat>, attempt: &str) -> io::Result<Vec<Stat>> {
    if found.is_empty() {
        return Ok(found);
    }
    let own = getpid().as_raw_nonzero().get();
    let roots: Vec<i32> = found.iter().map(|root| root.pid).collect();
    for process in proc::descendants(&roots)? {
        let another = mark_of(process.pid)?.is_some_and(|mark| mark != attempt.as_bytes());
        if !another && process.pid != own {
            found.push(process);
        }
    }
    found.sort_unstable_by_key(|process| process.pid);
    found.dedup_by_key(|process| process.pid);
    Ok(found)
}

/// Kills a shepherd that lives but does not answer. Returns once it is gone, or after a while.
pub(crate) fn kill_silent(shepherd: &OwnedFd) {
    let _gone = pidfd_send_signal(shepherd, Signal::KILL);
    proc::await_end(std::slice::from_ref(shepherd), PATIENCE);
}
