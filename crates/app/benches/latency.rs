//! How long the binary takes: from one step to the next, from a restart to the next step, from
//! the command line to the first step. Prints one JSON object per line.
//!
//! The clock of a step is a child of its own: `date +%s%N`, run without a shell, tells when it
//! ran; so each number includes the start of `date` (about a millisecond). The exit record of the
//! step before is durable when it gets its name: that is the change time of `exit.json`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Value, json};
use support::world::{BATON, LIMIT, World};
use support::{pause, processes, until};

/// Steps of the long run.
const STEPS: usize = 200;

/// Runs of each start.
const STARTS: usize = 20;

/// Runs that go on at once after a restart with many.
const READY: usize = 10;

fn main() {
    size();
    help();
    between_steps();
    start(true);
    start(false);
    restart(1, 1);
    restart(1_000, READY);
}

/// Nanoseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "the clock of this benchmark")]
fn now() -> u128 {
    std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos()
}

fn millis(nanos: u128) -> f64 {
    (nanos / 10_000) as f64 / 100.0
}

fn report(what: &str, mut nanos: Vec<u128>) {
    nanos.sort_unstable();
    let at = |share: f64| millis(nanos[((nanos.len() - 1) as f64 * share) as usize]);
    let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
    let count = nanos.len();
    println!(
        "{}",
        json!({"bench": what, "n": count, "p50_ms": p50, "p99_ms": p99, "max_ms": max})
    );
}

fn size() {
    let bytes = std::fs::metadata(BATON).unwrap().len();
    println!("{}", json!({"bench": "binary size", "bytes": bytes}));
}

fn help() {
    let world = World::new();
    let once = |_| {
        let begun = Instant::now();
        assert!(world.baton(&["--help"]).status.success());
        begun.elapsed().as_nanos()
    };
    report("baton --help", (0..STARTS).map(once).collect());
}

fn dates(count: usize) -> String {
    let mut text = String::from("name: dates\nsteps:\n");
    for step in 0..count {
        text.push_str(&format!(
            "  - {{id: s{step}, type: script, command: [date, '+%s%N']}}\n"
        ));
    }
    text
}

/// When each child ran and when its record was durable, in the order of time.
fn stamps(world: &World) -> Vec<(u128, u128)> {
    let dirs = std::fs::read_dir(world.data.join("attempts"))
        .into_iter()
        .flatten();
    let mut all: Vec<(u128, u128)> = dirs
        .flatten()
        .filter_map(|dir| {
            let path = dir.path().join("exit.json");
            let record: Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
            let ran = record["stdout_tail"].as_str()?.trim().parse().ok()?;
            let meta = std::fs::metadata(&path).ok()?;
            let durable = Duration::new(meta.ctime() as u64, meta.ctime_nsec() as u32);
            Some((ran, durable.as_nanos()))
        })
        .collect();
    all.sort_unstable();
    all
}

fn await_completed(world: &World, run: &str) {
    until("the end of the run", LIMIT * 5, || {
        (world.status(run)? == "completed").then_some(())
    });
}

fn between_steps() {
    let world = World::new();
    world.define("dates", &dates(STEPS));
    world.start_host();
    world.await_host();
    let project = world.register();
    let run = world.start(&project, "dates", "1").unwrap();
    // Rarely asked, so as not to be in the way.
    while world.status(&run).as_deref() == Some("running") {
        pause(Duration::from_millis(500));
    }
    await_completed(&world, &run);
    let stamps = stamps(&world);
    let gaps = stamps
        .windows(2)
        .map(|two| two[1].0.saturating_sub(two[0].1));
    report("exit record to the next child", gaps.collect());
    let whole = stamps.windows(2).map(|two| two[1].0 - two[0].0);
    report("a whole step", whole.collect());
}

/// From `baton run` to the first child.
fn start(warm: bool) {
    let world = World::new();
    world.define("dates", &dates(1));
    let mut all = Vec::new();
    for _ in 0..if warm { STARTS } else { 5 } {
        if warm && processes::host(&world.data).is_none() {
            world.start_host();
            world.await_host();
        }
        if !warm {
            world.close();
        }
        let seen = stamps(&world).len();
        let begun = now();
        let mut verb = world.command(&["run", "--detach", "dates"]);
        let done = verb.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(done.unwrap().success());
        let ran = until("the first step", LIMIT, || {
            let stamps = stamps(&world);
            (stamps.len() > seen).then(|| stamps[stamps.len() - 1].0)
        });
        all.push(ran - begun);
    }
    let how = if warm { "a host running" } else { "no host" };
    report(&format!("baton run to the first child, {how}"), all);
}

/// From the start of a host to the first child of runs whose timer was due while there was none.
fn restart(runs: usize, ready: usize) {
    let world = World::new();
    let step = "  - {id: next, type: script, command: [date, '+%s%N']}\n";
    let nap = "  - {id: nap, type: wait, for: 5s}\n";
    world.define("nap", &format!("name: nap\nsteps:\n{nap}{step}"));
    let ask = "  - {id: ask, type: approval, message: go on?}\n";
    world.define("ask", &format!("name: ask\nsteps:\n{ask}{step}"));
    world.start_host();
    world.await_host();
    let project = world.register();
    for number in ready..runs {
        world
            .start(&project, "ask", &format!("ask-{number}"))
            .unwrap();
    }
    let naps: Vec<String> = (0..ready)
        .map(|number| {
            world
                .start(&project, "nap", &format!("nap-{number}"))
                .unwrap()
        })
        .collect();
    let host = processes::host(&world.data).unwrap();
    assert!(processes::kill(host));
    pause(Duration::from_millis(6_000));
    assert!(stamps(&world).is_empty(), "a step ran before its time");
    let begun = now();
    world.start_host();
    world.await_host();
    let answers = now() - begun;
    naps.iter().for_each(|run| await_completed(&world, run));
    let ran: Vec<u128> = stamps(&world).iter().map(|stamp| stamp.0 - begun).collect();
    println!(
        "{}",
        json!({
            "bench": format!("restart with {runs} unfinished runs, {ready} due"),
            "answers_ms": millis(answers),
            "first_child_ms": millis(ran[0]),
            "last_child_ms": millis(ran[ran.len() - 1]),
        })
    );
}
