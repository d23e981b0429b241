//! Starting the attempt's main process. Owns its environment, its streams and the words for a
//! start that fails. No value ever becomes part of a shell text here.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::process::Pid;

use crate::attempt_dir::AttemptDir;
use crate::proc::Identity;
use crate::spec::{AttemptSpec, Program, Stdin};
use crate::{ATTEMPT_MARK, OUTPUT_VARIABLE};

/// The attempt's main process, just started; leader of its own process group.
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: Option<OwnedFd>,
    pub(crate) stderr: Option<OwnedFd>,
}

/// Starts it, with its standard output to a pipe or to the file `stdout`. The error is for people.
pub(crate) fn start(
    dir: &AttemptDir,
    spec: &AttemptSpec,
    stdout: Option<File>,
) -> Result<Child, String> {
    let (name, mut command) = match &spec.program {
        Program::Shell(text) => {
            let mut command = Command::new("/bin/sh");
            command.args(["-ec", text]);
            ("/bin/sh", command)
        }
        Program::Words(words) => {
            let (name, arguments) = words.split_first().ok_or("the command is empty")?;
            let mut command = Command::new(name);
            command.args(arguments);
            (name.as_str(), command)
        }
    };
    if let Some(bad) = spec
        .env
        .keys()
        .find(|key| key.is_empty() || key.contains(['=', '\0']))
    {
        return Err(format!("not the name of an environment variable: {bad:?}"));
    }
    command.env_clear().envs(&spec.env);
    command
        .env(ATTEMPT_MARK, &spec.attempt)
        .env(OUTPUT_VARIABLE, dir.output());
    command.current_dir(&spec.cwd).process_group(0);
    command.stdin(match spec.stdin {
        Stdin::Null => Stdio::null(),
        Stdin::Pipe => Stdio::piped(),
    });
    command.stdout(stdout.map_or_else(Stdio::piped, Stdio::from));
    command.stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| explain(name, spec, &error))?;
    let pid = Pid::from_child(&child);
    remember(dir, pid);
    Ok(Child {
        pid,
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
    })
}

/// Leaves the child's identity for a sweep. A help only: neither synced nor required.
fn remember(dir: &AttemptDir, pid: Pid) {
    let identity = Identity::of(pid).ok();
    if let Some(text) = identity.and_then(|identity| serde_json::to_vec(&identity).ok()) {
        let _help = fs::write(dir.child(), text);
    }
}

fn explain(name: &str, spec: &AttemptSpec, error: &io::Error) -> String {
    let cwd = spec.cwd.display();
    if !spec.cwd.is_dir() {
        return format!("the directory to run in does not exist: {cwd}");
    }
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) if name.contains('/') => {
            format!("command not found: {name} (no such file, or its interpreter is missing)")
        }
        Some(Errno::NOENT) => format!("command not found: {name}"),
        Some(Errno::ACCESS) => format!("command may not be executed: {name} (permission denied)"),
        Some(Errno::TOOBIG) => {
            format!("arguments and environment are too long for the system: {name}")
        }
        _ => format!("could not start {name} in {cwd}: {error}"),
    }
}
