//! Durable steps a second through the whole engine over the SQLite journal, beside the disk's own
//! synced-append rate and SQLite's own commit rate in the same run. Prints JSON lines.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod outside;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_core::ids::ProjectId;
use baton_core::run::event::{Actor, Event, PausePolicy, ProjectRef};
use baton_core::run::prefix::TakenOver;
use baton_engine::ports::Journal as _;
use baton_engine::{Engine, Outside, Plans, StartRequest};
use baton_store::{SqliteJournal, Views};
use outside::{Nothing, Wall};

const LENGTH: Duration = Duration::from_secs(10);

fn waits(steps: usize, length: &str) -> Arc<str> {
    let mut text = String::from("name: Waits\nsteps:\n");
    for n in 0..steps {
        text.push_str(&format!("  - {{id: s{n}, type: wait, for: '{length}'}}\n"));
    }
    text.into()
}

fn request(engine: &Engine, source: &Arc<str>, project: &std::path::Path) -> StartRequest {
    StartRequest {
        run: Some(engine.mint().run()),
        project: ProjectRef {
            id: ProjectId::from_bits(1),
            name: "bench".into(),
            path: project.display().to_string(),
        },
        key: "waits".into(),
        path: "waits.yaml".into(),
        source: source.clone(),
        name: None,
        args: serde_json::json!({}),
        by: Actor::System,
        parent: None,
        budget: None,
        args_are_read: false,
        taken: TakenOver::default(),
        instruction: None,
        pause_policy: PausePolicy::default(),
        directory: "/".into(),
        workspace: None,
        follows: None,
        id: None,
    }
}

/// Starts runs and keeps `concurrent` of them going until the time is over; returns steps and time.
async fn steps_a_second(
    engine: &Engine,
    source: &Arc<str>,
    steps: usize,
    concurrent: usize,
) -> f64 {
    let mut feed = engine.feed().subscribe();
    let began = Instant::now();
    let dir = std::env::temp_dir();
    for _ in 0..concurrent {
        engine.start(request(engine, source, &dir)).await.unwrap();
    }
    let (mut ended, mut open) = (0_usize, concurrent);
    while open > 0 {
        let commit = match feed.recv().await {
            Ok(commit) => commit,
            Err(tokio::sync::broadcast::error::RecvError::Lagged(missed)) => {
                panic!("the benchmark itself was too slow by {missed}")
            }
            Err(_) => break,
        };
        ended += commit
            .events
            .iter()
            .filter(|e| matches!(e, Event::StepCompleted { .. }))
            .count();
        if commit
            .events
            .iter()
            .any(|e| matches!(e, Event::RunCompleted { .. }))
        {
            open -= 1;
            if began.elapsed() < LENGTH {
                let engine = engine.clone();
                let source = source.clone();
                let dir = dir.clone();
                open += 1;
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a start that fails shows as a hang"
                )]
                tokio::spawn(async move {
                    engine.start(request(&engine, &source, &dir)).await.unwrap();
                });
            }
        }
    }
    let rate = ended as f64 / began.elapsed().as_secs_f64();
    assert_eq!(ended % steps, 0, "every step of every run has ended");
    rate
}

fn disk_appends(dir: &std::path::Path) -> f64 {
    let mut file = std::fs::File::create(dir.join("appends")).unwrap();
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(2) {
        file.write_all(&[7; 256]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// Commits a second of one connection that writes a row of this size and syncs it.
fn sqlite_commits(dir: &std::path::Path) -> f64 {
    let connection = rusqlite::Connection::open(dir.join("bare.db")).unwrap();
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    connection
        .pragma_update(None, "synchronous", "FULL")
        .unwrap();
    connection
        .execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")
        .unwrap();
    let mut insert = connection
        .prepare("INSERT INTO rows (body) VALUES (?1)")
        .unwrap();
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(3) {
        insert.execute([&[7_u8; 256][..]]).unwrap();
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

fn say(line: serde_json::Value) {
    println!("{line}");
}

fn main() {
    let base = std::env::var_os("BATON_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let dir = base.join(format!("baton-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let appends = disk_appends(&dir);
        say(serde_json::json!({"bench": "disk_synced_appends", "per_second": appends}));
        let commits = sqlite_commits(&dir);
        say(serde_json::json!({"bench": "bare_sqlite_full_commits", "per_second": commits}));
        let journal = Arc::new(SqliteJournal::open(&dir).unwrap());
        let outside = Outside {
            journal: journal.clone(),
            runners: Arc::new(Nothing),
            definitions: Arc::new(Nothing),
            environments: Arc::new(Nothing),
            programs: Arc::new(baton_engine::ports::NoPrograms),
            clock: Arc::new(Wall),
        };
        let engine = Engine::new(outside);
        engine.recover().unwrap();
        let views = Views::open(
            &dir,
            journal.clone(),
            Arc::new(Plans::default()),
            journal.subscribe(),
        )
        .unwrap();
        for (name, steps, concurrent) in [("one_run", 1_000, 1), ("100_runs", 20, 100)] {
            let source = waits(steps, "0");
            let rate = steps_a_second(&engine, &source, steps, concurrent).await;
            let head = journal.head();
            let lag = head.0 - views.position().0;
            let began = Instant::now();
            let _ = views.wait_for(head).await;
            say(serde_json::json!({
                "bench": name, "steps_per_second": rate, "per_disk_append": rate / appends,
                "per_bare_sqlite_commit": rate / commits,
                "projection_lag_commits": lag, "catch_up_seconds": began.elapsed().as_secs_f64(),
            }));
        }
        let parked = std::env::var("BATON_BENCH_PARKED")
            .ok()
            .and_then(|n| n.parse().ok());
        let parked: usize = parked.unwrap_or(100_000);
        let before = resident();
        let source = waits(1, "3d");
        for _ in 0..parked / 500 {
            let mut set = tokio::task::JoinSet::new();
            for _ in 0..500 {
                let (engine, source, dir) = (engine.clone(), source.clone(), dir.clone());
                set.spawn(
                    async move { engine.start(request(&engine, &source, &dir)).await.unwrap() },
                );
            }
            while set.join_next().await.is_some() {}
        }
        let _ = views.wait_for(journal.head()).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let after = resident();
        say(serde_json::json!({
            "bench": "parked_run_memory", "runs": parked,
            "bytes_per_run": (after.saturating_sub(before)) as f64 / parked as f64,
        }));
        engine.close();
    });
    let _ = std::fs::remove_dir_all(&dir);
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}
