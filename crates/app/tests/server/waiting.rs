//! Why a run does not go on, in each of its ways, and what can be done about it.

use serde_json::{Value, json};

use crate::server_support::{World, step};

const REST: &str = "
name: Rest
steps:
  - {id: rests, type: wait, for: 1h}
  - {id: then, type: script, command: 'echo rested'}
";

const FLAKY: &str = "
name: Flaky
steps:
  - {id: tries, type: script, command: 'test -e go', retry: {attempts: 2, backoff: 1h}}
";

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: 'Go on?'}
";

const PARENT: &str = "
name: Parent
steps:
  - {id: sub, type: workflow, workflow: ask}
";

fn alone(on_full: &str) -> String {
    format!("{ASK}concurrency: {{key: 'the one', limit: 1, on_full: {on_full}}}\n")
}

/// The run, once it waits for this.
fn waits(world: &World, run: &str, reason: &str) -> Value {
    world.run_when(run, reason, |run| run["waiting"]["reason"] == reason)
}

fn approve(world: &World, run: &str) {
    let found = waits(world, run, "approval");
    let id = step(&found, "ok")["id"].as_str().unwrap();
    let answer = world.post(&format!("/api/workflow-steps/{id}/approve"), &json!({}));
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Ends this step's wait; the status of the answer, and its code.
fn skip(world: &World, run: &Value, key: &str) -> (u16, Value) {
    let id = step(run, key)["id"].as_str().unwrap();
    let answer = world.post(&format!("/api/workflow-steps/{id}/skip-wait"), &json!({}));
    (answer.status, answer.json()["code"].clone())
}

#[test]
fn a_timer_is_named_and_can_be_ended_once() {
    let world = World::new(&[("rest", REST)]);
    let run = world.run("rest", &json!({}));
    let found = waits(&world, &run, "timer");
    assert_eq!(found["status"], "running");
    let waiting = &found["waiting"];
    assert!(
        waiting["since"].as_str() < waiting["until"].as_str(),
        "{waiting}"
    );
    assert!(waiting["detail"].as_str().unwrap().starts_with("rests"));
    assert_eq!(skip(&world, &found, "then"), (409, json!("not_waiting")));
    assert_eq!(skip(&world, &found, "rests"), (200, Value::Null));
    let done = world.run_until(&run, "completed");
    assert_eq!(step(&done, "then")["result"], "rested\n");
    assert_eq!(done["waiting"], Value::Null);
    assert_eq!(skip(&world, &found, "rests"), (409, json!("not_waiting")));
}

#[test]
fn the_pause_before_another_try_is_named_and_can_be_ended() {
    let world = World::new(&[("flaky", FLAKY)]);
    let run = world.run("flaky", &json!({}));
    let found = waits(&world, &run, "retry");
    assert!(
        found["waiting"]["until"].is_string(),
        "{}",
        found["waiting"]
    );
    std::fs::write(world.directory().join("go"), "").unwrap();
    assert_eq!(skip(&world, &found, "tries"), (200, Value::Null));
    let done = world.run_until(&run, "completed");
    let attempts = step(&done, "tries")["attempts"].as_array().unwrap();
    let causes: Vec<&Value> = attempts.iter().map(|attempt| &attempt["cause"]).collect();
    assert_eq!(causes, ["first", "retry"]);
}

#[test]
fn a_run_that_waits_for_its_child_names_it() {
    let world = World::new(&[("parent", PARENT), ("ask", ASK)]);
    let run = world.run("parent", &json!({}));
    let found = waits(&world, &run, "child");
    let found = match found["children"][0]["id"].as_str() {
        Some(_) => found,
        None => world.run_when(&run, "its child is there", |run| {
            run["children"][0]["id"].is_string()
        }),
    };
    let child = found["children"][0]["id"].as_str().unwrap();
    let detail = found["waiting"]["detail"].as_str().unwrap();
    assert!(
        detail.contains(child) && detail.starts_with("sub"),
        "{detail}"
    );
    approve(&world, &format!("/api/workflow-executions/{child}"));
    world.run_until(&run, "completed");
}

#[test]
fn what_waits_for_its_concurrency_key_says_so_and_is_paused_and_cancelled_at_once() {
    let world = World::new(&[("alone", &alone("queue"))]);
    let first = world.run("alone", &json!({}));
    waits(&world, &first, "approval");
    let [second, third, fourth] = [0; 3].map(|_| world.run("alone", &json!({})));
    for run in [&second, &third, &fourth] {
        let found = waits(&world, run, "concurrency");
        assert_eq!(found["status"], "pending");
        let detail = found["waiting"]["detail"].as_str().unwrap();
        assert!(detail.contains("the one"), "{detail}");
    }
    // Nothing of them runs, so nothing is to be waited for.
    world.post(&format!("{second}/pause"), &json!({}));
    let paused = world.run_until(&second, "paused");
    assert_eq!(paused["waiting"], Value::Null);
    world.post(&format!("{third}/cancel"), &json!({}));
    world.run_until(&third, "cancelled");
    world.post(&format!("{second}/cancel"), &json!({}));
    world.run_until(&second, "cancelled");
    approve(&world, &first);
    world.run_until(&first, "completed");
    // Its place goes to the one that still wants it.
    approve(&world, &fourth);
    world.run_until(&fourth, "completed");
}

#[test]
fn the_newest_takes_the_place_of_the_oldest_where_the_definition_says_so() {
    let world = World::new(&[("alone", &alone("cancel_oldest"))]);
    let first = world.run("alone", &json!({}));
    waits(&world, &first, "approval");
    let second = world.run("alone", &json!({}));
    let gone = world.run_until(&first, "cancelled");
    assert!(gone["cancel_reason"].is_string(), "{gone}");
    approve(&world, &second);
    world.run_until(&second, "completed");
}

#[test]
fn a_timer_that_comes_due_in_a_pause_acts_on_resume() {
    let text = REST.replace("1h", "3s");
    let world = World::new(&[("rest", &text)]);
    let run = world.run("rest", &json!({}));
    waits(&world, &run, "timer");
    world.post(&format!("{run}/pause"), &json!({}));
    world.run_until(&run, "paused");
    // Another that began later has waited as long: so this one is due.
    let later = world.run("rest", &json!({}));
    world.run_until(&later, "completed");
    let still = world.get(&run).json()["data"].clone();
    assert_eq!(still["status"], "paused");
    assert_eq!(step(&still, "rests")["status"], "running");
    assert_eq!(step(&still, "then")["status"], "pending");
    world.post(&format!("{run}/resume"), &json!({}));
    world.run_until(&run, "completed");
}
