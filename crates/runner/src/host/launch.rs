//! Starting the shepherd of a new attempt.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::connection::Shepherd;
use crate::attempt_dir::AttemptDir;
use crate::open_files;
use crate::spec::AttemptSpec;
use crate::wire::line;
use crate::{ATTEMPT_MARK, OUTPUT_VARIABLE};

/// A shepherd could not be started. Nothing of the attempt runs, or will.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The specification is for another attempt than the directory.
    #[error("the specification of attempt {spec} was given with the directory of {dir}")]
    WrongDirectory {
        /// The attempt of the specification.
        spec: String,
        /// The attempt of the directory.
        dir: String,
    },
    /// The attempt's directory could not be made.
    #[error("could not make the attempt's directory {path}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The shepherd's binary could not be started.
    #[error("could not start a shepherd by {binary}")]
    Start {
        /// The binary.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The shepherd could not be told what to run.
    #[error("could not tell the shepherd what to run")]
    Tell(#[source] io::Error),
}

/// Starts a shepherd by `shepherd_binary shepherd --dir DIR` and tells it what to run.
///
/// Returns when the shepherd has been told, before the child runs; how that went comes from
/// [`Shepherd::wait`]. The attempt's directory is made. Blocks for a millisecond or so.
pub fn launch(
    shepherd_binary: &Path,
    dir: &AttemptDir,
    spec: &AttemptSpec,
) -> Result<Shepherd, LaunchError> {
    if spec.attempt != dir.id() {
        let (spec, dir) = (spec.attempt.clone(), dir.id().to_owned());
        return Err(LaunchError::WrongDirectory { spec, dir });
    }
    let made = dir.create();
    made.map_err(|source| LaunchError::Directory {
        path: dir.path().to_owned(),
        source,
    })?;
    let binary = || shepherd_binary.to_owned();
    let started = |source| LaunchError::Start {
        binary: binary(),
        source,
    };
    let (ours, theirs) = UnixStream::pair().map_err(started)?;
    let mut command = Command::new(shepherd_binary);
    command.args(["shepherd", "--dir"]).arg(dir.path());
    command.env_remove(ATTEMPT_MARK).env_remove(OUTPUT_VARIABLE);
    match open_files::before() {
        Some(soft) => command.env(open_files::VARIABLE, soft.to_string()),
        None => command.env_remove(open_files::VARIABLE),
    };
    command
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(started)?;
    // The command still holds the other end: while it does, the shepherd's death is not seen.
    drop(command);
    if let Err(error) = (&ours).write_all(&line(spec)) {
        let _ended = child.kill();
        super::reaper::reap(child);
        return Err(LaunchError::Tell(error));
    }
    Ok(Shepherd::new(
        dir.clone(),
        spec.generation,
        ours,
        Some(child),
    ))
}
