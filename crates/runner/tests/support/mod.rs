//! A directory to run attempts in, and ways to wait for what happens in it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baton_runner::{
    AttemptDir, AttemptSpec, ExitRecord, Notice, Outcome, Program, Shepherd, Stdin, StopGrace,
    launch,
};

pub const SHEPHERD: &str = env!("CARGO_BIN_EXE_shepherd-for-tests");

/// How long any one thing may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Lab {
    root: tempfile::TempDir,
}

impl Lab {
    pub fn new() -> Self {
        Self {
            root: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    /// An id no other test has, on this machine.
    pub fn id(&self) -> String {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = self
            .root
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .to_ascii_lowercase();
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        format!("att_{process}_{name}_{number}")
    }

    pub fn dir(&self, spec: &AttemptSpec) -> AttemptDir {
        AttemptDir::new(&self.path("data"), &spec.attempt).unwrap()
    }

    pub fn words(&self, words: &[&str]) -> AttemptSpec {
        self.spec(Program::Words(
            words.iter().map(|word| (*word).to_owned()).collect(),
        ))
    }

    pub fn shell(&self, text: &str) -> AttemptSpec {
        self.spec(Program::Shell(text.to_owned()))
    }

    fn spec(&self, program: Program) -> AttemptSpec {
        let attempt = self.id();
        AttemptSpec {
            v: 1,
            generation: 1,
            host_binary: PathBuf::new(),
            host_args: Vec::new(),
            host_restart_ms: 10,
            program,
            cwd: self.root.path().to_owned(),
            env: BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap())]),
            secrets: Vec::new(),
            log_dir: self.path("logs").join(&attempt),
            log_max_bytes: 1 << 30,
            timeout_ms: None,
            orphan_grace_ms: 60_000,
            stop_grace_ms: StopGrace {
                int_to_term: 100,
                term_to_kill: 100,
            },
            stdin: Stdin::Null,
            session: None,
            attempt,
        }
    }

    pub fn launch(&self, spec: &AttemptSpec) -> Shepherd {
        launch(Path::new(SHEPHERD), &self.dir(spec), spec).unwrap()
    }

    pub fn run(&self, spec: &AttemptSpec) -> ExitRecord {
        record(self.launch(spec).wait())
    }

    pub fn log(&self, spec: &AttemptSpec) -> String {
        String::from_utf8_lossy(&fs::read(spec.log_dir.join("output.log")).unwrap()).into_owned()
    }

    /// Waits until the log holds `text`.
    pub fn await_log(&self, spec: &AttemptSpec, text: &str) {
        let log = spec.log_dir.join("output.log");
        until(text, || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains(text))
        });
    }

    /// The process ids in a file, one a line, once there are `count`.
    pub fn await_pids(&self, name: &str, count: usize) -> Vec<i32> {
        let pids = || {
            let text = self.read(name);
            let whole = text.rfind('\n').map_or("", |end| &text[..end]).to_owned();
            whole
                .lines()
                .filter_map(|line| line.trim().parse().ok())
                .collect::<Vec<i32>>()
        };
        until(name, || pids().len() >= count);
        pids()
    }
}

pub fn record(outcome: Outcome) -> ExitRecord {
    match outcome {
        Outcome::Ended(record) => *record,
        other => panic!("no exit record: {other:?}"),
    }
}

/// Looks again and again until `condition` holds; fails after a while.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// The process is there and no zombie.
pub fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// The shepherd's process id, from its hello.
pub fn pid_of(shepherd: Shepherd) -> (i32, std::thread::JoinHandle<Outcome>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        shepherd.wait_noticing(|notice| {
            if let Notice::Started { pid, .. } = notice {
                sender.send(pid).ok();
            }
        })
    });
    (receiver.recv_timeout(PATIENCE).unwrap(), waiting)
}

pub fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
