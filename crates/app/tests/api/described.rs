//! Answers are as the document says.

use serde_json::json;

use crate::document::Document;
use crate::server_support::{World, step};

const MIXED: &str = "
name: Mixed
phases: [build, check]
argsSchema: {type: object, properties: {x: {type: string, default: world}}}
steps:
  - {id: hello, type: script, phase: build, command: 'echo hello {{ args.x }}', outputs: {v: stdout | trim}}
  - {id: each, type: script, phase: build, foreach: '{{ [1, 2] }}', command: 'echo {{ item }}'}
  - {id: never, type: script, phase: check, if: 'false', command: 'exit 1'}
  - {id: ok, type: approval, phase: check, message: Go on?}
outputs: {said: '{{ steps.hello.outputs.v }}'}
";

const FAIL: &str = "
name: Fail
steps:
  - {id: a, type: script, command: 'exit 3'}
";

#[test]
fn every_answer_is_as_the_document_says() {
    let world = World::new(&[("mixed", MIXED), ("fail", FAIL), ("broken", "name: [")]);
    let document = Document::of(&world);
    let runs = "/api/workflow-executions";
    let get = |operation: &str, path: &str| {
        let answer = world.get(path);
        document.check(&format!("GET {operation}"), &answer);
        answer
    };
    let body = json!({"project_id": world.project, "definition": "mixed"});
    let started = world.post(runs, &body);
    document.check(&format!("POST {runs}"), &started);
    let run = format!("{runs}/{}", started.json()["data"]["id"].as_str().unwrap());
    let waits = world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    get("/api/workflow-executions/{id}", &run);
    let comment = json!({"text": "well", "step_id": "hello"});
    let comments = "/api/workflow-executions/{id}/comments";
    let posted = world.post(&format!("{run}/comments"), &comment);
    document.check(&format!("POST {comments}"), &posted);
    get(comments, &format!("{run}/comments"));
    let number = waits["number"].as_u64().unwrap();
    let messages = format!("/api/workflows/{number}/messages");
    get("/api/workflows/{id}/messages", &messages);
    let said = world.post(&messages, &json!({"content": "note"}));
    document.check("POST /api/workflows/{id}/messages", &said);
    let message = said.json()["messageId"].clone();
    let read = json!({"message_id": message});
    let read = world.request("PUT", &format!("{run}/read"), Some(&read));
    document.check("PUT /api/workflow-executions/{id}/read", &read);
    let ok = step(&waits, "ok")["id"].as_str().unwrap();
    let hello = step(&waits, "hello")["id"].as_str().unwrap();
    get(
        "/api/workflow-steps/{id}",
        &format!("/api/workflow-steps/{ok}"),
    );
    get(
        "/api/workflow-steps/{id}/logs/{type}",
        &format!("/api/workflow-steps/{hello}/logs/output"),
    );
    get(
        "/api/workflow-steps/{id}/activities",
        &format!("/api/workflow-steps/{hello}/activities"),
    );
    let approve = format!("/api/workflow-steps/{ok}/approve");
    let approved = world.post(&approve, &json!({}));
    document.check("POST /api/workflow-steps/{id}/approve", &approved);
    let again = world.post(&approve, &json!({}));
    assert_eq!(again.status, 409);
    document.check("POST /api/workflow-steps/{id}/approve", &again);
    world.run_until(&run, "completed");
    get("/api/workflow-executions/{id}", &run);
    for path in ["rewind-preview?to=hello", "events", "checkpoints"] {
        let operation = path.split('?').next().unwrap();
        let operation = format!("/api/workflow-executions/{{id}}/{operation}");
        get(&operation, &format!("{run}/{path}"));
    }
    let failed = world.run("fail", &json!({}));
    world.run_until(&failed, "failed");
    get("/api/workflow-executions/{id}", &failed);
    get(runs, runs);
    get("/api/workflow-definitions", "/api/workflow-definitions");
    let listed = world.get("/api/workflow-definitions").json();
    for definition in listed["data"].as_array().unwrap() {
        let path = definition["id"].as_str().unwrap();
        let path = format!("/api/workflow-definitions/{path}");
        get("/api/workflow-definitions/{id}", &path);
    }
    let source = json!({"source": "name: x\nsteps: 5\n", "type": "yaml"});
    let validated = world.post("/api/workflow-definitions/validate", &source);
    document.check("POST /api/workflow-definitions/validate", &validated);
    assert_eq!(validated.json()["data"]["valid"], false);
    let refresh = format!("/api/projects/{}/workflows/refresh", world.project);
    let refreshed = world.post(&refresh, &json!({}));
    document.check("POST /api/projects/{id}/workflows/refresh", &refreshed);
    for path in [
        "/api/projects",
        "/api/secrets",
        "/api/webhooks",
        "/api/insights",
        "/api/auth/me",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/docs",
    ] {
        get(path, path);
    }
    let unknown = world.get(&format!("{runs}/nothing"));
    assert_eq!(unknown.status, 404);
    document.check("GET /api/workflow-executions/{id}", &unknown);
    let gone = world.request("DELETE", &run, None);
    document.check("DELETE /api/workflow-executions/{id}", &gone);
}

#[test]
fn the_page_of_the_description_needs_nothing_from_elsewhere() {
    let world = World::new(&[]);
    let page = world.get("/api/docs").text;
    assert!(
        !page.contains("http") && !page.contains("<script>"),
        "{page}"
    );
    for part in ["docs.js", "docs.css"] {
        assert!(page.contains(part));
        assert_eq!(world.get(&format!("/api/docs/{part}")).status, 200);
    }
}
