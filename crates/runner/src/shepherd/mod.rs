//! The shepherd: one process that looks after one attempt and outlives the host.
//!
//! Owns the order of things: claim, then child; the whole tree gone, then the exit record, then
//! the word to a host. One thread, blocking only in `poll`. It never opens the journal and never
//! judges how an attempt ended.

mod append;
mod capture;
mod child;
mod finish;
mod hosts;
mod log;
mod orphan;
mod session;
mod signals;
mod stdin;
mod tree;
mod watch;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::{getpid, set_child_subreaper, setsid};

use crate::attempt_dir::AttemptDir;
use crate::claim::{Claim, Claimant};
use crate::open_files;
use crate::record::{Draft, End};
use crate::socket::bind_unix;
use crate::spec::{AttemptSpec, VERSION};
use crate::wire::{Lines, ToHost};
use child::Child;
use finish::Finish;
use hosts::Hosts;
use session::Session;
use signals::Signals;
use watch::Watch;

/// Exit code of a shepherd that was not started as it must be.
pub const EXIT_BAD_USAGE: u8 = 2;

/// Exit code of a shepherd that found its attempt claimed, and started nothing.
pub const EXIT_CLAIMED: u8 = 17;

/// The entry of `baton shepherd`; `args` are the words after `shepherd`.
///
/// `--dir DIR` runs the attempt whose directory is DIR. The specification is the first line of
/// standard input, as JSON; when that is a socket it stays the connection to the host. The other
/// form, `--start-host BINARY WORD…`, is what a shepherd calls to start a host: so the program
/// must answer `shepherd` as its first word.
///
/// To be called before anything else in `main`, while the process has one thread.
pub fn shepherd_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    open_files::go_back();
    match args.split_first() {
        Some((flag, words)) if flag == "--start-host" => orphan::starter_main(words),
        Some((flag, [dir])) if flag == "--dir" => match run(&PathBuf::from(dir)) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("baton shepherd: {error}");
                ExitCode::from(EXIT_BAD_USAGE)
            }
        },
        _ => {
            eprintln!("usage: baton shepherd --dir DIR (started by a Baton host)");
            ExitCode::from(EXIT_BAD_USAGE)
        }
    }
}

fn run(dir: &Path) -> io::Result<ExitCode> {
    let _leads_already = setsid();
    set_child_subreaper(Some(getpid()))?;
    let signals = Signals::install()?;
    let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidInput, error);
    let dir = std::path::absolute(dir)?;
    let dir = AttemptDir::at(&dir).map_err(|error| invalid(error.to_string()))?;
    let (text, rest) = read_first_line()?;
    let spec: AttemptSpec = serde_json::from_slice(&text)?;
    if spec.v != VERSION || spec.attempt != dir.id() {
        return Err(invalid(format!(
            "the specification is not one of {}",
            dir.id()
        )));
    }
    let mut hosts = Hosts::new(spec.generation);
    if let Some(stream) = leave_stdin()? {
        hosts.adopt(stream, rest)?;
    }
    let finish = Finish {
        dir: &dir,
        spec: &spec,
    };
    let draft = match prepare(&dir, &spec, &mut hosts) {
        Ok(Some(draft)) => draft,
        Ok(None) => {
            hosts.tell(&ToHost::Claimed {});
            return Ok(ExitCode::from(EXIT_CLAIMED));
        }
        Err(error) => {
            let message = format!("could not prepare the attempt: {error}");
            finish.without_child(None, hosts, End::SpawnFailed { message });
            return Ok(ExitCode::FAILURE);
        }
    };
    match start(&dir, &spec) {
        Ok((child, session)) => {
            hosts.greet(Some(child.pid));
            let ended = Watch::new(&dir, &spec, (child, session), hosts, signals).run();
            finish.after(draft, ended);
        }
        Err(message) => {
            hosts.greet(None);
            let message = crate::mask::Masker::new(&spec.secrets).mask(&message);
            finish.without_child(Some(draft), hosts, End::SpawnFailed { message });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the session, if there is one, and starts the child. The error is for people.
fn start(dir: &AttemptDir, spec: &AttemptSpec) -> Result<(Child, Option<Session>), String> {
    let session = spec.session.as_ref().map(Session::open).transpose()?;
    let stdout = session.as_ref().map(Session::stdout).transpose();
    let stdout =
        stdout.map_err(|error| format!("could not pass on the session's file: {error}"))?;
    let child = child::start(dir, spec, stdout.flatten())?;
    Ok((child, session))
}

/// Everything that must be true before the child may start; none when the attempt is claimed.
fn prepare(dir: &AttemptDir, spec: &AttemptSpec, hosts: &mut Hosts) -> io::Result<Option<Draft>> {
    dir.create()?;
    // Bound under a name of its own first: only who has the claim may own the real one.
    let own_name = format!("sock.{}", getpid().as_raw_nonzero());
    let own_path = dir.path().join(&own_name);
    let listener = bind_unix(dir.path(), &own_name)?;
    match Claim::take(dir, Claimant::Shepherd, spec.generation) {
        Ok(true) => {}
        other => {
            let _left_over = std::fs::remove_file(own_path);
            return other.map(|_| None);
        }
    }
    std::fs::rename(own_path, dir.socket())?;
    hosts.listen(listener)?;
    Draft::reserve(dir).map(Some)
}

/// Reads standard input up to the end of the first line, or its end; and what came after it.
fn read_first_line() -> io::Result<(Vec<u8>, Lines)> {
    let mut lines = Lines::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if let Some(line) = lines.next() {
            return Ok((line, lines));
        }
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => return Ok((lines.rest(), lines)),
            Ok(count) => lines.push(&buffer[..count])?,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Puts `/dev/null` in the place of standard input, and returns that when it is a socket.
fn leave_stdin() -> io::Result<Option<UnixStream>> {
    let stdin = rustix::stdio::stdin();
    let is_socket = FileType::from_raw_mode(rustix::fs::fstat(stdin)?.st_mode) == FileType::Socket;
    let socket: Option<OwnedFd> = if is_socket {
        Some(rustix::io::fcntl_dupfd_cloexec(stdin, 3)?)
    } else {
        None
    };
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(socket.map(UnixStream::from))
}
