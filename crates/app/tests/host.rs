//! What the host promises beyond single requests: its end, repeats, environments, live events.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod server_support;

use serde_json::json;
use server_support::{World, step};

/// Runs until a file appears, so that tests decide when.
const GATE: &str = "
name: Gate
steps:
  - {id: wait, type: script, command: 'echo begun; while [ ! -e go ]; do sleep 0.02; done; echo went >> count'}
  - {id: after, type: script, command: 'cat count'}
";

#[test]
fn all_ends_soon_when_the_data_directory_is_gone() {
    let mut world = World::new(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "runs", |run| step(run, "wait")["status"] == "running");
    let attempt = world.get(&run).json()["data"]["steps"][0]["attempts"][0]["id"].clone();
    world.until("host, shepherd and script are there", || {
        world.processes().len() >= 3
    });
    std::fs::remove_dir_all(world.data_dir()).unwrap();
    world.wait_host();
    world.until("the shepherd is gone", || world.processes().is_empty());
    let left = baton_runner::sweep::find(attempt.as_str().unwrap()).unwrap();
    assert!(left.is_empty(), "{left:?}");
    assert!(!world.data_dir().exists());
}
