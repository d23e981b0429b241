//! What two thousand sockets on one run cost: how long a message takes from its POST to each of them,
//! and the memory of the server meanwhile. The POST comes before the commit, so the way from the commit
//! to the socket is shorter. Prints one JSON object per line. `BENCH_SOCKETS` sockets (default 2,000).
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use support::world::{LIMIT, World};
use support::{pause, processes, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Messages of a round, four a second.
const MESSAGES: usize = 60;
const GAP: Duration = Duration::from_millis(250);
const ROUNDS: usize = 3;

/// The beginning of what is looked for in each message; its number and an end follow.
const MARK: &[u8] = b"bench-message-";

fn main() {
    baton_runner::raise_open_files().unwrap();
    let sockets: usize = std::env::var("BENCH_SOCKETS").map_or(2000, |text| text.parse().unwrap());
    let mut world = World::new();
    world.serves = true;
    world.define(
        "ask",
        "name: Ask\nsteps:\n  - {id: ask, type: approval, message: go on?}\n",
    );
    world.start_host();
    world.await_host();
    let project = world.register();
    let run = world.start(&project, "ask", "1").unwrap();
    let host = processes::host(&world.data).unwrap();
    let idle = processes::resident_mb(host);
    let served = until("where it serves", LIMIT, || {
        let text = std::fs::read_to_string(world.served()).ok()?;
        let (_, address) = text
            .lines()
            .find_map(|line| line.split_once("Baton serves http://"))?;
        address.trim().parse::<SocketAddr>().ok()
    });
    let token = std::fs::read_to_string(world.data.join("token")).unwrap();
    let open = format!(
        "GET /api/ws?topics=run:{run} HTTP/1.1\r\nhost: {served}\r\nauthorization: Bearer {}\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        token.trim()
    );
    let (seen, mut all) = mpsc::unbounded_channel();
    let opened = Arc::new(AtomicUsize::new(0));
    // One thread for all of them: the server has the other processor.
    let (begun, many) = (Instant::now(), opened.clone());
    let clients = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut listening = tokio::task::JoinSet::new();
            for _ in 0..sockets {
                let mut stream = TcpStream::connect(served).await.unwrap();
                stream.write_all(open.as_bytes()).await.unwrap();
                let mut head = [0; 4096];
                let count = stream.read(&mut head).await.unwrap();
                assert!(head[..count].starts_with(b"HTTP/1.1 101"), "no socket");
                many.fetch_add(1, Ordering::Relaxed);
                listening.spawn(listen(stream, seen.clone()));
            }
            drop(seen);
            listening.join_all().await;
        });
    });
    until("all sockets", LIMIT, || {
        (opened.load(Ordering::Relaxed) == sockets).then_some(())
    });
    let took = begun.elapsed();
    let quiet = processes::resident_mb(host);
    let comments = format!("/api/workflow-executions/{run}/comments");
    let mut rounds: Vec<[f64; 3]> = (0..ROUNDS)
        .map(|round| {
            let mut sent = Vec::new();
            let next = Instant::now();
            for n in 0..MESSAGES {
                pause(
                    (next + GAP * u32::try_from(n).unwrap())
                        .saturating_duration_since(Instant::now()),
                );
                sent.push(Instant::now());
                let text = format!("bench-message-{:06}", round * MESSAGES + n);
                let answer = world
                    .ask("POST", &comments, None, Some(&json!({"text": text})))
                    .unwrap();
                assert_eq!(answer.status, 201, "{answer:?}");
            }
            let mut times: Vec<f64> = (0..MESSAGES * sockets)
                .map(|_| {
                    let (n, at): (usize, Instant) = all.blocking_recv().unwrap();
                    at.duration_since(sent[n - round * MESSAGES]).as_secs_f64() * 1000.0
                })
                .collect();
            times.sort_by(f64::total_cmp);
            [0.5, 0.99, 1.0].map(|share| times[((times.len() - 1) as f64 * share) as usize])
        })
        .collect();
    rounds.sort_by(|a, b| a[1].total_cmp(&b[1]));
    let [p50, p99, max] = rounds[ROUNDS / 2].map(|ms| (ms * 10.0).round() / 10.0);
    println!(
        "{}",
        json!({"bench": "sockets on one run", "sockets": sockets, "messages": MESSAGES * ROUNDS,
            "opened_s": took.as_secs_f64(), "p50_ms": p50, "p99_ms": p99, "max_ms": max,
            "idle_mb": idle, "open_mb": quiet, "end_mb": processes::resident_mb(host)})
    );
    drop(world);
    clients.join().unwrap();
}

/// Says when each message came, until the server closes.
async fn listen(mut stream: TcpStream, seen: mpsc::UnboundedSender<(usize, Instant)>) {
    let mut bytes = Vec::with_capacity(4096);
    while let Ok(1..) = stream.read_buf(&mut bytes).await {
        let at = Instant::now();
        let mut from = 0;
        while let Some(found) = find(&bytes[from..]) {
            let begin = from + found + MARK.len();
            let Some(number) = bytes.get(begin..begin + 6) else {
                break;
            };
            let number = std::str::from_utf8(number).unwrap().parse().unwrap();
            from = begin + 6;
            let _nobody_asks = seen.send((number, at));
        }
        // What may be the begin of another one stays.
        from = from.max(bytes.len().saturating_sub(MARK.len() + 6));
        bytes.drain(..from);
    }
}

fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(MARK.len()).position(|window| window == MARK)
}
