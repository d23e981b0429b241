//! What a checkpoint costs: 10,000 files, 10 of them changed, beside a bare `git status` of the
//! same files in the same run. Prints a JSON object per line. Works in `BATON_BENCH_DIR`, by
//! default below the target directory.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use baton_worktree::{Mode, Repository, Restore, Spec, branch_name, checkpoint, ensure};

const FILES: usize = 10_000;
const CHANGED: usize = 10;
const ROUNDS: usize = 20;

fn git(dir: &Path, args: &[&str]) {
    let ended = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
        .args(args)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{args:?}: {ended:?}");
}

fn file(top: &Path, n: usize) -> std::path::PathBuf {
    top.join(format!("d{}/e{}/f{n}", n % 20, n % 100))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn main() {
    let place = std::env::var("BATON_BENCH_DIR");
    let place = place.unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned());
    let dir = tempfile::tempdir_in(place).unwrap();
    let root = dir.path().canonicalize().unwrap();
    let repo = root.join("repo");
    for n in 0..FILES {
        let path = file(&repo, n);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("file {n}\n").repeat(40)).unwrap();
    }
    git(&repo, &["init", "-q"]);
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-q", "-m", "all"]);
    let repository = Repository::discover(&repo).unwrap().unwrap();
    let spec = Spec {
        mode: Mode::Worktree,
        base: repository.base(None).unwrap(),
        root: repository.root,
        project: repository.project,
        path: root.join("data/run_1"),
        branch: branch_name("bench", "run_1"),
        run: "run_1".to_owned(),
        copy: Vec::new(),
    };
    let begun = Instant::now();
    ensure(&spec, &Restore::default()).unwrap();
    let made = begun.elapsed().as_secs_f64() * 1e3;
    let again = Instant::now();
    ensure(&spec, &Restore::default()).unwrap();
    let again = again.elapsed().as_secs_f64() * 1e3;

    let mut parent: Option<String> = None;
    let (mut statuses, mut checkpoints) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for n in 0..CHANGED {
            let path = file(&spec.path, (round * 137 + n * 991) % FILES);
            fs::write(path, format!("round {round}\n")).unwrap();
        }
        let begun = Instant::now();
        git(&spec.path, &["status", "--porcelain"]);
        statuses.push(begun.elapsed());
        let begun = Instant::now();
        let taken = checkpoint(&spec, "bench", parent.as_deref())
            .unwrap()
            .unwrap();
        checkpoints.push(begun.elapsed());
        assert!(taken.files_changed >= CHANGED);
        parent = Some(taken.commit);
    }
    let (status, checkpoint) = (median(statuses), median(checkpoints));
    println!(
        r#"{{"bench":"checkpoint","files":{FILES},"changed":{CHANGED},"rounds":{ROUNDS},"p50_ms":{checkpoint:.1},"git_status_p50_ms":{status:.1},"ratio":{:.2},"worktree_made_ms":{made:.0},"worktree_there_ms":{again:.1}}}"#,
        checkpoint / status
    );
}
