//! What talkative agents cost: fifty fake Claudes at once, each of which prints a hundred lines a
//! second through its shepherd and the host. Prints one JSON object per line: how long a line takes
//! from the agent to its activity in `events.jsonl`, and what processors and memory the host and the
//! shepherds take meanwhile (100 is one processor).
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "the tests with fake agents use the rest")]
#[path = "../tests/agents/office.rs"]
mod office;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use baton_core::time::Timestamp;
use office::{Office, one};
use serde_json::{Value, json};
use support::world::LIMIT;
use support::{pause, processes, until};

const AGENTS: usize = 50;
const PER_SECOND: usize = 100;
const SECONDS: usize = 20;

/// Of a process: processor time in ticks, and resident memory in KB: all of it, and what is its own
/// and no file's.
#[derive(Default, Clone, Copy)]
struct Cost {
    ticks: u64,
    resident_kb: u64,
    own_kb: u64,
}

fn cost(pid: i32) -> Option<Cost> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kb = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    Some(Cost {
        ticks: ticks(11)? + ticks(12)?,
        resident_kb: kb("VmRSS:")?,
        own_kb: kb("RssAnon:")?,
    })
}

fn sum(pids: &[i32]) -> Cost {
    let costs = pids.iter().filter_map(|pid| cost(*pid));
    costs.fold(Cost::default(), |sum, cost| Cost {
        ticks: sum.ticks + cost.ticks,
        resident_kb: sum.resident_kb + cost.resident_kb,
        own_kb: sum.own_kb + cost.own_kb,
    })
}

fn main() {
    let office = Office::new();
    let prompt = format!(
        "@flood {} {PER_SECOND}\n@answer Done.",
        PER_SECOND * SECONDS
    );
    let text = one("claude", "permission: bypassPermissions", &prompt);
    office.world.define("flood", &text);
    let host = processes::host(&office.world.data).unwrap();
    let idle = cost(host).unwrap();
    let runs: Vec<String> = (0..AGENTS)
        .map(|_| {
            let (status, answer) = office.start("flood", &json!({}));
            assert_eq!(status, 201, "{answer}");
            answer["data"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let shepherds: Vec<i32> = until("all shepherds", LIMIT, || {
        let all = processes::shepherds(&office.world.data);
        (all.len() == AGENTS).then(|| all.iter().map(|shepherd| shepherd.pid).collect())
    });
    pause(Duration::from_secs(3));
    let (began, of_host, of_shepherds) = (Instant::now(), sum(&[host]), sum(&shepherds));
    pause(Duration::from_secs(SECONDS as u64 / 2));
    let seconds = began.elapsed().as_secs_f64();
    let (host_now, shepherds_now) = (sum(&[host]), sum(&shepherds));
    // A tick is a hundredth of a second.
    let percent = |before: Cost, after: Cost| (after.ticks - before.ticks) as f64 / seconds;
    let round = |number: f64| (number * 10.0).round() / 10.0;
    let mb = |kb: u64| round(kb as f64 / 1024.0);
    println!(
        "{}",
        json!({"bench": "flood: host", "agents": AGENTS, "lines_per_s": AGENTS * PER_SECOND,
            "cpu_percent": round(percent(of_host, host_now)), "rss_mb": mb(host_now.resident_kb),
            "idle_rss_mb": mb(idle.resident_kb), "own_mb": mb(host_now.own_kb)})
    );
    let each = |kb: u64| mb(kb / AGENTS as u64);
    println!(
        "{}",
        json!({"bench": "flood: shepherds", "agents": AGENTS,
            "cpu_percent": round(percent(of_shepherds, shepherds_now)),
            "rss_mb_each": each(shepherds_now.resident_kb), "own_mb_each": each(shepherds_now.own_kb)})
    );
    for run in &runs {
        until("the end of the run", LIMIT * 2, || {
            (office.world.status(run)? == "completed").then_some(())
        });
    }
    delays(&office, &runs);
}

fn delays(office: &Office, runs: &[String]) {
    let mut all = Vec::new();
    for run in runs {
        let logs = office.world.project.join(".agent/workflows/executions");
        let events = logs.join(run).join("logs/work/events.jsonl");
        for line in std::fs::read_to_string(events).unwrap().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let said = event["text"]
                .as_str()
                .and_then(|text| text.strip_prefix("flood "));
            let Some((_, said)) = said.and_then(|said| said.split_once(' ')) else {
                continue;
            };
            let at: Timestamp = Timestamp::parse(event["at"].as_str().unwrap()).unwrap();
            all.push(at.millis().saturating_sub(said.parse().unwrap()));
        }
    }
    assert_eq!(all.len(), AGENTS * PER_SECOND * SECONDS, "no line is lost");
    all.sort_unstable();
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
    println!(
        "{}",
        json!({"bench": "flood: line to activity", "n": all.len(), "p50_ms": at(0.5),
            "p99_ms": at(0.99), "max_ms": at(1.0)})
    );
}
