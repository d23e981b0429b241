//! What the host promises over its socket: the real binary, real processes, no sleeps.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "server/inside.rs"]
mod inside;
#[path = "server/nonsense.rs"]
mod nonsense;
mod server_support;
#[path = "server/waiting.rs"]
mod waiting;

use serde_json::{Value, json};
use server_support::{World, step};

const ONE: &str = "
name: One
argsSchema: {type: object, properties: {x: {type: string, default: world}}}
steps:
  - {id: hello, type: script, command: 'echo hello {{ args.x }}', outputs: {v: stdout | trim}}
outputs: {said: '{{ steps.hello.outputs.v }}'}
";

/// Runs until a file appears, so that tests decide when.
const GATE: &str = "
name: Gate
steps:
  - {id: wait, type: script, command: 'echo begun; while [ ! -e go ]; do sleep 0.02; done; echo went >> count'}
  - {id: after, type: script, command: 'cat count'}
";

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
  - {id: then, type: script, command: 'echo yes'}
";

const STUBBORN: &str = "
name: Stubborn
steps:
  - {id: s, type: script, command: \"trap '' TERM INT; echo up > up; while :; do sleep 0.05; done\"}
";

const FAIL: &str = "
name: Fail
steps:
  - {id: a, type: script, command: 'echo a >> ran-a'}
  - {id: b, type: script, command: 'test -e fixed'}
  - {id: c, type: script, command: 'echo {{ steps.a.result }} c'}
";

#[test]
fn a_script_runs_and_its_run_completes() {
    let world = World::new(&[("one", ONE)]);
    let run = world.run("one", &json!({"x": "a 'b' $(c)"}));
    let done = world.run_until(&run, "completed");
    assert_eq!(done["outputs"]["said"], "hello a 'b' $(c)");
    assert_eq!(step(&done, "hello")["exit_code"], 0);
    let id = step(&done, "hello")["id"].as_str().unwrap();
    let log = world
        .get(&format!("/api/workflow-steps/{id}/logs/output"))
        .json();
    assert_eq!(log["data"]["content"], "hello a 'b' $(c)\n");
    let list = world
        .get(&format!(
            "/api/workflow-executions?project_id={}",
            world.project
        ))
        .json();
    assert_eq!(list["data"][0]["id"], done["id"]);
    assert_eq!(
        world.get("/api/workflow-executions/1").json()["data"]["id"],
        done["id"]
    );
}

#[test]
fn the_same_key_starts_one_run_and_gets_the_same_answer() {
    let world = World::new(&[("one", ONE)]);
    let body = json!({"project_id": world.project, "definition": "one"}).to_string();
    let request = format!(
        "POST /api/workflow-executions HTTP/1.0\r\nhost: b\r\ncontent-type: application/json\r\n\
         idempotency-key: once\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let first = world.raw(&request).unwrap();
    let second = world.raw(&request).unwrap();
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.json(), second.json());
    let list = world.get("/api/workflow-executions").json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[test]
fn an_approval_waits_and_is_answered_once() {
    let world = World::new(&[("ask", ASK)]);
    let run = world.run("ask", &json!({}));
    let waits = world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    let id = step(&waits, "ok")["id"].as_str().unwrap();
    let path = format!("/api/workflow-steps/{id}/approve");
    assert_eq!(world.post(&path, &json!({"message": "sure"})).status, 200);
    let again = world.post(&path, &json!({}));
    assert_eq!(
        (again.status, again.json()["code"].clone()),
        (409, json!("not_waiting"))
    );
    world.run_until(&run, "completed");
}

#[test]
fn a_pause_lets_the_running_step_end_and_starts_no_other() {
    let world = World::new(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "runs", |run| step(run, "wait")["status"] == "running");
    let asked = world
        .post(&format!("{run}/pause"), &json!({"reason": "lunch"}))
        .json();
    assert_eq!(asked["data"]["status"], "running");
    assert_eq!(asked["data"]["pause_reason"], "lunch");
    std::fs::write(world.directory().join("go"), "").unwrap();
    let paused = world.run_until(&run, "paused");
    assert_eq!(step(&paused, "after")["status"], "pending");
    let again = world.post(&format!("{run}/pause"), &json!({}));
    assert_eq!(again.status, 409);
    assert_eq!(again.json()["current_status"], "paused");
    assert_eq!(world.post(&format!("{run}/resume"), &json!({})).status, 200);
    world.run_until(&run, "completed");
}

#[test]
fn cancelled_is_said_only_when_a_process_that_ignores_signals_is_gone() {
    let world = World::new(&[("stubborn", STUBBORN)]);
    let run = world.run("stubborn", &json!({}));
    let up = world.directory().join("up");
    world.until("the process is up", || up.exists());
    let asked = world
        .post(&format!("{run}/cancel"), &json!({"reason": "enough"}))
        .json();
    assert_eq!(asked["data"]["status"], "running");
    assert_eq!(asked["data"]["waiting"]["reason"], "cancelling");
    let attempt = world.get(&run).json()["data"]["steps"][0]["attempts"][0]["id"].clone();
    world.run_until(&run, "cancelled");
    let left = baton_runner::sweep::find(attempt.as_str().unwrap()).unwrap();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(world.post(&format!("{run}/cancel"), &json!({})).status, 409);
}

#[test]
fn a_retry_runs_only_what_has_not_completed() {
    let world = World::new(&[("fail", FAIL)]);
    let run = world.run("fail", &json!({}));
    let failed = world.run_until(&run, "failed");
    assert_eq!(step(&failed, "b")["error"]["code"], "exit_code");
    std::fs::write(world.directory().join("fixed"), "").unwrap();
    assert_eq!(world.post(&format!("{run}/retry"), &json!({})).status, 200);
    world.run_until(&run, "completed");
    let ran = std::fs::read_to_string(world.directory().join("ran-a")).unwrap();
    assert_eq!(ran, "a\n");
    assert_eq!(world.post(&format!("{run}/retry"), &json!({})).status, 409);
}

#[test]
fn a_fork_takes_over_what_came_before_its_step() {
    let world = World::new(&[("fail", FAIL)]);
    std::fs::write(world.directory().join("fixed"), "").unwrap();
    let run = world.run("fail", &json!({}));
    let done = world.run_until(&run, "completed");
    let answer = world.post(&format!("{run}/fork"), &json!({"from_step": "c"}));
    assert_eq!(answer.status, 201, "{answer:?}");
    let data = &answer.json()["data"];
    assert_eq!(data["parent_run_id"], done["id"]);
    let fork = format!("/api/workflow-executions/{}", data["id"].as_str().unwrap());
    let forked = world.run_until(&fork, "completed");
    assert!(
        step(&forked, "a")["attempts"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let ran = std::fs::read_to_string(world.directory().join("ran-a")).unwrap();
    assert_eq!(ran, "a\n");
}

#[test]
fn a_script_outlives_its_host_and_is_taken_back() {
    let mut world = World::new(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    let before = world.run_when(&run, "runs", |run| step(run, "wait")["status"] == "running");
    let log = world.directory().join(format!(
        ".agent/workflows/executions/{}/logs/wait/output.log",
        before["id"].as_str().unwrap()
    ));
    world.until("it has begun", || {
        std::fs::read_to_string(&log).is_ok_and(|l| l == "begun\n")
    });
    world.kill_host();
    world.start();
    std::fs::write(world.directory().join("go"), "").unwrap();
    let done = world.run_until(&run, "completed");
    assert_eq!(step(&done, "wait")["attempts"].as_array().unwrap().len(), 1);
    let count = std::fs::read_to_string(world.directory().join("count")).unwrap();
    assert_eq!(count, "went\n");
}

#[test]
fn a_second_host_is_refused_and_names_the_first() {
    let world = World::new(&[]);
    let pid = world.host_pid();
    let second = world.host_command().output().unwrap();
    assert_eq!(second.status.code(), Some(75));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains("data_dir_in_use") && said.contains(&pid.to_string()),
        "{said}"
    );
}

#[test]
fn a_host_hands_over_and_leaves() {
    let mut world = World::new(&[]);
    assert_eq!(world.post("/api/host/handover", &json!({})).status, 200);
    assert!(world.wait_host().success());
    world.start();
    assert_eq!(world.get("/healthz").json()["generation"], 2);
}

#[test]
fn live_events_resume_without_a_gap_or_a_repeat() {
    let world = World::new(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    let id = run.rsplit('/').next().unwrap().to_owned();
    let is_end = |event: &Value| {
        event["data"]["status"] == "completed"
            && event["type"] == "workflow.execution.status_changed"
    };
    let live = world.events(&format!("topics=run:{id}&after=0"));
    std::fs::write(world.directory().join("go"), "").unwrap();
    let mut all: Vec<Value> = Vec::new();
    for event in live {
        let last = is_end(&event);
        all.push(event);
        if last {
            break;
        }
    }
    let output = |event: &&Value| event["type"] == "workflow.step.progress";
    let output: String = all
        .iter()
        .filter(output)
        .filter_map(|e| e["data"]["output"].as_str())
        .collect();
    assert!(output.contains("went"), "{all:?}");
    let is_journaled = |event: &Value| event["type"] != "workflow.step.progress";
    all.retain(is_journaled);
    let positions: Vec<u64> = all
        .iter()
        .filter_map(|event| event["pos"].as_u64())
        .collect();
    assert_eq!(positions.len(), all.len(), "each has its own: {all:?}");
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
    for (index, after) in positions.iter().enumerate().take(positions.len() - 1) {
        let again = world.events(&format!("topics=run:{id}&after={after}"));
        let rest: Vec<Value> = again
            .filter(is_journaled)
            .take(all.len() - index - 1)
            .collect();
        assert_eq!(rest, all[index + 1..]);
    }
}

#[test]
fn a_secret_reaches_its_step_and_nobody_else() {
    let text = "
name: Secret
steps:
  - {id: s, type: script, command: 'echo key=$KEY; test \"$KEY\" = hunter22', env: {KEY: '{{ secrets.DEPLOY_KEY }}'}}
";
    let world = World::new(&[("secret", text)]);
    let without = world.run("secret", &json!({}));
    let failed = world.run_until(&without, "failed");
    assert_eq!(step(&failed, "s")["error"]["code"], "secret");
    let set = world.request(
        "PUT",
        "/api/secrets/DEPLOY_KEY",
        Some(&json!({"value": "hunter22"})),
    );
    assert_eq!(set.status, 204);
    let run = world.run("secret", &json!({}));
    let done = world.run_until(&run, "completed");
    assert_eq!(step(&done, "s")["result"], "key=***\n");
    assert!(!world.get("/api/secrets").text.contains("hunter22"));
    let path = "/api/secrets/DEPLOY_KEY";
    assert_eq!(world.request("DELETE", path, None).status, 204);
    assert_eq!(world.request("DELETE", path, None).status, 404);
}
