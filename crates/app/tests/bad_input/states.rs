//! Runs that are not there, and orders that come at the wrong time.

use crate::server_support::World;

const ONE: &str = "name: One\nsteps:\n  - {id: s, type: script, command: 'true'}\n";
const FAIL: &str = "name: Fail\nsteps:\n  - {id: s, type: script, command: 'false'}\n";
const ASK: &str = "name: Ask\nsteps:\n  - {id: ok, type: approval, message: Go on?}\n";

#[test]
fn a_run_that_is_not_there() {
    let world = World::new(&[("one", ONE)]);
    let id = format!("run_{}", "0".repeat(32));
    for word in ["7", "run_0199", "nonsense", id.as_str(), "../x", "%2e"] {
        for verb in [
            "show", "logs", "pause", "resume", "cancel", "retry", "approve", "fork",
        ] {
            let said = world.say(&[verb, word]);
            said.is(5, &["no "]);
            assert_eq!(said.out, "", "{verb} {word}");
        }
        world.say(&["tell", word, "hello"]).is(5, &["no "]);
    }
    world.say(&["show", ""]).is(2, &["which run?"]);
}

#[test]
fn a_beginning_that_two_runs_share() {
    let world = World::new(&[("one", ONE)]);
    for _ in 0..2 {
        world.say(&["run", "one"]).is(0, &["completed"]);
    }
    for verb in ["show", "pause", "cancel", "rm"] {
        let said = world.say(&[verb, "run_0"]);
        said.is(2, &["more than one run", "run_0"]);
    }
    assert_eq!(world.runs().len(), 2);
}

#[test]
fn an_order_at_the_wrong_time_changes_nothing() {
    let world = World::new(&[("one", ONE), ("fail", FAIL), ("ask", ASK)]);
    world.say(&["run", "one"]).is(0, &["completed"]);
    world.say(&["run", "fail"]).is(1, &["failed"]);
    world.say(&["run", "ask", "-d"]).is(0, &[]);
    let waits = "/api/workflow-executions/3";
    world.run_when(waits, "waits", |run| run["waiting"]["reason"] == "approval");
    let cases: [(&[&str], &str); 12] = [
        (&["pause", "1"], "completed"),
        (&["resume", "1"], "completed"),
        (&["cancel", "1"], "completed"),
        (&["retry", "1"], "completed"),
        (&["approve", "1"], "1"),
        (&["pause", "2"], "failed"),
        (&["cancel", "2"], "failed"),
        (&["approve", "2"], "2"),
        (&["resume", "3"], "running"),
        (&["retry", "3"], "3"),
        (&["approve", "3", "nothing"], "nothing"),
        (&["resume", "2", "--from", "nothing"], "nothing"),
    ];
    for (words, named) in cases {
        world.say(words).is(5, &[named]);
    }
    world
        .say(&["resume", "2", "--checkpoint", "9"])
        .is(5, &["checkpoint 9"]);
    let statuses: Vec<_> = [1, 2, 3]
        .map(|n| {
            world.get(&format!("/api/workflow-executions/{n}")).json()["data"]["status"].take()
        })
        .into();
    assert_eq!(statuses, ["completed", "failed", "running"]);
    world.say(&["pause", "3"]).is(0, &[]);
    world.run_until(waits, "paused");
    world.say(&["pause", "3"]).is(5, &["paused"]);
    world.say(&["retry", "3"]).is(5, &["paused"]);
    world.say(&["approve", "3"]).is(0, &["approved"]);
    world
        .say(&["approve", "3"])
        .is(5, &["waits for no approval"]);
    world.say(&["resume", "3"]).is(0, &[]);
    world.run_until(waits, "completed");
}
