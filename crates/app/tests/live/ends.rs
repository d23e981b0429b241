//! Every end of a step is told once, with all that document 2 promises, however it came.

use serde_json::{Value, json};

use crate::server_support::{World, step};
use crate::socket::{Socket, comes_to, id_of};

const ENDS: &str = "
name: Ends
phases: [early, late]
steps:
  - {id: good, name: The good one, phase: early, type: script, command: 'true', needs: []}
  - {id: bad, phase: early, type: script, command: 'exit 3', continue_on_error: true, needs: []}
  - {id: never, phase: early, type: script, command: 'true', if: 'false', needs: []}
  - {id: works, phase: late, type: script, command: 'while :; do sleep 0.05; done', needs: []}
  - {id: again, phase: late, type: script, command: 'exit 4', retry: {attempts: 2, backoff: 1h}, needs: []}
  - {id: asks, phase: late, type: approval, message: 'Go on?', needs: []}
  - {id: waits, phase: late, type: wait, for: 1h, needs: []}
  - {id: each, phase: late, type: script, command: 'while :; do sleep 0.05; done', foreach: [1, 2], needs: []}
  - {id: after, phase: late, type: script, command: 'true', needs: [asks]}
";

/// What is told of this kind, by the key of its step.
fn of<'e>(events: &'e [Value], kind: &str, key: &str) -> Vec<&'e Value> {
    let is_one = |event: &&Value| event["type"] == kind && event["data"]["step_key"] == key;
    events.iter().filter(is_one).collect()
}

#[test]
fn each_end_is_told_once_with_its_step_and_before_the_end_of_its_run() {
    let world = World::new(&[("ends", ENDS)]);
    let mut socket = Socket::open(&world, "");
    let run = world.run("ends", &json!({}));
    let stands = |run: &Value, key: &str, status: &str| step(run, key)["status"] == status;
    let busy = world.run_when(&run, "is busy", |run| {
        let steps = run["steps"].as_array().unwrap();
        let tried = |key: &str| step(run, key)["attempts"].as_array().map_or(0, Vec::len);
        let again = step(run, "again");
        steps.iter().any(|step| step["step_id"] == "each.1")
            && stands(run, "good", "completed")
            && stands(run, "bad", "failed")
            && stands(run, "never", "skipped")
            && stands(run, "asks", "running")
            && stands(run, "waits", "running")
            && tried("works") == 1
            && tried("each.1") == 1
            && !again["attempts"][0]["ended_at"].is_null()
    });
    world.post(&format!("{run}/cancel"), &json!({}));
    let events = socket.until(comes_to(id_of(&run), "cancelled"));
    let ends = [
        ("good", "completed", "early"),
        ("bad", "failed", "early"),
        ("never", "skipped", "early"),
        ("works", "cancelled", "late"),
        ("again", "cancelled", "late"),
        ("asks", "cancelled", "late"),
        ("waits", "cancelled", "late"),
        ("each.0", "cancelled", "late"),
        ("each.1", "cancelled", "late"),
        ("each", "cancelled", "late"),
    ];
    for (key, status, phase) in ends {
        let told = of(&events, "workflow.step.completed", key);
        assert_eq!(told.len(), 1, "{key}: {told:?}");
        let data = &told[0]["data"];
        let known = step(&busy, key);
        let expected = json!({
            "step_id": known["id"], "step_key": key, "step_name": known["name"],
            "phase": phase, "status": status,
            "execution_id": id_of(&run), "number": 1, "project_id": world.project,
        });
        assert_eq!(*data, expected);
        assert!(told[0]["pos"].is_u64());
        if status != "skipped" {
            let begun = of(&events, "workflow.step.started", key);
            assert_eq!(begun.len(), 1, "{key}: {begun:?}");
            let mut expected = expected.clone();
            expected["status"] = "running".into();
            assert_eq!(begun[0]["data"], expected);
        }
    }
    assert_eq!(step(&busy, "good")["name"], "The good one");
    let told = events.iter();
    let told = told.filter(|event| event["type"] == "workflow.step.completed");
    assert_eq!(told.count(), ends.len(), "what never began does not end");
    // Items end before what they are items of.
    let at = |key: &str| of(&events, "workflow.step.completed", key)[0]["pos"].as_u64();
    assert!(at("each.0") < at("each") && at("each.1") < at("each"));
    let phases = events.iter();
    let phases = phases.filter(|event| event["type"] == "workflow.execution.phase_changed");
    let phases: Vec<&Value> = phases.map(|event| &event["data"]).collect();
    assert!(!phases.is_empty());
    for data in &phases {
        assert_eq!(data["execution_id"], id_of(&run), "{data}");
        assert_eq!(data["project_id"], world.project, "{data}");
    }
    assert!(phases.iter().any(|data| data["current_phase"] == "late"));
}

const FAILS: &str = "
name: Fails
phases: [early, late]
steps:
  - {id: bad, phase: early, type: script, command: 'until test -e go; do sleep 0.02; done; exit 3', needs: []}
  - {id: good, phase: early, type: script, command: 'true', needs: []}
  - {id: asks, phase: late, type: approval, message: 'Go on?', needs: []}
  - {id: waits, phase: late, type: wait, for: 1h, needs: []}
";

#[test]
fn what_a_failure_or_a_resume_puts_back_is_told_once_and_begins_anew() {
    let world = World::new(&[("fails", FAILS)]);
    let mut socket = Socket::open(&world, "");
    let run = world.run("fails", &json!({}));
    let stands = |run: &Value, key: &str, status: &str| step(run, key)["status"] == status;
    let waits = |run: &Value| {
        stands(run, "good", "completed")
            && stands(run, "asks", "running")
            && stands(run, "waits", "running")
    };
    world.run_when(&run, "waits", waits);
    std::fs::write(world.directory().join("go"), "").unwrap();
    let events = socket.until(comes_to(id_of(&run), "failed"));
    let failed = world.get(&run).json()["data"].take();
    let phases = [("asks", "late"), ("waits", "late")];
    for (key, phase) in phases {
        let told = of(&events, "workflow.step.reset", key);
        assert_eq!(told.len(), 1, "{key}: {told:?}");
        let known = step(&failed, key);
        assert_eq!(known["status"], "pending", "{key}");
        let expected = json!({
            "step_id": known["id"], "step_key": key, "step_name": known["name"],
            "phase": phase, "status": "pending",
            "execution_id": id_of(&run), "number": 1, "project_id": world.project,
        });
        assert_eq!(told[0]["data"], expected);
        assert!(told[0]["pos"].is_u64());
        assert_eq!(
            of(&events, "workflow.step.completed", key).len(),
            0,
            "{key}"
        );
    }
    let reset = |events: &[Value]| {
        let reset = events.iter();
        let reset = reset.filter(|event| event["type"] == "workflow.step.reset");
        reset.count()
    };
    assert_eq!(reset(&events), phases.len());
    // The failed step is undone, and all begins anew.
    world.post(&format!("{run}/resume"), &json!({}));
    let begins = |event: &Value| {
        event["type"] == "workflow.step.started" && event["data"]["step_key"] == "waits"
    };
    let events = socket.until(begins);
    let told = of(&events, "workflow.step.reset", "bad");
    assert_eq!(told.len(), 1, "{events:?}");
    assert_eq!(told[0]["data"]["status"], "pending");
    assert_eq!(reset(&events), 1, "{events:?}");
}
