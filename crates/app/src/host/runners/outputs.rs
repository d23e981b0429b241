//! What an attempt has set as its step's output is carried over to the attempt that goes on in its
//! session: the agent knows that it has set it, and does not do it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use baton_core::ids::{RunId, StepId};
use baton_core::run::event::AttemptEnd;
use baton_engine::ports::Launch;

use super::super::files;

/// Where a run's outputs wait, as they were set: private.
fn of_run(data_dir: &Path, run: RunId) -> PathBuf {
    data_dir.join("outputs").join(run.to_string())
}

fn of_step(data_dir: &Path, launch: &Launch) -> PathBuf {
    let step = StepId::of(launch.run, &launch.key);
    of_run(data_dir, launch.run).join(step.to_string())
}

/// An attempt has ended, whose output is in this file: it waits for the next one, if that goes on in
/// the same session.
pub fn carry(data_dir: &Path, launch: &Launch, end: &AttemptEnd, output: &Path) {
    let kept = of_step(data_dir, launch);
    let goes_on = match end {
        AttemptEnd::Parked {} | AttemptEnd::Lost { .. } | AttemptEnd::UsageLimit { .. } => true,
        AttemptEnd::Succeeded { .. }
        | AttemptEnd::Failed { .. }
        | AttemptEnd::Stopped {}
        | AttemptEnd::SessionLost { .. } => false,
    };
    let done = match goes_on {
        true => copy(output, &kept),
        false => remove(&kept),
    };
    if let Err(error) = done {
        let attempt = launch.attempt;
        tracing::warn!(%attempt, %error, "its output is not carried over");
    }
}

/// An attempt begins: with `goes_on`, in the session of the one before.
///
/// # Errors
/// The disk's: what was set would be missing from the step's result.
pub fn bring(data_dir: &Path, launch: &Launch, goes_on: bool, output: &Path) -> io::Result<()> {
    let kept = of_step(data_dir, launch);
    match goes_on {
        true => copy(&kept, output),
        false => remove(&kept),
    }
}

/// A run is removed.
pub fn forget(data_dir: &Path, run: RunId) -> io::Result<()> {
    match fs::remove_dir_all(of_run(data_dir, run)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What is not there is not copied.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::read(from) {
        Ok(bytes) => files::write_private(to, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
