//! Pauses that are withdrawn, and pauses that last too long.

use serde_json::{Value, json};

use crate::office::{comes_to, in_order, message, say, thread_with, world, world_with};
use crate::server_support::World;
use crate::socket::{self, Socket, id_of};

const GATE: &str = "
name: Gate
steps:
  - {id: wait, type: script, command: 'while [ ! -e go ]; do sleep 0.02; done'}
  - {id: after, type: script, command: 'echo after'}
";

fn go(world: &World) {
    std::fs::write(world.directory().join("go"), "").unwrap();
}

#[test]
fn a_resume_withdraws_a_pause_that_is_not_reached_and_it_never_comes_back() {
    let world = world(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "works", |run| run["steps"][0]["status"] == "running");
    let pause = say(&world, &run, "pause", "Stop", json!({}));
    let resume = say(&world, &run, "resume", "No, go on", json!({}));
    comes_to(&world, &run, &pause["messageId"], "ignored");
    comes_to(&world, &run, &resume["messageId"], "processed");
    go(&world);
    world.run_until(&run, "completed");
}

#[test]
fn messages_act_in_the_order_in_which_they_come() {
    let world = world(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "works", |run| run["steps"][0]["status"] == "running");
    for round in 0..3 {
        say(&world, &run, "pause", &format!("p{round}"), json!({}));
        say(&world, &run, "resume", &format!("r{round}"), json!({}));
    }
    say(&world, &run, "pause", "last", json!({}));
    go(&world);
    let paused = world.run_until(&run, "paused");
    assert_eq!(paused["pause_reason"], "last");
}

#[test]
fn a_cancel_never_waits_behind_a_pause() {
    let world = world(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "works", |run| run["steps"][0]["status"] == "running");
    let pause = say(&world, &run, "pause", "Stop", json!({}));
    say(&world, &run, "cancel", "Enough", json!({}));
    world.run_until(&run, "cancelled");
    comes_to(&world, &run, &pause["messageId"], "ignored");
}

#[test]
fn a_paused_run_that_is_cancelled_is_not_told_as_going_on() {
    let world = world(&[("gate", GATE)]);
    let mut socket = Socket::open(&world, "");
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "works", |run| run["steps"][0]["status"] == "running");
    say(&world, &run, "pause", "Stop", json!({}));
    go(&world);
    world.run_until(&run, "paused");
    say(&world, &run, "cancel", "Enough", json!({}));
    let heard = socket.until(socket::comes_to(id_of(&run), "cancelled"));
    let told = |kind: &str| heard.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(told("workflow:paused"), 1, "{heard:?}");
    assert_eq!(told("workflow:unpaused"), 0, "{heard:?}");
    let asked = |event: &Value| event["data"]["cancel_requested"] == true;
    assert!(heard.iter().any(asked), "{heard:?}");
}

#[test]
fn an_instruction_that_no_agent_took_is_ignored_at_the_end() {
    for end in ["completed", "cancelled"] {
        let world = world(&[("gate", GATE)]);
        let run = world.run("gate", &json!({}));
        world.run_when(&run, "works", |run| run["steps"][0]["status"] == "running");
        let said = say(&world, &run, "instruction", "Use tabs", json!({}));
        let id = &said["messageId"];
        assert_eq!(message(&world, &run, id)["action_status"], "pending");
        match end {
            "completed" => go(&world),
            _ => {
                say(&world, &run, "cancel", "Enough", json!({}));
            }
        }
        world.run_until(&run, end);
        comes_to(&world, &run, id, "ignored");
    }
}

#[test]
fn a_long_pause_says_so_and_does_what_is_set() {
    for (then, says, status) in [
        ("stay", "it stays paused", "paused"),
        ("resume", "it goes on", "completed"),
        ("cancel", "it is cancelled", "cancelled"),
    ] {
        let variables = [
            ("BATON_PAUSE_TIMEOUT", "200ms"),
            ("BATON_PAUSE_ON_TIMEOUT", then),
        ];
        let world = world_with(&[("gate", GATE)], &variables);
        let run = world.run("gate", &json!({}));
        world.run_when(&run, "works", |run| run["steps"][0]["status"] == "running");
        say(&world, &run, "pause", "Stop", json!({}));
        go(&world);
        let text = format!("system: Workflow paused for more than 200 ms: {says}");
        let thread = thread_with(&world, &run, &text);
        in_order(&thread, &["system: Workflow paused at user request", &text]);
        world.run_until(&run, status);
    }
}
