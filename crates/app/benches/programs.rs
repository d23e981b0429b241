//! TypeScript runs over the durable journal: runs and function steps a second, and how long a run
//! takes to its first step. Everything of a host but its server takes part: engine, SQLite with a
//! sync for each group of commits, views, and workers as processes. Prints JSON lines. `BENCH_AT_ONCE` runs of
//! 10 steps go at a time (default 32); `BENCH_ONLY` is part of the names of what is measured.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../store/benches/outside/mod.rs"]
mod outside;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_core::ids::ProjectId;
use baton_core::run::event::{Actor, Event, PausePolicy, ProjectRef};
use baton_core::run::prefix::TakenOver;
use baton_engine::ports::Journal as _;
use baton_engine::{Engine, Outside, Plans, StartRequest};
use baton_script::{Limits, Pool, PoolOptions, ScriptPrograms, Source};
use baton_store::{SqliteJournal, Views};
use outside::{Nothing, Wall};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

/// How long runs are started anew.
const LENGTH: Duration = Duration::from_secs(8);

/// Runs whose first step is waited for, one after another.
const STARTS: usize = 200;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        baton_script::run_worker().unwrap();
        return;
    }
    let all = sched_getaffinity(None).unwrap();
    let mut one = CpuSet::new();
    let first = (0..CpuSet::MAX_CPU).find(|&cpu| all.is_set(cpu)).unwrap();
    one.set(first);
    // What is started from here on, threads and processes, inherits it.
    for (cores, set) in [("one core", &one), ("all cores", &all)] {
        sched_setaffinity(None, set).unwrap();
        measure(cores);
    }
}

struct Host {
    engine: Engine,
    journal: Arc<SqliteJournal>,
    views: Views,
    pool: Pool,
    dir: PathBuf,
}

fn measure(cores: &str) {
    let base = std::env::var_os("BATON_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let dir = base.join(format!("baton-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let host = host(&dir, workers);
        let begin = first_step(&host).await;
        say(cores, "start to the first step, warm", begin);
        let at_once = std::env::var("BENCH_AT_ONCE").map_or(32, |n| n.parse().unwrap());
        for (name, steps, concurrent) in [
            ("runs of 10 function steps", 10, at_once),
            ("100 runs of 20 function steps", 20, 100),
            ("a run of 1,000 function steps", 1_000, 1),
        ] {
            if std::env::var("BENCH_ONLY").is_ok_and(|only| !name.contains(&only)) {
                continue;
            }
            let said = going(&host, steps, concurrent).await;
            say(cores, name, said);
        }
        host.engine.close();
    });
    drop(runtime);
    let _ = std::fs::remove_dir_all(&dir);
}

fn say(cores: &str, what: &str, mut said: serde_json::Value) {
    said["bench"] = format!("{what}, {cores}").into();
    println!("{said}");
}

fn host(dir: &Path, workers: usize) -> Host {
    let journal = Arc::new(SqliteJournal::open(dir).unwrap());
    let pool = Pool::new(&PoolOptions {
        program: std::env::current_exe().unwrap(),
        arguments: vec!["worker".into()],
        workers,
        limits: Limits::default(),
    });
    let engine = Engine::new(Outside {
        journal: journal.clone(),
        runners: Arc::new(Nothing),
        definitions: Arc::new(Nothing),
        environments: Arc::new(Nothing),
        programs: Arc::new(ScriptPrograms::new(pool.clone())),
        clock: Arc::new(Wall),
    });
    engine.recover().unwrap();
    let plans = Arc::new(Plans::default());
    let views = Views::open(dir, journal.clone(), plans, journal.subscribe()).unwrap();
    let dir = dir.to_owned();
    Host {
        engine,
        journal,
        views,
        pool,
        dir,
    }
}

/// A definition of so many function steps.
fn functions(host: &Host, steps: usize) -> Arc<str> {
    let text = format!(
        "import {{ defineWorkflow }} from \"baton\";
export default defineWorkflow({{
  name: \"Functions\",
  async execute(ctx) {{
    let sum = 0;
    for (let i = 0; i < {steps}; i += 1) {{
      const {{ data }} = await ctx.step(`add-${{i}}`, {{ type: \"function\", fn: () => sum + i }});
      sum = data;
    }}
    return sum;
  }},
}});
"
    );
    let compiled = host.pool.compile(Source {
        project: host.dir.clone(),
        key: "functions".into(),
        path: "functions.ts".into(),
        text: Some(text),
    });
    compiled.unwrap().bundle.unwrap().into()
}

fn request(host: &Host, source: &Arc<str>) -> StartRequest {
    StartRequest {
        run: Some(host.engine.mint().run()),
        project: ProjectRef {
            id: ProjectId::from_bits(1),
            name: "bench".into(),
            path: host.dir.display().to_string(),
        },
        key: "functions".into(),
        path: "functions.ts".into(),
        source: source.clone(),
        name: None,
        args: json!({}),
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

/// From asking for a run to its first step's end being durable.
async fn first_step(host: &Host) -> serde_json::Value {
    let source = functions(host, 1);
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let mut feed = host.engine.feed().subscribe();
        let begun = Instant::now();
        let request = request(host, &source);
        host.engine.start(request).await.unwrap();
        let mut stepped = None;
        loop {
            let commit = feed.recv().await.unwrap();
            let has = |is: fn(&Event) -> bool| commit.events.iter().any(is);
            if has(|event| matches!(event, Event::StepCompleted { .. })) {
                stepped.get_or_insert(begun.elapsed());
            }
            if has(|event| matches!(event, Event::RunCompleted { .. })) {
                break;
            }
        }
        times.push(stepped.unwrap());
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    json!({"n": STARTS, "p50_ms": at(0.5), "p99_ms": at(0.99)})
}

/// Processor time that this process and its workers have used: what a run costs, however busy the machine is.
fn cpu_seconds() -> f64 {
    let ticks = |stat: &str| -> u64 {
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let times = fields.split_whitespace().skip(11).take(2);
        times.filter_map(|time| time.parse::<u64>().ok()).sum()
    };
    let of = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let mut sum = ticks(&of("self"));
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let children = std::fs::read_to_string(task.unwrap().path().join("children"));
        for child in children.unwrap_or_default().split_whitespace() {
            sum += ticks(&of(child));
        }
    }
    sum as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Keeps so many runs going until the time is over, and waits for the last ones.
async fn going(host: &Host, steps: usize, concurrent: usize) -> serde_json::Value {
    let source = functions(host, steps);
    let mut feed = host.engine.feed().subscribe();
    let used = cpu_seconds();
    let begun = Instant::now();
    for _ in 0..concurrent {
        host.engine.start(request(host, &source)).await.unwrap();
    }
    let (mut stepped, mut runs, mut open) = (0_usize, 0_usize, concurrent);
    while open > 0 {
        let commit = match feed.recv().await {
            Ok(commit) => commit,
            Err(RecvError::Lagged(missed)) => panic!("the bench was too slow by {missed}"),
            Err(RecvError::Closed) => break,
        };
        for event in commit.events.iter() {
            match event {
                Event::StepCompleted { .. } => stepped += 1,
                Event::RunFailed { error } => panic!("{error:?}"),
                Event::RunCompleted { .. } => {
                    (open, runs) = (open - 1, runs + 1);
                    if begun.elapsed() < LENGTH {
                        open += 1;
                        let (engine, request) = (host.engine.clone(), request(host, &source));
                        #[expect(
                            clippy::disallowed_methods,
                            reason = "a start that fails shows as a hang"
                        )]
                        drop(tokio::spawn(async move {
                            engine.start(request).await.unwrap();
                        }));
                    }
                }
                _ => {}
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(stepped, runs * steps, "every step of every run has ended");
    let head = host.journal.head();
    let lag = head.0.saturating_sub(host.views.position().0);
    let _ = host.views.wait_for(head).await;
    let used = cpu_seconds() - used;
    json!({
        "cpu_ms_per_run": used * 1e3 / runs as f64,
        "runs_per_second": runs as f64 / seconds, "steps_per_second": stepped as f64 / seconds,
        "projection_lag_commits": lag,
    })
}
