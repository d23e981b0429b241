//! The attempt's tree of processes. As child sub-reaper the shepherd inherits every descendant
//! whose parent ends, so the tree is gone exactly when there is no child left to wait for.
//!
//! Owns reaping, signalling and that answer. It never decides when to stop.

use std::io;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, wait,
};

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
                Err(_) => {
                    return !self.gap || self.strays().is_ok_and(|strays| strays.is_empty());
                }
            }
        }
    }

    /// Sends `signal` to the main process, while it lives.
    pub(crate) fn signal_main(&self, signal: Signal) {
        // Its id is safe to use while it is not reaped.
        if self.status.is_none() {
            let _ended = kill_process(self.main, signal);
        }
    }

    /// Sends `signal` to the main process's group, while that process lives.
    pub(crate) fn signal_group(&self, signal: Signal) {
        if self.status.is_none() {
            let _empty = kill_process_group(self.main, signal);
        }
    }

    /// Sends `signal` to each process of the tree once; as far as they can be found now.
    pub(crate) fn signal(&self, signal: Signal) {
        let mut members = self.members().unwrap_or_default();
        // The group's id is safe to use while its leader is not reaped; the kernel then reaches
        // all of it at once, also what is being forked.
        self.signal_group(signal);
        if self.status.is_none() {
            let group = self.main.as_raw_nonzero().get();
            members.retain(|member| member.group != group);
        }
        for member in &members {
            proc::signal(member, signal);
        }
    }

    /// The ids of the processes that are left.
    pub(crate) fn pids(&self) -> Vec<i32> {
        self.members()
            .unwrap_or_default()
            .iter()
            .map(|member| member.pid)
            .collect()
    }

    /// Runs `work`, during which the shepherd is no sub-reaper, and finds again what it lost
    /// meanwhile. The process `stranger` and all below it are not of the attempt. When the
    /// processes cannot be listed, only the mark is left to find what it lost.
    pub(crate) fn with_gap(&mut self, stranger: i32, work: impl FnOnce()) {
        let own = getpid();
        let strangers = proc::descendants(&[stranger]).unwrap_or_default();
        let is_strange = |seen: &Stat| strangers.iter().any(|other| other.pid == seen.pid);
        let mut before = self.members().unwrap_or_default();
        before.retain(|seen| seen.pid != stranger && !is_strange(seen));
        self.gap = true;
        let _unsupported = rustix::process::set_child_subreaper(None);
        work();
        let _unsupported = rustix::process::set_child_subreaper(Some(own));
        if let Ok(inside) = proc::descendants(&[own.as_raw_nonzero().get()]) {
            before.retain(|seen| !inside.iter().any(|now| now.pid == seen.pid));
        }
        self.escaped = before;
    }

    fn members(&self) -> io::Result<Vec<Stat>> {
        let mut members = proc::descendants(&[getpid().as_raw_nonzero().get()])?;
        if self.gap {
            members.extend(self.strays()?);
            members.sort_unstable_by_key(|member| member.pid);
            members.dedup_by_key(|member| member.pid);
        }
        Ok(members)
    }

    /// Processes of the attempt that are no descendants any more, and what is below them.
    fn strays(&self) -> io::Result<Vec<Stat>> {
        let mut strays = sweep::marked(&self.attempt)?;
        for seen in &self.escaped {
            if proc::is_alive(seen)? {
                strays.push(*seen);
            }
        }
        let pids: Vec<i32> = strays.iter().map(|stray| stray.pid).collect();
        if !pids.is_empty() {
            strays.extend(proc::descendants(&pids)?);
        }
        Ok(strays)
    }
}
