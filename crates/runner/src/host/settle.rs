//! What became of an attempt this host has no connection to.
//!
//! Owns the order of questions that leaves no gap: the record, the claim, the socket, the
//! shepherd's process, the record again, and only then the sweep.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::connection::Shepherd;
use crate::attempt_dir::AttemptDir;
use crate::claim::{Claim, Claimant};
use crate::proc::await_end;
use crate::record::ExitRecord;
use crate::socket::connect_unix;
use crate::sweep;

/// How long a living shepherd may be without a socket before it is killed. It has none only
/// between its claim and the next system call.
const SILENCE: Duration = Duration::from_secs(5);

/// What [`take_back`] found.
#[derive(Debug)]
pub enum TakeBack {
    /// The attempt goes on; its shepherd is connected.
    Living(Shepherd),
    /// It has ended, and nothing of it is left.
    Ended(Box<ExitRecord>),
    /// Its shepherd is gone without a record. What carried the attempt's mark has been ended.
    Lost {
        /// Processes that could not be ended, see [`crate::Outcome::Lost`].
        still_running: Vec<i32>,
    },
    /// No child of it was ever started, and none will be.
    NeverStarted,
}

/// The attempt's directory, its socket or `/proc` could not be read, so what became of it is not
/// known. To be tried again.
#[derive(Debug, thiserror::Error)]
#[error("could not take back attempt {attempt}")]
pub struct TakeBackError {
    /// The attempt's id.
    pub attempt: String,
    /// Why.
    pub source: io::Error,
}

/// Takes back an attempt that an earlier host started, for the host of `generation`.
///
/// When the attempt is not claimed yet this claims it, so that a shepherd that comes late ends
/// without starting anything. Blocks for up to about ten seconds when processes resist.
pub fn take_back(dir: &AttemptDir, generation: u64) -> Result<TakeBack, TakeBackError> {
    let settled = settle(dir, generation);
    let error = |source| TakeBackError {
        attempt: dir.id().to_owned(),
        source,
    };
    Ok(match settled.map_err(error)? {
        Settled::Ended(record) => TakeBack::Ended(record),
        Settled::Living(stream) => {
            TakeBack::Living(Shepherd::new(dir.clone(), generation, stream, None))
        }
        Settled::NeverStarted => TakeBack::NeverStarted,
        Settled::Lost(still_running) => TakeBack::Lost { still_running },
    })
}

/// What became of an attempt.
pub(crate) enum Settled {
    Ended(Box<ExitRecord>),
    Living(UnixStream),
    NeverStarted,
    /// With the processes that could not be ended.
    Lost(Vec<i32>),
}

pub(crate) fn settle(dir: &AttemptDir, generation: u64) -> io::Result<Settled> {
    dir.create()?;
    if let Some(record) = ExitRecord::read(dir)? {
        return Ok(Settled::Ended(Box::new(record)));
    }
    let claim = match Claim::read(dir)? {
        Some(claim) => claim,
        None if Claim::take(dir, Claimant::Host, generation)? => return Ok(Settled::NeverStarted),
        None => Claim::read(dir)?.ok_or(io::ErrorKind::NotFound)?,
    };
    if claim.by == Claimant::Host {
        return Ok(Settled::NeverStarted);
    }
    if let Some(stream) = connect_or_confirm_death(dir, &claim)? {
        return Ok(Settled::Living(stream));
    }
    if let Some(record) = ExitRecord::read(dir)? {
        return Ok(Settled::Ended(Box::new(record)));
    }
    let mut still_running = sweep::end_remains(dir)?;
    // Only when SIGKILL has no effect on it, as in a system call that does not end.
    if claim.process.open()?.is_some() {
        still_running.push(claim.process.pid);
    }
    Ok(Settled::Lost(still_running))
}

/// A connection to the shepherd; none when it is dead.
fn connect_or_confirm_death(dir: &AttemptDir, claim: &Claim) -> io::Result<Option<UnixStream>> {
    let begun = Instant::now();
    loop {
        let Some(shepherd) = claim.process.open()? else {
            return Ok(None);
        };
        match connect_unix(&dir.socket()) {
            Ok(stream) => return Ok(Some(stream)),
            Err(error) if is_absence(error.kind()) => {}
            Err(error) => return Err(error),
        }
        if begun.elapsed() > SILENCE {
            sweep::kill_silent(&shepherd);
            return Ok(None);
        }
        await_end(&[shepherd], Duration::from_millis(10));
    }
}

/// Nobody listens, as opposed to: it could not be tried.
fn is_absence(error: io::ErrorKind) -> bool {
    matches!(
        error,
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}
