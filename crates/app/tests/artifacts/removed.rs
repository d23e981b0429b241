//! A removed run takes all of its own with it, and nothing of others.

use serde_json::{Value, json};

use crate::form::{get, on_disk, upload, waiting};
use crate::server_support::{World, step};

/// Starts another run of the same definition, with an environment; its path and its files' places.
fn begun(world: &World) -> (String, [std::path::PathBuf; 2]) {
    let body = json!({
        "project_id": world.project, "definition": "ask", "environment": {"A": "b"},
    });
    let started = world.post("/api/workflow-executions", &body).json();
    let id = started["data"]["id"].as_str().unwrap();
    let executions = world.directory().join(".agent/workflows/executions");
    let places = [executions.join(id), world.data_dir().join("runs").join(id)];
    let run = format!("/api/workflow-executions/{id}");
    world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    (run, places)
}

fn bring(world: &World, run: &str) -> Value {
    let parts = [
        ("step_id", None, &b"ok"[..]),
        ("file", Some("a.txt"), b"mine"),
    ];
    let answer = upload(world, run, "", &parts);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["data"]["id"].clone()
}

#[test]
fn a_removed_run_leaves_nothing_and_others_lose_nothing() {
    let (mut world, _) = waiting();
    let (run, places) = begun(&world);
    let (other, others) = begun(&world);
    let artifact = bring(&world, &run);
    let artifact = format!("/api/artifacts/{}", artifact.as_str().unwrap());
    let kept = bring(&world, &other);
    let kept = format!("/api/artifacts/{}", kept.as_str().unwrap());
    world.post(&format!("{run}/comments"), &json!({"text": "gone soon"}));
    let found = world.get(&run).json()["data"].clone();
    let number = found["number"].as_u64().unwrap();
    let ok = step(&found, "ok")["id"].as_str().unwrap().to_owned();

    let refused = world.request("DELETE", &run, None);
    assert_eq!(refused.status, 409, "{refused:?}");
    let problem = refused.json();
    assert_eq!(problem["code"], "invalid_state");
    assert_eq!(problem["current_status"], "running");
    assert!(places.iter().all(|place| place.exists()), "{places:?}");

    world.post(&format!("{run}/cancel"), &json!({}));
    world.run_until(&run, "cancelled");
    assert_eq!(world.request("DELETE", &run, None).status, 204);
    for round in ["at once", "after a restart"] {
        assert!(!places.iter().any(|place| place.exists()), "{places:?}");
        for path in [
            run.clone(),
            format!("/api/workflow-executions/{number}"),
            format!("/api/workflow-steps/{ok}"),
            format!("/api/workflows/{number}/messages"),
            format!("{run}/events"),
            artifact.clone(),
        ] {
            let answer = world.get(&path);
            assert_eq!(answer.status, 404, "{round}, {path}: {answer:?}");
        }
        let listed = world.get("/api/workflow-executions").json();
        let listed = listed["data"].as_array().unwrap().iter();
        let numbers: Vec<&Value> = listed.map(|run| &run["number"]).collect();
        assert_eq!(numbers, [3, 1], "{round}");
        let file = get(&world, &kept, "");
        assert_eq!((file.status, &file.body[..]), (200, &b"mine"[..]));
        assert_eq!(on_disk(&world, &other), ["ok/a.txt"]);
        assert!(others.iter().all(|place| place.exists()), "{others:?}");
        world.kill_host();
        world.start();
    }
    // Its number is not given to another.
    let next = world.run("ask", &json!({}));
    assert_eq!(world.get(&next).json()["data"]["number"], 4);
}
