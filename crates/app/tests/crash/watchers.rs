//! Clients of `baton serve` that follow runs over WebSocket and SSE, and come back by `after` (by
//! `Last-Event-ID`) whenever it dies. At the end, what each saw is held against the journal.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::support::pause;
use crate::support::world::World;

/// The last word of each run that is followed.
const THE_END: &str = "the end";

/// A connection that says nothing for so long is dead: there are signs of life.
const SILENCE: Duration = Duration::from_secs(60);

/// How long a client looks for a server.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a client follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    WebSocket,
    Sse,
}

/// Where clients find the server, and with what.
#[derive(Debug, Clone)]
struct Door {
    served: PathBuf,
    token: PathBuf,
}

/// A client.
#[derive(Debug)]
struct Watcher {
    way: Way,
    /// What it follows; `None`: everything.
    run: Option<String>,
    seen: JoinHandle<Vec<Value>>,
}

/// All clients.
#[derive(Debug)]
pub struct Watchers {
    all: Vec<Watcher>,
    last: String,
}

/// How often anybody came, the first time included.
static RETURNS: AtomicUsize = AtomicUsize::new(0);

impl Watchers {
    /// Two that follow everything, and for each of these runs two that follow it.
    pub fn start(world: &World, runs: &[String]) -> Self {
        let door = Door {
            served: world.served(),
            token: world.data.join("token"),
        };
        let last = runs.last().expect("a run").clone();
        let topics = runs.iter().map(|run| Some(run.clone())).chain([None]);
        let each = topics.flat_map(|run| [(Way::WebSocket, run.clone()), (Way::Sse, run)]);
        let all = each.map(|(way, run)| {
            let (door, topic, last) = (door.clone(), run.clone(), last.clone());
            let seen = std::thread::spawn(move || {
                let last = topic.clone().unwrap_or(last);
                follow(&door, way, topic.as_deref(), &last)
            });
            Watcher { way, run, seen }
        });
        Self {
            all: all.collect(),
            last,
        }
    }

    /// What each saw is the journal: no gap, no repeat, in order. All runs have ended.
    pub fn check(self, world: &World) {
        let mut followed: Vec<&String> = self.all.iter().filter_map(|w| w.run.as_ref()).collect();
        // The one that ends those that follow everything comes last.
        followed.sort_by_key(|run| **run == self.last);
        followed.dedup();
        for run in followed {
            let path = format!("/api/workflow-executions/{run}/comments");
            let body = json!({"text": THE_END});
            let answer = world.ask("POST", &path, None, Some(&body)).unwrap();
            assert_eq!(answer.status, 201, "{answer:?}");
        }
        let door = Door {
            served: world.served(),
            token: world.data.join("token"),
        };
        let journal = follow(&door, Way::WebSocket, None, &self.last);
        let places: Vec<u64> = journal.iter().map(pos).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "not in order");
        let mut checked = BTreeMap::new();
        for watcher in self.all {
            let seen = watcher.seen.join().expect("a client has died");
            let of_it = |event: &&Value| match &watcher.run {
                Some(run) => event["data"]["execution_id"].as_str() == Some(run),
                None => true,
            };
            let expected: Vec<&Value> = journal.iter().filter(of_it).collect();
            let same = seen.iter().eq(expected.iter().copied());
            if !same {
                let differs = seen.iter().zip(&expected).position(|(a, b)| a != *b);
                let at = differs.unwrap_or(seen.len().min(expected.len()));
                panic!(
                    "{:?} of {:?} saw {} instead of {}; the first other one is {at}: {:?} instead \
                     of {:?}",
                    watcher.way,
                    watcher.run,
                    seen.len(),
                    expected.len(),
                    seen.get(at),
                    expected.get(at),
                );
            }
            *checked.entry(format!("{:?}", watcher.way)).or_insert(0) += seen.len();
        }
        let mut runs: Vec<&str> = journal.iter().filter_map(run_of).collect();
        runs.sort_unstable();
        runs.dedup();
        for run in &runs {
            check_run(run, &journal, &world.events(run));
        }
        let returns = RETURNS.load(Ordering::Relaxed);
        eprintln!(
            "clients came {returns} times and saw {checked:?} events of {} runs",
            runs.len()
        );
    }
}

/// What was told of a run is what its journal says: its steps' ends, its attempts and its messages.
fn check_run(run: &str, told: &[Value], journal: &[Value]) {
    let of_run = |kind: &str, pointer: &str| -> Vec<Value> {
        let is_one = |event: &&Value| event["type"] == kind && run_of(event) == Some(run);
        picked(told.iter().filter(is_one), pointer)
    };
    let journaled = |kinds: &[&str], pointer: &str| -> Vec<Value> {
        let is_one = |event: &&Value| kinds.iter().any(|kind| event["type"] == *kind);
        picked(journal.iter().filter(is_one), pointer)
    };
    let ends = of_run("workflow.step.completed", "/data/step_key");
    let expected = journaled(
        &["step_completed", "step_failed", "step_skipped"],
        "/data/key",
    );
    assert_eq!(ends, expected, "the steps' ends of {run}");
    let attempts = of_run("workflow.step.attempt", "/data/attempt/id");
    let expected = journaled(&["attempt_started", "attempt_ended"], "/data/attempt");
    assert_eq!(attempts, expected, "the attempts of {run}");
    let messages = of_run("message:new", "/data/message/content");
    let expected = journaled(&["message_posted"], "/data/content");
    assert_eq!(messages, expected, "the messages of {run}");
}

fn picked<'a>(events: impl Iterator<Item = &'a Value>, pointer: &str) -> Vec<Value> {
    let picked = events.map(|event| event.pointer(pointer).cloned().unwrap_or_default());
    picked.collect()
}

fn pos(event: &Value) -> u64 {
    event["pos"].as_u64().expect("a position")
}

fn run_of(event: &Value) -> Option<&str> {
    event["data"]["execution_id"].as_str()
}

impl Door {
    /// Where the newest server listens.
    fn address(&self) -> Option<SocketAddr> {
        let text = std::fs::read_to_string(&self.served).ok()?;
        let mut said = text
            .lines()
            .filter_map(|line| line.split_once("Baton serves http://"));
        said.next_back()?.1.trim().parse().ok()
    }

    fn token(&self) -> Option<String> {
        Some(std::fs::read_to_string(&self.token).ok()?.trim().to_owned())
    }

    fn connect(&self) -> Option<(SocketAddr, TcpStream)> {
        let address = self.address()?;
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(SILENCE)).ok()?;
        Some((address, stream))
    }
}

/// An open connection that gives what it hears; it ends when the connection does.
type Events = Box<dyn Iterator<Item = Value>>;

/// Follows until the last word of this run; all that has a position.
fn follow(door: &Door, way: Way, topic: Option<&str>, last: &str) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    let mut heard = Instant::now();
    loop {
        let after = seen.last().map_or(0, pos);
        let opened = match way {
            Way::WebSocket => by_socket(door, topic, after),
            Way::Sse => by_sse(door, topic, after),
        };
        RETURNS.fetch_add(usize::from(opened.is_some()), Ordering::Relaxed);
        if opened.is_some() {
            // A run that has ended, or waits, has nothing to tell however long the others are killed.
            heard = Instant::now();
        }
        for event in opened.into_iter().flatten() {
            heard = Instant::now();
            assert_ne!(event["type"], "resync", "the journal is the same one");
            if event["pos"].is_null() {
                continue;
            }
            let is_last =
                event["data"]["message"]["content"] == THE_END && run_of(&event) == Some(last);
            seen.push(event);
            if is_last {
                return seen;
            }
        }
        assert!(
            heard.elapsed() < PATIENCE,
            "nothing is served for {PATIENCE:?}"
        );
        pause(Duration::from_millis(10));
    }
}

fn query(topic: Option<&str>) -> String {
    topic.map_or_else(String::new, |run| format!("topics=run:{run}&"))
}

fn by_socket(door: &Door, topic: Option<&str>, after: u64) -> Option<Events> {
    let (address, stream) = door.connect()?;
    let url = format!("ws://{address}/api/ws?{}after={after}", query(topic));
    let mut request = url.into_client_request().ok()?;
    let bearer = format!("Bearer {}", door.token()?).parse().ok()?;
    request.headers_mut().insert("authorization", bearer);
    let (mut socket, _): (WebSocket<TcpStream>, _) = tungstenite::client(request, stream).ok()?;
    let next = move || loop {
        match socket.read() {
            Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    };
    Some(Box::new(std::iter::from_fn(next)))
}

fn by_sse(door: &Door, topic: Option<&str>, after: u64) -> Option<Events> {
    let (address, mut stream) = door.connect()?;
    let token = door.token()?;
    let request = format!(
        "GET /api/events?{} HTTP/1.0\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         last-event-id: {after}\r\n\r\n",
        query(topic)
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    if !lines.next()?.contains(" 200 ") {
        return None;
    }
    // An event counts when its empty line is there (HTML, 9.2.6): half of one is told again.
    let next = move || {
        let mut data = None;
        loop {
            let line = lines.next()?;
            if let Some(text) = line.strip_prefix("data: ") {
                data = serde_json::from_str(text).ok();
            } else if line.is_empty()
                && let Some(event) = data.take()
            {
                return Some(event);
            }
        }
    };
    Some(Box::new(std::iter::from_fn(next)))
}
