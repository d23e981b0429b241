//! The second net: the processes that carry an attempt's mark in their environment.
//!
//! Owns finding and ending them when no shepherd lives to do it. It matches the mark exactly,
//! never a name, and never ends a process that carries another attempt's mark.

use std::fs;
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

/// The processes that carry the mark of `attempt`; zombies and the caller are left out.
pub fn find(attempt: &str) -> Vec<i32> {
    marked(attempt).iter().map(|process| process.pid).collect()
}

/// Ends the processes of `attempt`: SIGTERM, after `grace` SIGKILL, until none is found any more
/// or `patience` has passed since. Returns those that are still there.
///
/// Children of marked processes that cleared their own environment are ended with them.
pub fn end(attempt: &str, grace: Duration, patience: Duration) -> Vec<i32> {
    end_all(
        &|| with_descendants(marked(attempt), attempt),
        grace,
        patience,
    )
}

/// Ends what is left of an attempt whose shepherd is dead: by its mark, and from its main process
/// down when that one still lives. Returns what could not be ended.
pub(crate) fn end_remains(dir: &AttemptDir) -> Vec<i32> {
    let main = fs::read(dir.child()).ok();
    let main = main.and_then(|text| serde_json::from_slice::<Identity>(&text).ok());
    let find = || {
        let mut found = marked(dir.id());
        found.extend(main.as_ref().into_iter().flat_map(main_and_group));
        with_descendants(found, dir.id())
    };
    end_all(&find, GRACE, PATIENCE)
}

fn end_all(find: &dyn Fn() -> Vec<Stat>, grace: Duration, patience: Duration) -> Vec<i32> {
    let asked = Instant::now();
    let mut signalled: Vec<Stat> = Vec::new();
    let mut empty = 0;
    loop {
        let found = find();
        // A process that forked and left while /proc was read can be missed once, not twice.
        empty = if found.is_empty() { empty + 1 } else { 0 };
        if empty == 2 {
            return Vec::new();
        }
        let waited = asked.elapsed();
        if waited > grace + patience {
            return found.iter().map(|process| process.pid).collect();
        }
        for process in &found {
            if waited >= grace {
                proc::signal(process, Signal::KILL);
            } else if !signalled.contains(process) {
                proc::signal(process, Signal::TERM);
                proc::signal(process, Signal::CONT);
            }
        }
        let pause = if waited < grace {
            grace - waited
        } else {
            Duration::from_millis(50)
        };
        let handles = found.iter().filter_map(|process| {
            proc::open_verified(process.pid, |now| now.start == process.start && !now.zombie)
        });
        await_one(
            &handles.collect::<Vec<_>>(),
            pause.min(Duration::from_millis(100)),
        );
        signalled = found;
    }
}

/// Returns when one of the processes has ended, or after `limit`.
fn await_one(handles: &[OwnedFd], limit: Duration) {
    if !handles.is_empty() {
        proc::await_end(handles, limit);
    }
}

fn marked(attempt: &str) -> Vec<Stat> {
    let own = getpid().as_raw_nonzero().get();
    let others = proc::all().into_iter().filter(|pid| *pid != own);
    let ours = others.filter(|pid| mark_of(*pid).as_deref() == Some(attempt.as_bytes()));
    ours.filter_map(proc::stat)
        .filter(|process| !process.zombie)
        .collect()
}

/// The value of the mark in a process's environment. None also when it may not be read.
fn mark_of(pid: i32) -> Option<Vec<u8>> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment
        .split(|byte| *byte == 0)
        .find_map(|entry| {
            entry
                .strip_prefix(ATTEMPT_MARK.as_bytes())?
                .strip_prefix(b"=")
        })
        .map(<[u8]>::to_vec)
}

/// The main process and its group, if it is still the very process that was started.
fn main_and_group(main: &Identity) -> Vec<Stat> {
    // While the handle is held and the process lives, its id and its group's cannot be reused.
    let Some(handle) = main.open() else {
        return Vec::new();
    };
    let all = proc::all().into_iter().filter_map(proc::stat);
    let group: Vec<Stat> = all
        .filter(|process| process.pid == main.pid || process.group == main.pid)
        .filter(|process| !process.zombie)
        .collect();
    drop(handle);
    group
}

/// Adds what is below, up to processes that carry another attempt's mark.
fn with_descendants(roots: Vec<Stat>, attempt: &str) -> Vec<Stat> {
    let own = getpid().as_raw_nonzero().get();
    let mut found = roots;
    let below: Vec<Stat> = found
        .iter()
        .flat_map(|root| proc::descendants(root.pid))
        .collect();
    for process in below {
        let another = mark_of(process.pid).is_some_and(|mark| mark != attempt.as_bytes());
        if !another && process.pid != own {
            found.push(process);
        }
    }
    found.sort_unstable_by_key(|process| process.pid);
    found.dedup();
    found
}

/// Kills a shepherd that lives but does not answer. Returns once it is gone, or after a while.
pub(crate) fn kill_silent(shepherd: &OwnedFd) {
    let _gone = pidfd_send_signal(shepherd, Signal::KILL);
    proc::await_end(std::slice::from_ref(shepherd), PATIENCE);
}
