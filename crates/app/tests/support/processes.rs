//! What /proc says about the processes of one data directory. Nothing is found by name alone.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A shepherd that lives.
#[derive(Debug, Clone)]
pub struct Shepherd {
    /// Its process.
    pub pid: i32,
    /// Its attempt.
    pub attempt: String,
    /// `<run>/<step>`, once it has its log open.
    pub step: Option<String>,
}

/// The words that a process was started with; none when it is gone or a zombie.
pub fn words(pid: i32) -> Option<Vec<String>> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = text
        .split(|&byte| byte == 0)
        .filter(|word| !word.is_empty());
    let words: Vec<String> = words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    (!words.is_empty()).then_some(words)
}

/// What a process has in memory, in MB to a tenth.
#[allow(dead_code, reason = "each test binary uses its own part of it")]
pub fn resident_mb(pid: i32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.unwrap().trim().trim_end_matches(" kB");
    (kb.parse::<f64>().unwrap() / 102.4).round() / 10.0
}

/// What a process has started itself and has not ended.
#[allow(dead_code, reason = "each test binary uses its own part of it")]
pub fn children(pid: i32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    children
        .flat_map(|pids| {
            pids.split(' ')
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The processes of a host in which TypeScript runs.
#[allow(dead_code, reason = "each test binary uses its own part of it")]
pub fn workers(host: i32) -> Vec<i32> {
    let is_worker = |pid: &i32| words(*pid).is_some_and(|words| words[1..] == ["worker"]);
    children(host).into_iter().filter(is_worker).collect()
}

/// Ends it the hard way; false when it was gone.
pub fn kill(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Stops it where it is.
pub fn stop(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, Signal::STOP).is_ok())
}

/// Asks it to leave.
pub fn ask_to_leave(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok())
}

/// The host that holds this data directory's lock.
pub fn host(data: &Path) -> Option<i32> {
    let pid = fs::read_to_string(data.join("host.lock")).ok()?;
    let pid = pid.trim().parse().ok()?;
    let words = words(pid)?;
    let ours = words.iter().any(|word| Path::new(word) == data);
    let is_host = |word: &String| word == "host" || word == "serve";
    (ours && words.get(1).is_some_and(is_host)).then_some(pid)
}

/// The shepherds of this data directory that live, by the claims of their attempts.
pub fn shepherds(data: &Path) -> Vec<Shepherd> {
    let Ok(entries) = fs::read_dir(data.join("attempts")) else {
        return Vec::new();
    };
    let dirs = entries.filter_map(|entry| Some(entry.ok()?.path()));
    dirs.filter(|dir| !dir.join("exit.json").exists())
        .filter_map(|dir| shepherd(&dir))
        .collect()
}

fn shepherd(dir: &Path) -> Option<Shepherd> {
    let claim: Value = serde_json::from_slice(&fs::read(dir.join("claim")).ok()?).ok()?;
    let pid = i32::try_from(claim["pid"].as_i64()?).ok()?;
    let words = words(pid)?;
    let ours = words.iter().any(|word| Path::new(word) == dir);
    (claim["by"] == "shepherd" && ours).then(|| Shepherd {
        pid,
        attempt: dir.file_name().unwrap_or_default().to_string_lossy().into(),
        step: step_of(pid),
    })
}

/// The run and step whose log a shepherd has open.
fn step_of(pid: i32) -> Option<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let open = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    // What an agent writes to stderr lies in its attempt's directory instead.
    let is_log = |path: &PathBuf| {
        let named = path.ends_with("output.log") || path.ends_with("raw.jsonl");
        let logs = path.parent().and_then(Path::parent);
        named && logs.is_some_and(|logs| logs.ends_with("logs"))
    };
    let log = open.into_iter().find(is_log)?;
    let step = log.parent()?;
    let run = step.parent()?.parent()?;
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    Some(format!("{}/{}", name(run)?, name(step)?))
}

/// Every living process that has `mark` in its environment or words, as `pid words`.
pub fn marked(mark: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid: &i32| pid != own)
        .filter_map(|pid| {
            let words = words(pid)?.join(" ");
            let dir = PathBuf::from(format!("/proc/{pid}"));
            let environment = fs::read(dir.join("environ")).unwrap_or_default();
            let found = words.contains(mark)
                || environment
                    .windows(mark.len())
                    .any(|part| part == mark.as_bytes());
            found.then(|| format!("{pid} {words}"))
        })
        .collect()
}

/// What is in a directory and below, with sizes.
pub fn listing(directory: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => lines.extend(listing(&path)),
            Ok(meta) => lines.push(format!("{} bytes in {}", meta.len(), path.display())),
            Err(_) => {}
        }
    }
    lines
}
