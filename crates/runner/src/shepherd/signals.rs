//! The shepherd's signals. Ctrl-C, a hang-up or a polite SIGTERM must not end it before its tree;
//! SIGCHLD wakes its poll.
//!
//! Handlers, not ignored signals: the child would inherit the latter across `exec`, handlers are
//! reset there.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/// The signals are taken care of while the process lives.
pub(crate) struct Signals {
    child_ended: UnixStream,
}

impl Signals {
    /// Takes care of them from now on.
    pub(crate) fn install() -> io::Result<Self> {
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
        let (child_ended, writer) = UnixStream::pair()?;
        child_ended.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGCHLD, writer)?;
        Ok(Self { child_ended })
    }

    /// Readable when a child has ended.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.child_ended.as_fd()
    }

    /// Forgets the ends so far; children must be reaped after this.
    pub(crate) fn clear(&mut self) {
        let mut buffer = [0; 64];
        while self
            .child_ended
            .read(&mut buffer)
            .is_ok_and(|count| count == buffer.len())
        {}
    }
}
