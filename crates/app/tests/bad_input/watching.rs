//! `baton run` without a terminal: signals, and JSON.

use std::process::Command;

use serde_json::Value;

use crate::processes::{left, only_run};
use crate::server_support::World;

const STUBBORN: &str = "
name: Stubborn
steps:
  - {id: s, type: script, command: \"(setsid sleep 1001 &); trap '' TERM INT; echo up > up; while :; do sleep 0.05; done\"}
  - {id: never, type: script, command: 'touch never'}
";

#[test]
fn a_signal_cancels_and_leaves_no_process() {
    for signal in ["INT", "TERM"] {
        let mut world = World::idle(&[("stubborn", STUBBORN)]);
        world.configure("stop_grace = \"200ms\"\n");
        world.start();
        let mut watching = world.going(&["run", "stubborn"]);
        let up = world.directory().join("up");
        world.until("the step is up", || up.exists());
        let pid = watching.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
        world.ended(&mut watching).is(3, &["cancelled"]);
        let run = only_run(&world);
        assert_eq!(run["status"], "cancelled");
        assert_eq!(left(&run), [0_i32; 0], "after SIG{signal}");
        assert!(!world.directory().join("never").exists());
    }
}

#[test]
fn json_is_one_event_a_line_in_order() {
    let text = "name: Many
steps:
  - {id: talk, type: script, command: 'for i in 1 2 3 4 5 6 7 8 9; do echo \"line $i \\\"q\\\"\"; done; printf \"\\033[2J\\377\"'}
  - {id: each, type: script, command: 'echo {{ item }}', foreach: [a, b, c], max_parallel: 3}
  - {id: bad, type: script, command: 'exit 3', continue_on_error: true}
  - {id: last, type: wait, for: 10ms}
";
    let world = World::new(&[("many", text)]);
    let said = world.say(&["run", "many", "--json"]);
    said.is(0, &[]);
    let mut last = 0;
    let mut types = Vec::new();
    for line in said.out.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        if let Some(pos) = event["pos"].as_u64() {
            assert!(pos >= last, "{pos} after {last}");
            last = pos;
        }
        types.push(event["type"].as_str().expect("a type").to_owned());
    }
    assert!(last > 0 && types.len() > 10, "{types:?}");
    let end = types
        .iter()
        .filter(|kind| *kind == "workflow.execution.status_changed");
    assert!(end.count() >= 2, "{types:?}");
    assert!(said.out.contains("\"completed\""));
}

#[test]
fn with_json_a_failed_run_is_said_by_the_exit_code() {
    let text = "name: Fail\nsteps:\n  - {id: s, type: script, command: 'exit 3'}\n";
    let world = World::new(&[("fail", text)]);
    let said = world.say(&["run", "fail", "--json"]);
    said.is(1, &["\"failed\""]);
    assert!(
        said.out
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
}
