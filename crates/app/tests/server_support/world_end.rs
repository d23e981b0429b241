//! The end of a test's world: whatever still runs in it, by process id. Nothing here panics, since
//! it also runs when a test has failed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to go on killing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends every process of this data directory.
pub fn end(data_dir: &Path) {
    let begun = Instant::now();
    // Gone first, so that no shepherd starts a host for it meanwhile.
    let attempts = attempts(data_dir);
    let _may_be_gone = std::fs::remove_dir_all(data_dir);
    loop {
        let left = found(data_dir, &attempts);
        if left.is_empty() || begun.elapsed() > PATIENCE {
            return;
        }
        for pid in left
            .iter()
            .filter_map(|&pid| rustix::process::Pid::from_raw(pid))
        {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The processes of this data directory.
pub fn processes(data_dir: &Path) -> Vec<i32> {
    found(data_dir, &attempts(data_dir))
}

/// Attempts that have a directory.
fn attempts(data_dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data_dir.join("attempts"))
        .into_iter()
        .flatten();
    let names = entries.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.into_string().ok()).collect()
}

/// Hosts and shepherds by the directory among their words, the rest by the mark of its attempt.
fn found(data_dir: &Path, attempts: &[String]) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let in_it = |word: &[u8]| Path::new(OsStr::from_bytes(word)).starts_with(data_dir);
        let marked = |entry: &[u8]| {
            let mark = entry.strip_prefix(baton_runner::ATTEMPT_MARK.as_bytes());
            let mark = mark.and_then(|mark| mark.strip_prefix(b"="));
            mark.is_some_and(|mark| attempts.iter().any(|id| id.as_bytes() == mark))
        };
        read("cmdline").split(|byte| *byte == 0).any(in_it)
            || read("environ").split(|byte| *byte == 0).any(marked)
    })
    .collect()
}
