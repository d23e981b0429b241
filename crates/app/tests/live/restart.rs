//! Sockets while the host is killed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::server_support::World;
use crate::socket::{Heard, Socket, id_of, positions};

const MANY: &str = "
name: Many
steps:
  - {id: a, type: script, command: 'sleep 0.05; echo a'}
  - {id: b, type: script, command: 'sleep 0.05; echo b'}
  - {id: c, type: script, command: 'sleep 0.05; echo c'}
  - {id: d, type: script, command: 'sleep 0.05; echo d'}
  - {id: e, type: script, command: 'sleep 0.05; echo e'}
  - {id: f, type: script, command: 'sleep 0.05; echo f'}
";

/// Reads on with `after` through every break until told to end; all that has a position.
fn watch(world: &World, is_over: &AtomicBool) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = 0;
    while !is_over.load(Ordering::Acquire) {
        let Some(mut socket) = Socket::try_open(world, &format!("after={after}")) else {
            std::thread::park_timeout(std::time::Duration::from_millis(10));
            continue;
        };
        while let Heard::Event(event) = socket.hear() {
            if event["data"]["message"]["content"] == "the end" {
                return all;
            }
            if let Some(pos) = event["pos"].as_u64() {
                after = pos;
                all.push(event);
            }
        }
    }
    all
}

#[test]
fn sockets_that_come_back_see_exactly_the_journal_while_the_host_is_killed() {
    let mut world = World::new(&[("many", MANY)]);
    let is_over = AtomicBool::new(false);
    let runs: Vec<String> = (0..3).map(|_| world.run("many", &json!({}))).collect();
    // The watchers only need the way to the socket, which stays.
    let place = World::at(&world);
    let heard: Vec<Vec<Value>> = std::thread::scope(|scope| {
        let watchers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| watch(&place, &is_over)))
            .collect();
        for _ in 0..4 {
            std::thread::park_timeout(std::time::Duration::from_millis(120));
            world.kill_host();
            world.start();
        }
        for run in &runs {
            world.run_until(run, "completed");
        }
        let end = world.post(
            &format!("{}/comments", runs[0]),
            &json!({"text": "the end"}),
        );
        assert_eq!(end.status, 201);
        let heard = watchers.into_iter().map(|watcher| watcher.join().unwrap());
        let heard = heard.collect();
        is_over.store(true, Ordering::Release);
        heard
    });
    // One that comes after it all reads the journal in one go.
    let mut late = Socket::open(&world, "after=0");
    let journal = late.until(|event| event["data"]["message"]["content"] == "the end");
    let journal = &journal[..journal.len() - 1];
    for heard in &heard {
        assert_eq!(positions(heard), positions(journal));
        assert_eq!(heard, journal);
    }
    // And that is all the journal: every commit of every run is in it.
    let told: BTreeSet<&str> = journal
        .iter()
        .filter_map(|event| event["data"]["execution_id"].as_str())
        .collect();
    assert_eq!(told, runs.iter().map(|run| id_of(run)).collect());
    let ends = journal.iter().filter(|event| {
        event["type"] == "workflow.step.completed" && event["data"]["status"] == "completed"
    });
    assert_eq!(ends.count(), 18, "each step ends once");
}
