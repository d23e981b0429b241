//! The test binary as a process of its own, to be killed: its ignored test `child`.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const DIR: &str = "BATON_TEST_CHILD_DIR";

/// In the child: the data directory it works on. None when a person runs the ignored tests.
pub fn dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(OsString::into)
}

/// Starts it, and gives what it prints, line by line.
pub fn start(dir: &Path) -> (Child, std::io::Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}
