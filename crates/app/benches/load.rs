//! Two hundred runs at a time with fake agents: whether memory stays, anything fails, and every event is
//! told. Each run is two agent steps that talk a line a second for some time, write a file and tell what
//! they did; where one ends another begins. Prints a JSON object twice a minute and one at the end.
//! `BENCH_RUNS` at a time (default 200), for `BENCH_SECONDS` (default 60; the goal is ten minutes, 600)
//! and until the last has ended. `BENCH_TALK` is for how many seconds an agent talks, half more or less
//! (default a tenth of the time, 15 to 60): two processors start some four runs a second, so runs that are
//! shorter are not two hundred at a time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "the tests with fake agents use the rest")]
#[path = "../tests/agents/office.rs"]
mod office;
#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use office::Office;
use serde_json::{Value, json};
use support::{pause, processes};

/// The last word of the bench.
const THE_END: &str = "the end of the load";

fn definition() -> String {
    let mut text = "name: Load\nworktree: stay\nargsSchema:\n  type: object\n  properties:\n    talk: {type: integer}\nsteps:\n".to_owned();
    for id in ["plan", "work"] {
        text.push_str(&format!(
            "  - id: {id}\n    type: agent\n    agent: claude\n    permission: bypassPermissions\n    prompt: |\n      @todo read|write\n      @doing 1\n      @spend 100 20 0.01\n      @flood {{{{ args.talk }}}} 1\n      @done 1\n      @write out/{{{{ run.number }}}}-{id}.txt made\n      @answer Done.\n"
        ));
    }
    text
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// What has a position, up to the last word: its place and a hash of it.
fn follow(socket: PathBuf, after: u64, seen: Arc<AtomicUsize>) -> Vec<(u64, u64)> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut stream = UnixStream::connect(socket).unwrap();
    let request = format!("GET /api/events?after={after} HTTP/1.0\r\nhost: baton\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut events = Vec::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let Some(text) = line.strip_prefix("data: ") else {
            continue;
        };
        let event: Value = serde_json::from_str(text).unwrap();
        assert_ne!(event["type"], "resync");
        let Some(pos) = event["pos"].as_u64() else {
            continue;
        };
        let mut hash = DefaultHasher::new();
        text.hash(&mut hash);
        events.push((pos, hash.finish()));
        seen.fetch_add(1, Ordering::Relaxed);
        if event["data"]["message"]["content"] == THE_END {
            return events;
        }
    }
    panic!("the follower was cut off after {} events", events.len());
}

fn main() {
    let (many, seconds) = (
        number("BENCH_RUNS", 200) as usize,
        number("BENCH_SECONDS", 600),
    );
    let talk = number("BENCH_TALK", (seconds / 10).clamp(15, 60));
    let office = Office::new();
    office.world.define("load", &definition());
    let host = processes::host(&office.world.data).unwrap();
    let socket = office.world.data.join("host.sock");
    let seen = Arc::new(AtomicUsize::new(0));
    let (of_it, counted) = (socket.clone(), seen.clone());
    let follower = std::thread::spawn(move || follow(of_it, 0, counted));
    let begun = Instant::now();
    let length = Duration::from_secs(seconds);
    let (mut live, mut started, mut errors) = (HashSet::new(), 0, 0);
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let (mut memory, mut at_work) = (Vec::new(), Vec::new());
    let mut told = Duration::ZERO;
    loop {
        let is_over = begun.elapsed() >= length;
        // Not all at once.
        let mut fresh = 0;
        while !is_over && live.len() < many && fresh < 50 {
            // From half to one and a half of it, so that not all end together.
            let talks = talk / 2 + started as u64 * 7 % (talk + 1);
            let (status, answer) = office.start("load", &json!({"args": {"talk": talks}}));
            if status == 201 {
                live.insert(answer["data"]["id"].as_str().unwrap().to_owned());
            } else {
                errors += 1;
                eprintln!("{status} {answer}");
            }
            (fresh, started) = (fresh + 1, started + 1);
        }
        let open = unfinished(&office);
        let over: Vec<String> = live
            .iter()
            .filter(|run| !open.contains(*run))
            .cloned()
            .collect();
        for run in over {
            live.remove(&run);
            let status = office.world.status(&run).unwrap();
            *ends.entry(status).or_default() += 1;
        }
        memory.push((begun.elapsed().as_secs(), processes::resident_mb(host)));
        at_work.push((begun.elapsed().as_secs(), open.len()));
        if begun.elapsed() >= told {
            told += Duration::from_secs(30);
            println!(
                "{}",
                json!({"s": begun.elapsed().as_secs(), "rss_mb": processes::resident_mb(host),
                    "live": live.len(), "started": started, "ends": ends,
                    "events": seen.load(Ordering::Relaxed)})
            );
        }
        if is_over && live.is_empty() {
            break;
        }
        assert!(
            begun.elapsed() < length + Duration::from_secs(120 + 4 * talk),
            "runs do not end"
        );
        pause(Duration::from_millis(500));
    }
    let newest = office.world.get("/api/workflow-executions?limit=1");
    let run = newest["data"][0]["id"].as_str().unwrap();
    let path = format!("/api/workflow-executions/{run}/comments");
    assert_eq!(office.post(&path, &json!({"text": THE_END})).0, 201);
    let live = follower.join().unwrap();
    let again = follow(socket, 0, Arc::default());
    assert!(live.is_sorted_by(|a, b| a.0 < b.0), "in order, none twice");
    assert_eq!(live.len(), again.len(), "as many as the journal has");
    assert!(live == again, "the same as the journal has");
    let mean = |from: u64, to: u64| {
        let of_time = memory.iter().filter(|(at, _)| (from..to).contains(at));
        let all: Vec<f64> = of_time.map(|(_, mb)| *mb).collect();
        (all.iter().sum::<f64>() / all.len().max(1) as f64 * 10.0).round() / 10.0
    };
    let most = memory.iter().map(|(_, mb)| *mb).fold(0.0, f64::max);
    // Once the first have begun, and before the last have.
    let held = at_work
        .iter()
        .filter(|(at, _)| (seconds / 5..seconds).contains(at));
    let held = held.map(|(_, live)| *live).min();
    let log = office.world.host_log();
    let is_complaint = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    let complaints: Vec<&str> = log.lines().filter(is_complaint).collect();
    println!(
        "{}",
        json!({"bench": "load", "asked": many, "fewest_at_a_time": held, "seconds": seconds,
            "talk_s": talk, "runs": started, "ends": ends,
            "errors": errors, "events_told": live.len(), "complaints": complaints.len(),
            "rss_mb": {"second_fifth": mean(seconds / 5, seconds * 2 / 5),
                "last_fifth": mean(seconds * 4 / 5, seconds), "most": most}})
    );
    eprintln!("{}", complaints.join("\n"));
}

/// The runs that have not ended.
fn unfinished(office: &Office) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut cursor = String::new();
    loop {
        let path = "/api/workflow-executions?status=pending,running,paused&limit=200";
        let page = office.world.get(&format!("{path}{cursor}"));
        let rows = page["data"].as_array().unwrap().iter();
        found.extend(rows.map(|run| run["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}
