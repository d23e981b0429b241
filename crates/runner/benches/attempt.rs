//! What an attempt costs: from the exit record of one `true` to the start of the next one's
//! child, how fast output is captured, and how fast a conversation is kept and read. Prints a JSON object per line. Works in
//! `BATON_BENCH_DIR`, by default below the target directory.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baton_runner::{
    AttemptDir, AttemptSpec, Conversation, Notice, Outcome, Program, SessionSpec, Stdin, StopGrace,
    launch,
};

fn spec(root: &Path, id: &str, program: Program) -> AttemptSpec {
    AttemptSpec {
        v: 1,
        attempt: id.to_owned(),
        generation: 1,
        host_binary: PathBuf::new(),
        host_args: Vec::new(),
        host_restart_ms: 1_000,
        program,
        cwd: root.to_owned(),
        env: BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap())]),
        secrets: Vec::new(),
        log_dir: root.join("logs").join(id),
        log_max_bytes: u64::MAX,
        timeout_ms: None,
        orphan_grace_ms: 60_000,
        stop_grace_ms: StopGrace {
            int_to_term: 1_000,
            term_to_kill: 1_000,
        },
        stdin: Stdin::Null,
        session: None,
    }
}

/// Runs one attempt; returns when the child had started and when the record was there.
fn attempt(root: &Path, spec: &AttemptSpec) -> (Instant, Instant) {
    let dir = AttemptDir::new(root, &spec.attempt).unwrap();
    let shepherd = launch(
        Path::new(env!("CARGO_BIN_EXE_shepherd-for-tests")),
        &dir,
        spec,
    )
    .unwrap();
    let mut started = None;
    let outcome = shepherd.wait_noticing(|notice| {
        if matches!(notice, Notice::Started { .. }) {
            started = Some(Instant::now());
        }
    });
    assert!(matches!(outcome, Outcome::Ended(_)), "{outcome:?}");
    (started.unwrap(), Instant::now())
}

fn percentile(sorted: &[Duration], percent: usize) -> u128 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)].as_micros()
}

fn latency(root: &Path, rounds: usize) {
    let (mut to_start, mut whole) = (Vec::new(), Vec::new());
    let mut last_end: Option<Instant> = None;
    for round in 0..rounds {
        let id = format!("att_{round}");
        let spec = spec(root, &id, Program::Words(vec!["true".to_owned()]));
        let (started, ended) = attempt(root, &spec);
        if let Some(last) = last_end {
            to_start.push(started - last);
            whole.push(ended - last);
        }
        last_end = Some(ended);
    }
    to_start.sort_unstable();
    whole.sort_unstable();
    println!(
        r#"{{"bench":"end_to_next_start","rounds":{rounds},"p50_us":{},"p99_us":{}}}"#,
        percentile(&to_start, 50),
        percentile(&to_start, 99)
    );
    println!(
        r#"{{"bench":"end_to_next_end","rounds":{rounds},"p50_us":{},"p99_us":{}}}"#,
        percentile(&whole, 50),
        percentile(&whole, 99)
    );
}

fn capture(root: &Path, name: &str, secrets: Vec<String>, log_max_bytes: u64) {
    const BYTES: u64 = 1 << 30;
    let text = format!("head -c {BYTES} /dev/zero");
    let spec = AttemptSpec {
        secrets,
        log_max_bytes,
        ..spec(root, &format!("capture_{name}"), Program::Shell(text))
    };
    let (started, ended) = attempt(root, &spec);
    let seconds = (ended - started).as_secs_f64();
    let speed = BYTES as f64 / 1e6 / seconds;
    println!(r#"{{"bench":"capture_{name}","bytes":{BYTES},"mb_per_s":{speed:.0}}}"#);
    std::fs::remove_dir_all(root.join("logs")).unwrap();
}

/// A conversation of long lines: written by the agent, kept by the shepherd, read by a host while
/// it goes on; then read again by another.
fn conversation(root: &Path, name: &str, secrets: Vec<String>, stdout_to_file: bool) {
    const LINES: u64 = 256;
    const BYTES: u64 = LINES << 20;
    let line = root.join("line");
    std::fs::write(&line, format!("{}\n", "x".repeat((1 << 20) - 1))).unwrap();
    let text = format!("for i in $(seq {LINES}); do cat {}; done", line.display());
    let session = SessionSpec {
        raw: root.join("session").join("raw.jsonl"),
        said: root.join("session").join("said.jsonl"),
        raw_max_bytes: 0,
        stdout_to_file,
    };
    let spec = AttemptSpec {
        secrets,
        session: Some(session.clone()),
        ..spec(root, &format!("conversation_{name}"), Program::Shell(text))
    };
    let dir = AttemptDir::new(root, &spec.attempt).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_shepherd-for-tests"));
    let (mut live, mut entries) = (Conversation::new(&session, 0), 0);
    let begun = Instant::now();
    let shepherd = launch(binary, &dir, &spec).unwrap();
    let outcome = shepherd.wait_noticing(|notice| {
        if let Notice::Raw { bytes } = notice {
            entries += live.read(bytes).unwrap().len() as u64;
        }
    });
    let kept = begun.elapsed();
    assert!(matches!(outcome, Outcome::Ended(_)), "{outcome:?}");
    assert_eq!(entries, LINES);
    let begun = Instant::now();
    let again = Conversation::new(&session, 0).rest().unwrap();
    let read = begun.elapsed();
    assert_eq!(again.len() as u64, LINES);
    let speed = |time: Duration| BYTES as f64 / 1e6 / time.as_secs_f64();
    println!(
        r#"{{"bench":"conversation_{name}","bytes":{BYTES},"live_mb_per_s":{:.0},"replay_mb_per_s":{:.0}}}"#,
        speed(kept),
        speed(read)
    );
    std::fs::remove_dir_all(root.join("session")).unwrap();
}

fn main() {
    let place = std::env::var("BATON_BENCH_DIR");
    let place = place.unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned());
    let root = tempfile::tempdir_in(place).unwrap();
    latency(root.path(), 500);
    capture(root.path(), "whole_log", Vec::new(), u64::MAX);
    capture(root.path(), "cut_log", Vec::new(), 64 << 20);
    let secrets: Vec<String> = (0..5).map(|n| format!("secret-value-number-{n}")).collect();
    capture(root.path(), "cut_log_5_secrets", secrets.clone(), 64 << 20);
    conversation(root.path(), "by_pipe", Vec::new(), false);
    conversation(root.path(), "by_pipe_5_secrets", secrets, false);
    conversation(root.path(), "by_file", Vec::new(), true);
}
