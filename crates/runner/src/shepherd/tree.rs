//! The attempt's tree of processes. As child sub-reaper the shepherd inherits every descendant
//! whose parent ends, so the tree is gone exactly when there is no child left to wait for.
//!
//! Owns reaping, signalling and that answer. It never decides when to stop.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process_group, wait};

use crate::proc::{self, Stat};
use crate::sweep;

/// The attempt's processes.
pub(crate) struct Tree {
    attempt: String,
    main: Pid,
    status: Option<WaitStatus>,
    /// Processes that lost their parent while the shepherd was no sub-reaper.
    escaped: Vec<Stat>,
    /// There was such a time.
    gap: bool,
}

impl Tree {
    /// The tree below the child `main`.
    pub(crate) fn new(attempt: &str, main: Pid) -> Self {
        Self {
            attempt: attempt.to_owned(),
            main,
            status: None,
            escaped: Vec::new(),
            gap: false,
        }
    }

    /// How the main process ended, once it has.
    pub(crate) fn status(&self) -> Option<WaitStatus> {
        self.status
    }

    /// Reaps what has ended. True when nothing of the tree is left.
    pub(crate) fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.main => self.status = Some(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return !self.gap || self.strays().is_empty(),
            }
        }
    }

    /// Sends `signal` to each process of the tree once.
    pub(crate) fn signal(&self, signal: Signal) {
        let mut members = self.members();
        // The group's id is safe to use while its leader is not reaped; the kernel then reaches
        // all of it at once, also what is being forked.
        if self.status.is_none() {
            let _empty = kill_process_group(self.main, signal);
            let group = self.main.as_raw_nonzero().get();
            members.retain(|member| member.group != group);
        }
        for member in &members {
            proc::signal(member, signal);
        }
    }

    /// The ids of the processes that are left.
    pub(crate) fn pids(&self) -> Vec<i32> {
        self.members().iter().map(|member| member.pid).collect()
    }

    /// Runs `work`, during which the shepherd is no sub-reaper, and finds again what it lost
    /// meanwhile. The process `stranger` and all below it are not of the attempt.
    pub(crate) fn with_gap(&mut self, stranger: i32, work: impl FnOnce()) {
        let own = getpid();
        let strangers = proc::descendants(stranger);
        let mut before = self.members();
        let is_strange = |seen: &Stat| strangers.iter().any(|other| other.pid == seen.pid);
        before.retain(|seen| seen.pid != stranger && !is_strange(seen));
        self.gap = true;
        let _unsupported = rustix::process::set_child_subreaper(None);
        work();
        let _unsupported = rustix::process::set_child_subreaper(Some(own));
        let after = proc::descendants(own.as_raw_nonzero().get());
        let is_inside = |seen: &Stat| after.iter().any(|now| now.pid == seen.pid);
        before.retain(|seen| !is_inside(seen) && is_alive(seen));
        self.escaped = before;
    }

    fn members(&self) -> Vec<Stat> {
        let mut members = proc::descendants(getpid().as_raw_nonzero().get());
        if self.gap {
            members.extend(self.strays());
            members.sort_unstable_by_key(|member| member.pid);
            members.dedup_by_key(|member| member.pid);
        }
        members
    }

    /// Processes of the attempt that are no descendants any more, and what is below them.
    fn strays(&self) -> Vec<Stat> {
        let mut strays: Vec<Stat> = self
            .escaped
            .iter()
            .filter(|seen| is_alive(seen))
            .copied()
            .collect();
        let below = strays.iter().flat_map(|stray| proc::descendants(stray.pid));
        strays.extend(below.collect::<Vec<_>>());
        strays.extend(
            sweep::find(&self.attempt)
                .into_iter()
                .filter_map(proc::stat),
        );
        strays.sort_unstable_by_key(|stray| stray.pid);
        strays.dedup_by_key(|stray| stray.pid);
        strays
    }
}

fn is_alive(seen: &Stat) -> bool {
    proc::stat(seen.pid).is_some_and(|now| now.start == seen.start && !now.zombie)
}
