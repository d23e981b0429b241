//! The one place that starts `git`: a clean environment, no hooks, no prompts, no signing, a time
//! limit, and git's failures turned into named errors.
//!
//! Never interprets what git prints, and never passes on a `GIT_…` variable of its own environment.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::error::Error;

/// How long one git command may take.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// How long a lock that another git holds is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// How much of git's complaint is kept.
const MESSAGE_BYTES: usize = 2_000;

/// What every call is told, before the subcommand.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.safecrlf=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "submodule.recurse=false",
    "advice.addEmbeddedRepo=false",
];

/// Who commits.
const IDENTITY: &[(&str, &str)] = &[
    ("GIT_AUTHOR_NAME", "Baton"),
    ("GIT_AUTHOR_EMAIL", "baton@localhost"),
    ("GIT_COMMITTER_NAME", "Baton"),
    ("GIT_COMMITTER_EMAIL", "baton@localhost"),
];

/// Git in one directory, with the checkout's own index or a private one.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    program: OsString,
    dir: PathBuf,
    index: Option<PathBuf>,
    /// The lock under which it works: held by each command too, so that one which outlives this
    /// process keeps the next one out until it has ended.
    lock: Option<Arc<File>>,
    time_limit: Duration,
}

/// How a command ended.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Git {
    /// Git in `dir`, which must be absolute.
    pub(crate) fn at(dir: &Path) -> Git {
        Git {
            program: "git".into(),
            dir: dir.to_owned(),
            index: None,
            lock: None,
            time_limit: TIME_LIMIT,
        }
    }

    /// The same under this lock, which must be open for reading: commands get it as their standard
    /// input, where they have no other.
    pub(crate) fn under(self, lock: &Arc<File>) -> Git {
        Git {
            lock: Some(lock.clone()),
            ..self
        }
    }

    /// The same with an index of our own.
    pub(crate) fn with_index(&self, index: &Path) -> Git {
        Git {
            index: Some(index.to_owned()),
            ..self.clone()
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn call(&self, subcommand: &str) -> Call<'_> {
        Call {
            git: self,
            args: vec![subcommand.into()],
            stdin: Vec::new(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"GIT_") {
                command.env_remove(name);
            }
        }
        // Not in the directory itself: one that is gone would look like a git that is missing.
        command.current_dir("/").arg("-C").arg(&self.dir);
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command
            .envs(IDENTITY.iter().copied())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(index) = &self.index {
            command.env("GIT_INDEX_FILE", index);
        }
        command
    }
}

/// One command about to be run.
pub(crate) struct Call<'a> {
    git: &'a Git,
    args: Vec<OsString>,
    stdin: Vec<u8>,
}

impl Call<'_> {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Runs it; any exit code is an answer. A lock held by another git is waited for.
    pub(crate) fn output(&self) -> Result<Output, Error> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            let mut stdout = Vec::new();
            let output = self.once(&mut stdout)?;
            let locked = output.code != Some(0) && is_lock(&output.stderr);
            if !locked || begun.elapsed() + pause > LOCK_PATIENCE {
                return Ok(Output { stdout, ..output });
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "a lock file of git tells nobody when it goes"
            )]
            thread::sleep(pause);
            pause *= 2;
        }
    }

    /// What it printed; any exit code but 0 is an error.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Error> {
        let output = self.output()?;
        match output.code {
            Some(0) => Ok(output.stdout),
            _ => Err(self.failure(&output)),
        }
    }

    /// What it printed, without the line end.
    pub(crate) fn line(&self) -> Result<String, Error> {
        let bytes = self.bytes()?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// The path it printed.
    pub(crate) fn path(&self) -> Result<PathBuf, Error> {
        let mut bytes = self.bytes()?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Ok(path_of(&bytes))
    }

    /// The parts between the NULs it printed.
    pub(crate) fn parts(&self) -> Result<Vec<Vec<u8>>, Error> {
        Ok(split_nul(&self.bytes()?))
    }

    /// Yes (exit code 0) or no (1); any other is an error.
    pub(crate) fn holds(&self) -> Result<bool, Error> {
        let output = self.output()?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(self.failure(&output)),
        }
    }

    /// What it printed, or none when it failed with 1, as `--verify --quiet` does.
    pub(crate) fn line_if(&self) -> Result<Option<String>, Error> {
        let output = self.output()?;
        match output.code {
            Some(0) => Ok(Some(
                String::from_utf8_lossy(&output.stdout)
                    .trim_end()
                    .to_owned(),
            )),
            Some(1) => Ok(None),
            _ => Err(self.failure(&output)),
        }
    }

    /// Passes what it prints on as it comes.
    pub(crate) fn stream(&self, to: &mut dyn Write) -> Result<(), Error> {
        let output = self.once(to)?;
        match output.code {
            Some(0) => Ok(()),
            _ => Err(self.failure(&output)),
        }
    }

    fn start(&self) -> Result<Child, Error> {
        let mut command = self.git.command();
        if let Some(lock) = self.git.lock.as_ref().filter(|_| self.stdin.is_empty()) {
            let lock = lock.try_clone().map_err(Error::io(&self.git.dir))?;
            command.stdin(lock);
        }
        let started = command.args(&self.args).spawn();
        started.map_err(|error| self.not_started(error))
    }

    fn once(&self, stdout: &mut dyn Write) -> Result<Output, Error> {
        let mut child = self.start()?;
        let group = Pid::from_child(&child);
        let stdin = child.stdin.take();
        let stderr = child.stderr.take();
        let from = child.stdout.take();
        let limit = self.git.time_limit;
        thread::scope(|scope| {
            let (ended, watched) = mpsc::channel::<()>();
            // Told nothing in time, it ends the whole group; the child is not reaped before that.
            let watch = scope.spawn(move || {
                let late = watched.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
                if late {
                    let _ = rustix::process::kill_process_group(group, Signal::KILL);
                }
                late
            });
            scope.spawn(move || {
                // A git that does not read it all has said why on stderr.
                let _ = stdin.map(|mut pipe| pipe.write_all(&self.stdin));
            });
            let complaint = scope.spawn(move || read_all(stderr));
            let copied = from.map_or(Ok(0), |mut pipe| {
                let copied = std::io::copy(&mut pipe, stdout);
                if copied.is_err() {
                    let _ = rustix::process::kill_process_group(group, Signal::KILL);
                }
                copied
            });
            let stderr = complaint.join().unwrap_or_default();
            let _ = rustix::process::waitid(
                WaitId::Pid(group),
                WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
            );
            drop(ended);
            let late = watch.join().unwrap_or(false);
            let status = self.reap(&mut child)?;
            if late {
                return Err(Error::TimedOut {
                    command: self.name(),
                    seconds: limit.as_secs(),
                });
            }
            copied.map_err(Error::io(&self.git.dir))?;
            Ok(Output {
                code: status.code(),
                stdout: Vec::new(),
                stderr,
            })
        })
    }

    fn reap(&self, child: &mut Child) -> Result<ExitStatus, Error> {
        child.wait().map_err(Error::io(&self.git.dir))
    }

    fn not_started(&self, source: std::io::Error) -> Error {
        match source.kind() {
            std::io::ErrorKind::NotFound => Error::NoGit,
            _ => Error::Io {
                path: PathBuf::from(&self.git.program),
                source,
            },
        }
    }

    fn name(&self) -> String {
        let settings = self.args.first().is_some_and(|arg| arg == "-c");
        let subcommand = self.args.get(if settings { 2 } else { 0 });
        subcommand
            .map(|arg| arg.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// The named error for a command that failed.
    pub(crate) fn failure(&self, output: &Output) -> Error {
        let stderr = output.stderr.as_str();
        let path = self.git.dir.clone();
        let message = shorten(stderr);
        if stderr.contains("not a git repository") {
            return Error::NotARepository { path };
        }
        if stderr.contains("dubious ownership") {
            return Error::Untrusted { path, message };
        }
        if is_lock(stderr) {
            return Error::Locked { message };
        }
        let filter = ["external filter", "clean filter", "smudge filter"];
        if filter.iter().any(|words| stderr.contains(words)) {
            return Error::Filter { message };
        }
        Error::Git {
            command: self.name(),
            message: match output.code {
                _ if !message.is_empty() => message,
                Some(code) => format!("exit code {code}"),
                None => "ended by a signal".to_owned(),
            },
        }
    }
}

/// Whether git complains of a lock file, and not of a ref that has moved.
fn is_lock(stderr: &str) -> bool {
    // The second: another worktree is being made just now.
    stderr.contains(".lock': File exists")
        || (stderr.contains("failed to read") && stderr.contains("/commondir"))
}

fn shorten(stderr: &str) -> String {
    let text = stderr.trim();
    let mut start = text.len().saturating_sub(MESSAGE_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

fn read_all(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What could not be read of a complaint is missing in a message, nothing more.
    let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A path as git prints it with `-z`: bytes.
pub(crate) fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// The parts of what `-z` prints.
pub(crate) fn split_nul(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    if parts.last().is_some_and(Vec::is_empty) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_that_is_not_installed_has_its_own_name() {
        let git = Git {
            program: "git-that-is-not-there".into(),
            ..Git::at(Path::new("/"))
        };
        assert!(matches!(git.call("status").bytes(), Err(Error::NoGit)));
    }

    #[test]
    fn a_command_that_takes_too_long_is_stopped_with_all_it_started() {
        let git = Git {
            time_limit: Duration::from_millis(200),
            ..Git::at(Path::new("/"))
        };
        let begun = Instant::now();
        let call = git
            .call("-c")
            .args(["alias.linger=!sleep 60 | cat", "linger"]);
        assert!(matches!(call.bytes(), Err(Error::TimedOut { .. })));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_command_that_outlives_its_host_keeps_the_lock_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let open = || {
            let mut options = File::options();
            let options = options.read(true).write(true).create(true);
            options.truncate(false).open(&path).unwrap()
        };
        let lock = Arc::new(open());
        lock.lock().unwrap();
        let git = Git::at(Path::new("/")).under(&lock);
        let linger = ["alias.linger=!sleep 60", "linger"];
        let mut child = git.call("-c").args(linger).start().unwrap();
        // All that a host that is killed has of it.
        drop((git, lock));
        let next = open();
        assert!(next.try_lock().is_err());
        rustix::process::kill_process_group(Pid::from_child(&child), Signal::KILL).unwrap();
        child.wait().unwrap();
        next.lock().unwrap();
    }

    #[test]
    fn a_directory_that_is_gone_is_not_a_missing_git() {
        let git = Git::at(Path::new("/nowhere/at/all"));
        assert!(matches!(git.call("status").bytes(), Err(Error::Git { .. })));
    }
}
