//! What the thread refuses, and with which code.

use serde_json::json;

use crate::office::{messages, say, thread, world};

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

#[test]
fn what_cannot_mean_anything_is_refused_and_changes_nothing() {
    let world = world(&[("ask", ASK)]);
    let run = world.run("ask", &json!({}));
    world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    let path = messages(&run);
    for (body, status, code) in [
        (json!({}), 400, "empty_content"),
        (json!({"content": ""}), 400, "empty_content"),
        (json!({"content": "  \n"}), 400, "empty_content"),
        (
            json!({"content": "x", "action_type": "shout"}),
            400,
            "unknown_action",
        ),
        (
            json!({"content": "x", "action_type": 7}),
            400,
            "unknown_action",
        ),
        (json!({"content": 7}), 422, "invalid_body"),
        (json!({"content": "x".repeat(300_000)}), 422, "invalid_body"),
        (
            json!({"content": "x", "action_type": "resume"}),
            409,
            "invalid_state",
        ),
        (
            json!({"content": "x", "action_type": "instruction", "metadata": {"step_id": "no"}}),
            404,
            "no_step",
        ),
        (
            json!({"content": "x", "action_type": "redirect", "metadata": {"skipToAgent": "no"}}),
            404,
            "no_step",
        ),
        (
            json!({"content": "x", "action_type": "redirect", "metadata": {"skipToAgent": 1}}),
            422,
            "invalid_body",
        ),
    ] {
        let answer = world.post(&path, &body);
        let shown: String = body.to_string().chars().take(100).collect();
        assert_eq!(answer.status, status, "{shown}: {answer:?}");
        let problem = answer.json();
        assert_eq!(answer.kind, "application/problem+json");
        assert_eq!(problem["error"], problem["detail"]);
        if status != 422 && status != 404 {
            assert_eq!(problem["code"], code, "{shown}");
        }
    }
    let bad = world.raw(&format!(
        "POST {path} HTTP/1.0\r\nhost: b\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{{"
    ));
    assert_eq!(bad.unwrap().status, 400);
    assert_eq!(
        world
            .post("/api/workflows/99/messages", &json!({"content": "x"}))
            .status,
        404
    );
    assert_eq!(world.get("/api/workflows/99/messages").status, 404);
    assert_eq!(
        world.post("/api/workflows/99/pause", &json!({})).status,
        404
    );
    assert_eq!(
        world.request("DELETE", "/api/workflows/99", None).status,
        404
    );
    assert_eq!(thread(&world, &run), Vec::<String>::new());
}

#[test]
fn a_finished_run_takes_comments_and_no_orders() {
    let world = world(&[("ask", ASK)]);
    let run = world.run("ask", &json!({}));
    say(&world, &run, "cancel", "Enough", json!({}));
    world.run_until(&run, "cancelled");
    for action in ["instruction", "pause", "resume", "cancel", "redirect"] {
        let body = json!({"content": "x", "action_type": action});
        let answer = world.post(&messages(&run), &body);
        assert_eq!(answer.status, 409, "{action}: {answer:?}");
        let problem = answer.json();
        assert_eq!(problem["code"], "invalid_state", "{action}");
        assert_eq!(problem["current_status"], "cancelled", "{action}");
    }
    let id = run.rsplit('/').next().unwrap();
    for path in ["pause", "unpause"] {
        let answer = world.post(&format!("/api/workflows/{id}/{path}"), &json!({}));
        // A cancelled run may be resumed; it cannot be paused.
        let status = if path == "pause" { 409 } else { 200 };
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[test]
fn a_comment_outlives_the_run() {
    let world = world(&[(
        "one",
        "name: One\nsteps:\n  - {id: a, type: script, command: 'true'}\n",
    )]);
    let run = world.run("one", &json!({}));
    world.run_until(&run, "completed");
    let said = say(&world, &run, "comment", "well done", json!({}));
    assert!(said["actionTaken"].is_null());
    let thread = world.get(&messages(&run)).json();
    let last = thread["messages"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(last["id"], said["messageId"]);
    assert_eq!(last["message_type"], "user");
    assert_eq!(last["action_type"], "comment");
    assert_eq!(last["action_status"], "processed");
    // The same row as a comment of document 2.
    let comments = world.get(&format!("{run}/comments")).json();
    let row = comments["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(row["id"], said["messageId"].to_string());
    assert_eq!(row["text"], "well done");
}
