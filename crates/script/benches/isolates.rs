//! What an isolate costs: its start, a replay of long runs, memory while it waits. In this process,
//! without a journal. Prints JSON lines.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "../tests/sim/mod.rs"]
mod sim;

use std::time::{Duration, Instant};

use baton_core::run::Run;
use baton_script::{Direct, Limits, Shared};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use sim::World;

/// Starts that are measured, and isolates that are held.
const STARTS: usize = 200;

/// Replays of each length.
const REPLAYS: usize = 7;

fn main() {
    // First, while nothing that was freed could be used again.
    memory();
    start();
    for steps in [1_000, 10_000] {
        let function = "await ctx.step(`f${i}`, { type: 'function', fn: () => i })";
        replay("function steps", steps, function);
        let script = "await ctx.step(`s${i}`, { type: 'script', command: ['true'] })";
        replay("script steps", steps, script);
    }
}

/// A run of this body, as far as it comes.
fn lived(body: &str) -> Run {
    let text = format!(
        "import {{ defineWorkflow }} from \"baton\";
export default defineWorkflow({{
  name: \"Flow\",
  async execute(ctx) {{
    {body}
  }},
}});
"
    );
    let mut world = World::new(&sim::bundle(&text), &json!({}));
    world.live(100_000);
    world.run.clone()
}

/// The wall clock and the processor's time, of which the former counts the load of the machine.
fn report(what: &str, times: Vec<(Duration, Duration)>) {
    let (wall, cpu): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    let sorted = |mut times: Vec<Duration>| {
        times.sort_unstable();
        move |n: usize| times[n].as_secs_f64() * 1e3
    };
    let (n, wall, cpu) = (wall.len(), sorted(wall), sorted(cpu));
    println!(
        "{}",
        json!({
            "bench": what, "n": n, "p50_ms": wall(n / 2), "max_ms": wall(n - 1),
            "cpu_min_ms": cpu(0), "cpu_p50_ms": cpu(n / 2),
        })
    );
}

/// The processor time of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

fn open(run: &Run) -> Direct {
    let (direct, _) = Direct::open(run, &Limits::default()).unwrap().unwrap();
    direct
}

fn waiting() -> Run {
    lived("await ctx.wait('3d');")
}

fn start() {
    let run = waiting();
    let once = |_| {
        let (begun, used) = (Instant::now(), cpu());
        let direct = open(&run);
        let time = (begun.elapsed(), cpu() - used);
        drop(direct);
        time
    };
    report("isolate to its first wait", (0..STARTS).map(once).collect());
}

fn replay(what: &str, steps: usize, step: &str) {
    let run = lived(&format!(
        "for (let i = 0; i < {steps}; i += 1) {step}; await ctx.wait('3d');"
    ));
    assert_eq!(run.steps.len(), steps + 1);
    let once = |_| {
        let (begun, used) = (Instant::now(), cpu());
        let direct = open(&run);
        let time = (begun.elapsed(), cpu() - used);
        drop(direct);
        time
    };
    let times = (0..REPLAYS).map(once).collect();
    report(&format!("replay of {steps} {what}"), times);
}

fn memory() {
    let run = waiting();
    // As in a worker, which reads a definition once for all its isolates.
    let shared = Shared::of(&run).unwrap();
    let open = || {
        let opened = Direct::sharing(&shared, &run, &Limits::default(), 1);
        opened.unwrap().unwrap().0
    };
    let warm = open();
    let before = resident();
    let held: Vec<Direct> = (0..STARTS).map(|_| open()).collect();
    let each = resident().saturating_sub(before) / STARTS as u64;
    println!(
        "{}",
        json!({"bench": "memory of an isolate that waits", "n": held.len(), "bytes": each})
    );
    drop(warm);
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}
