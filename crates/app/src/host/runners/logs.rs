//! Where a step's logs lie: `<project>/.agent/workflows/executions/<run>/logs/<step>/`, or in the
//! data directory when the project cannot be written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use baton_core::ids::RunId;
use baton_engine::ports::Launch;

/// Says, in a step's log directory, of which attempt the files beside it are.
const MARKER: &str = ".attempt";

/// What the files' projection writes there and moves aside by itself (`store/files`), at the same time. Beside
/// these, and only in passing, lie files of it that begin with a dot.
const NOT_OURS: [&str; 3] = ["input.json", "output.json", "summary.md"];

/// The directory of a run's files in its project.
#[must_use]
pub fn executions(project: &Path, run: RunId) -> PathBuf {
    project
        .join(".agent/workflows/executions")
        .join(run.to_string())
}

/// Where a step's logs may be, in the order in which to look.
#[must_use]
pub fn directories(data_dir: &Path, project: &Path, run: RunId, key: &str) -> [PathBuf; 2] {
    [
        executions(project, run).join("logs").join(key),
        data_dir.join("logs").join(run.to_string()).join(key),
    ]
}

/// Makes the log directory of a new attempt, with the files of earlier ones moved aside. Doing it
/// again changes nothing.
pub fn prepare(data_dir: &Path, launch: &Launch) -> io::Result<PathBuf> {
    let project = Path::new(&launch.project.path);
    let [preferred, fallback] = directories(data_dir, project, launch.run, &launch.key);
    match make(&preferred, launch.try_number) {
        Ok(()) => {
            ignore_itself(project);
            Ok(preferred)
        }
        Err(error) => {
            let run = launch.run;
            let (from, to) = (preferred.display(), fallback.display());
            tracing::warn!(%run, %error, "{from} cannot be written: the logs are in {to}");
            make(&fallback, launch.try_number)?;
            Ok(fallback)
        }
    }
}

/// Where an attempt that runs, or has run, writes its logs. Makes and moves nothing.
#[must_use]
pub fn of_living(data_dir: &Path, launch: &Launch) -> PathBuf {
    let project = Path::new(&launch.project.path);
    let [preferred, fallback] = directories(data_dir, project, launch.run, &launch.key);
    let writes_there = |directory: &PathBuf| directory.join("raw.jsonl").exists();
    if !writes_there(&preferred) && writes_there(&fallback) {
        return fallback;
    }
    preferred
}

fn make(directory: &Path, try_number: u32) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let earlier = try_number.saturating_sub(1);
    if earlier == 0 {
        return Ok(());
    }
    let marker = directory.join(MARKER);
    let number = try_number.to_string();
    if fs::read_to_string(&marker).is_ok_and(|of| of == number) {
        return Ok(());
    }
    let aside = directory.join(format!("attempt-{earlier}"));
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || NOT_OURS.contains(&&*name) || entry.file_type()?.is_dir() {
            continue;
        }
        fs::create_dir_all(&aside)?;
        let target = aside.join(entry.file_name());
        // What is there already was moved before: this file is of the new attempt.
        if !target.exists() {
            fs::rename(entry.path(), target)?;
        }
    }
    fs::write(marker, number)
}

/// `.agent/workflows/executions` ignores itself.
fn ignore_itself(project: &Path) {
    let path = project.join(".agent/workflows/executions/.gitignore");
    if !path.exists() {
        // A convenience: the logs are there without it.
        let _unwritable = fs::write(path, "*\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_an_earlier_attempt_are_moved_aside_once() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("step");
        make(&log, 1).unwrap();
        fs::write(log.join("output.log"), "first").unwrap();
        make(&log, 2).unwrap();
        fs::write(log.join("output.log"), "second").unwrap();
        make(&log, 2).unwrap();
        let read = |path: &str| fs::read_to_string(log.join(path)).unwrap();
        assert_eq!(read("attempt-1/output.log"), "first");
        assert_eq!(read("output.log"), "second");
    }

    #[test]
    fn what_the_projection_writes_is_left_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("step");
        make(&log, 1).unwrap();
        for name in NOT_OURS.into_iter().chain([".input.json.tmp", "raw.jsonl"]) {
            fs::write(log.join(name), "first").unwrap();
        }
        make(&log, 2).unwrap();
        for name in NOT_OURS.into_iter().chain([".input.json.tmp"]) {
            assert!(log.join(name).exists(), "{name}");
        }
        assert!(log.join("attempt-1/raw.jsonl").exists() && !log.join("raw.jsonl").exists());
    }

    #[test]
    fn files_of_a_living_attempt_stay_although_the_one_before_left_none() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("step");
        make(&log, 1).unwrap();
        make(&log, 2).unwrap();
        fs::write(log.join("raw.jsonl"), "second").unwrap();
        make(&log, 2).unwrap();
        assert_eq!(fs::read_to_string(log.join("raw.jsonl")).unwrap(), "second");
    }
}
