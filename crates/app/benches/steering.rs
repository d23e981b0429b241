//! How long a word takes from its POST to the agent's own standard input, with two hundred agents at
//! work that each say something every second: instructions, then immediate pauses. Prints one JSON
//! object per line, and on standard error what it is at. `BENCH_AGENTS` agents (default 200). Takes some
//! two minutes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "the tests with fake agents use the rest")]
#[path = "../tests/agents/office.rs"]
mod office;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant, UNIX_EPOCH};

use office::{Office, one};
use serde_json::json;
use support::world::LIMIT;
use support::{pause, until};

/// Words of each kind in a round, to agents in turn.
const WORDS: usize = 50;
const ROUNDS: usize = 3;
const GAP: Duration = Duration::from_millis(100);

#[expect(clippy::disallowed_methods, reason = "the clock of this benchmark")]
fn now() -> u128 {
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_nanos()
}

/// When a line with this in it was heard, of those behind so many bytes.
fn heard(office: &Office, from: usize, what: &str) -> u128 {
    until(what, LIMIT, || {
        let text = std::fs::read(office.heard()).ok()?;
        let text = String::from_utf8_lossy(text.get(from..)?).into_owned();
        let mut lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let line = lines.find(|line| line.contains(what))?;
        line.split_once(' ')?.0.parse().ok()
    })
}

fn length(office: &Office) -> usize {
    std::fs::metadata(office.heard()).map_or(0, |file| usize::try_from(file.len()).unwrap())
}

fn main() {
    let agents: usize = std::env::var("BENCH_AGENTS").map_or(200, |text| text.parse().unwrap());
    let begun = Instant::now();
    let now_at = |what: &str| eprintln!("{:5.1} s: {what}", begun.elapsed().as_secs_f64());
    let office = Office::new();
    std::fs::create_dir_all(office.heard().parent().unwrap()).unwrap();
    let text = one(
        "claude",
        "permission: bypassPermissions",
        "@flood 3000 1\n@answer Done.",
    );
    office.world.define("talk", &text);
    now_at("starting the agents");
    let runs: Vec<String> = (0..agents)
        .map(|_| {
            let (status, answer) = office.start("talk", &json!({}));
            assert_eq!(status, 201, "{answer}");
            answer["data"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let mut said_so = Instant::now();
    until("all agents at work", LIMIT * 3, || {
        let said = std::fs::read_to_string(office.heard()).ok()?;
        let at_work = said.matches("@flood").count();
        if said_so.elapsed() > Duration::from_secs(5) {
            said_so = Instant::now();
            now_at(&format!("{at_work} of {agents} at work"));
        }
        (at_work >= agents).then_some(())
    });
    now_at("all at work");
    pause(Duration::from_secs(3));
    let mut turn = runs.iter().cycle();
    let mut count = 0;
    let mut instructions = Vec::new();
    for round in 1..=ROUNDS {
        now_at(&format!("instructions, round {round}"));
        let mut times = Vec::new();
        for _ in 0..WORDS {
            let run = turn.next().unwrap();
            count += 1;
            let word = format!("word-{count:05}");
            let from = length(&office);
            let body = json!({"content": word, "action_type": "instruction"});
            let begun = now();
            let (status, answer) = office.post(&format!("/api/workflows/{run}/messages"), &body);
            assert_eq!(status, 200, "{answer}");
            times.push(heard(&office, from, &word) - begun);
            pause(GAP);
        }
        instructions.push(times);
    }
    report("instruction to the agent", agents, instructions);
    let mut pauses = Vec::new();
    let mut left = runs.iter();
    for round in 1..=ROUNDS {
        now_at(&format!("immediate pauses, round {round}"));
        let mut times = Vec::new();
        for run in left.by_ref().take(WORDS) {
            let from = length(&office);
            let begun = now();
            let pause_it = format!("/api/workflow-executions/{run}/pause");
            let (status, answer) = office.post(&pause_it, &json!({"immediate": true}));
            assert_eq!(status, 200, "{answer}");
            times.push(heard(&office, from, "\"interrupt\"") - begun);
            pause(GAP);
        }
        pauses.push(times);
    }
    report("immediate pause to the agent", agents, pauses);
    now_at("cancelling all");
    for run in &runs {
        office.post(
            &format!("/api/workflow-executions/{run}/cancel"),
            &json!({}),
        );
    }
    for run in &runs {
        office.ended(&format!("/api/workflow-executions/{run}"));
    }
    now_at("all have ended");
}

/// The round that is in the middle by its p99.
fn report(what: &str, agents: usize, mut rounds: Vec<Vec<u128>>) {
    let at = |times: &[u128], share: f64| {
        let nanos = times[((times.len() - 1) as f64 * share).round() as usize];
        (nanos / 10_000) as f64 / 100.0
    };
    rounds.iter_mut().for_each(|times| times.sort_unstable());
    rounds.sort_by(|a, b| at(a, 0.99).total_cmp(&at(b, 0.99)));
    let middle = &rounds[rounds.len() / 2];
    println!(
        "{}",
        json!({"bench": what, "agents": agents, "n": middle.len(), "p50_ms": at(middle, 0.5),
            "p99_ms": at(middle, 0.99), "max_ms_of_all": rounds.iter().map(|r| at(r, 1.0)).fold(0.0, f64::max)})
    );
}
