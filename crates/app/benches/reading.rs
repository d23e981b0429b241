//! How fast a host with much in it answers: the list among 100,000 runs, a run of 1,000 steps, a
//! thread of 100,000 messages. Real requests over the socket, each on a connection of its own, to the
//! last byte. Prints one JSON object per line: the median of three rounds. `BENCH_RUNS` runs (default
//! 100,000), `BENCH_MESSAGES` messages (default 100,000). `BENCH_KEEP` is a directory in which the
//! journal and the views are left and found again; `BENCH_ONLY` is part of the names of what is measured.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../store/tests/made/mod.rs"]
mod made;
#[path = "../../store/tests/sample/mod.rs"]
mod sample;
#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use baton_core::ids::AttemptId;
use baton_core::run::event::{AttemptEnd, Cause, Event, StepOutput};
use baton_engine::ports::Journal;
use baton_store::SqliteJournal;
use serde_json::{Value, json};
use support::world::World;

const STEPS: u64 = 1000;
const REQUESTS: usize = 300;
const ROUNDS: usize = 3;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// What is asked for, n-th time.
type Asked = Box<dyn Fn(u64) -> String>;

fn main() {
    let (runs, messages) = (
        number("BENCH_RUNS", 100_000),
        number("BENCH_MESSAGES", 100_000),
    );
    let kept = std::env::var_os("BENCH_KEEP");
    let world = kept.map_or_else(World::new, |root| World::at(Path::new(&root)));
    std::fs::create_dir_all(&world.data).unwrap();
    let (wide, long) = (runs + 1, runs + 2);
    if !world.data.join("journal.db").exists() {
        let journal = SqliteJournal::open(&world.data).unwrap();
        fill(&journal, runs, &world.project);
        steps(&journal, wide, &world.project);
        thread(&journal, long, messages, &world.project);
    }
    world.start_host();
    world.await_host();
    let begun = Instant::now();
    let socket = world.data.join("host.sock");
    loop {
        let listed = body(&ask(&socket, "/api/workflow-executions?limit=1"));
        if listed["data"][0]["_count"]["comments"] == messages {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(600),
            "the views do not come up"
        );
    }
    println!(
        "{}",
        json!({"bench": "views made anew", "s": begun.elapsed().as_secs()})
    );

    let list = "/api/workflow-executions";
    let spread = move |n: u64| 1 + n.wrapping_mul(7919) % runs;
    let cases: [(&str, Asked); 12] = [
        ("list: newest", Box::new(move |_| list.to_owned())),
        (
            "list: a page anywhere",
            Box::new(move |n| format!("{list}?cursor={}", spread(n))),
        ),
        (
            "list: completed",
            Box::new(move |n| format!("{list}?status=completed&cursor={}", spread(n))),
        ),
        (
            "list: a board's open runs",
            Box::new(move |n| format!("{list}?status=pending,running,paused&cursor={}", spread(n))),
        ),
        (
            "list: of a definition, none paused",
            Box::new(move |_| format!("{list}?definition=pipeline&status=paused")),
        ),
        (
            "list: by name",
            Box::new(move |n| format!("{list}?q=run%20{}", spread(n))),
        ),
        (
            "list: by two letters that all have",
            Box::new(move |_| format!("{list}?q=UN")),
        ),
        (
            "list: by two letters that none has",
            Box::new(move |_| format!("{list}?q=zz")),
        ),
        (
            "run of 1,000 steps",
            Box::new(move |_| format!("{list}/{wide}")),
        ),
        (
            "run with a long thread",
            Box::new(move |_| format!("{list}/{long}")),
        ),
        (
            "thread: its end",
            Box::new(move |_| format!("{list}/{long}/comments?limit=50")),
        ),
        (
            "thread: from anywhere",
            Box::new(move |n| {
                format!(
                    "/api/workflows/{long}/messages?limit=50&after={}",
                    n * 4096 * 97
                )
            }),
        ),
    ];
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    for (name, path) in cases.iter().filter(|(name, _)| name.contains(&only)) {
        measure(name, &socket, path);
    }
}

fn measure(name: &str, socket: &Path, path: &Asked) {
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|round| one(socket, path, round)).collect();
    rounds.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (p50, p99) = rounds[ROUNDS / 2];
    println!(
        "{}",
        json!({"bench": name, "n": REQUESTS, "p50_ms": p50, "p99_ms": p99})
    );
}

fn one(socket: &Path, path: &Asked, round: usize) -> (f64, f64) {
    let mut all: Vec<f64> = (0..REQUESTS)
        .map(|n| {
            let path = path((round * REQUESTS + n) as u64);
            let begun = Instant::now();
            let answer = ask(socket, &path);
            let took = begun.elapsed();
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}");
            took.as_secs_f64() * 1000.0
        })
        .collect();
    all.sort_by(f64::total_cmp);
    let at = |share: f64| (all[((all.len() - 1) as f64 * share) as usize] * 100.0).round() / 100.0;
    (at(0.5), at(0.99))
}

fn ask(socket: &Path, path: &str) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: baton\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

fn body(answer: &[u8]) -> Value {
    let text = std::str::from_utf8(answer).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_default()
}

/// Every second run has ended, the others wait.
fn fill(journal: &SqliteJournal, runs: u64, project: &Path) {
    let path = project.to_str().unwrap();
    let mut answers = Vec::new();
    for number in 1..=runs {
        let mut story = sample::story(number, path, "done");
        let commits = if number % 2 == 0 { story.len() } else { 6 };
        for (seq, events) in (1..).zip(&mut story[..commits]) {
            answers.push(made::hand(journal, sample::commit(number, seq, events)));
        }
        if answers.len() > 10_000 {
            wait(&mut answers);
        }
    }
    wait(&mut answers);
}

fn steps(journal: &SqliteJournal, number: u64, project: &Path) {
    let mut source = "name: Wide\nsteps:\n".to_owned();
    for n in 0..STEPS {
        writeln!(source, "  - {{id: s{n}, type: script, command: 'true'}}").unwrap();
    }
    let path = project.to_str().unwrap();
    let mut all = vec![vec![
        sample::created(number, path, &source),
        Event::RunStarted {},
    ]];
    for n in 0..STEPS {
        let (key, attempt) = (
            format!("s{n}"),
            AttemptId::from_bits(u128::from(n) << 8 | 0xff00_0000),
        );
        let output = StepOutput {
            exit_code: Some(0),
            ..StepOutput::default()
        };
        all.push(vec![Event::AttemptStarted {
            key: key.clone(),
            attempt,
            number: 1,
            cause: Cause::First,
            heads: vec![],
            isolated: None,
        }]);
        all.push(vec![
            Event::AttemptEnded {
                key: key.clone(),
                attempt,
                end: AttemptEnd::Succeeded { output },
            },
            Event::StepCompleted {
                key,
                output: StepOutput::default(),
            },
        ]);
    }
    tell(journal, number, &mut all);
}

fn thread(journal: &SqliteJournal, number: u64, messages: u64, project: &Path) {
    let path = project.to_str().unwrap();
    let created = sample::created(number, path, sample::PIPELINE);
    let mut all = vec![vec![created, Event::RunStarted {}]];
    for n in 0..u32::try_from(messages).unwrap() {
        all.push(vec![sample::message(
            n,
            "Reading files: src/lib.rs (1,204 bytes)",
        )]);
    }
    tell(journal, number, &mut all);
}

fn tell(journal: &dyn Journal, number: u64, all: &mut [Vec<Event>]) {
    let mut answers = Vec::new();
    for (seq, events) in (1..).zip(all) {
        answers.push(made::hand(journal, sample::commit(number, seq, events)));
        if answers.len() > 10_000 {
            wait(&mut answers);
        }
    }
    wait(&mut answers);
}

fn wait(answers: &mut Vec<made::Answer>) {
    for answer in answers.drain(..) {
        answer.blocking_recv().unwrap().unwrap();
    }
}
