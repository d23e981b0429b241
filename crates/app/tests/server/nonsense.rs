//! What makes no sense is refused in words, each time with the same code.

use serde_json::{Value, json};

use crate::server_support::{Answer, World, step};

const ONE: &str = "
name: One
argsSchema: {type: object, properties: {x: {type: string, default: world}}}
steps:
  - {id: hello, type: script, command: 'echo hello {{ args.x }}'}
";

/// The refusal is a problem with this status and code.
#[track_caller]
fn is(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.kind, "application/problem+json", "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["error"], problem["detail"]);
    assert_eq!(problem["code"], code, "{answer:?}");
    problem
}

/// A POST whose head and body are exactly these.
fn raw(world: &World, path: &str, head: &str, body: &str) -> Answer {
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.0\r\nhost: b\r\n{head}content-length: {length}\r\n\r\n{body}");
    world.raw(&request).unwrap()
}

#[test]
fn what_a_path_or_a_query_cannot_mean_is_refused_in_words() {
    let world = World::new(&[("one", ONE)]);
    let run = world.run("one", &json!({}));
    let done = world.run_until(&run, "completed");
    let second = world.run("one", &json!({}));
    world.run_until(&second, "completed");
    let id = done["id"].as_str().unwrap();
    let hello = step(&done, "hello")["id"].as_str().unwrap();
    let all = "/api/workflow-executions";
    let unknown = format!("run_{}", "0".repeat(32));
    let secret = json!({"value": "hidden-value"});
    let cases = [
        ("/api/nowhere".to_owned(), 404, "not_found"),
        ("/api/tasks".to_owned(), 404, "not_available"),
        (format!("{all}/%ff%fe"), 400, "bad_path"),
        (format!("{all}/nothing"), 404, "not_found"),
        (format!("{all}/{unknown}"), 404, "not_found"),
        // Both begin with the minute in which they began.
        (format!("{all}/{}", &id[..10]), 409, "ambiguous_id"),
        (format!("{all}?limit=0"), 400, "bad_query"),
        (format!("{all}?limit=x"), 400, "bad_query"),
        (format!("{all}?status=odd"), 400, "bad_query"),
        (format!("{all}?cursor=odd"), 400, "bad_cursor"),
        (format!("{run}/events?cursor=odd"), 400, "bad_cursor"),
        (format!("{run}/comments?cursor=odd"), 400, "bad_cursor"),
        ("/api/audit?cursor=odd".to_owned(), 400, "bad_cursor"),
        (format!("{run}/rewind-preview"), 400, "bad_query"),
        (format!("{run}/rewind-preview?to=nowhere"), 404, "not_found"),
        (format!("{run}/rewind-preview?to=99"), 404, "not_found"),
        (format!("{run}/diff"), 409, "no_files"),
        ("/api/workflow-steps/step_1".to_owned(), 404, "not_found"),
        (
            format!("/api/workflow-steps/{hello}/logs/odd"),
            404,
            "not_found",
        ),
        (
            format!("/api/workflow-steps/{hello}/logs/output?offset=-1"),
            400,
            "bad_query",
        ),
        ("/api/events?topics=odd".to_owned(), 400, "bad_topic"),
        ("/api/insights?group=odd".to_owned(), 400, "bad_query"),
    ];
    for (path, status, code) in cases {
        is(&world.get(&path), status, code);
    }
    let deleted = world.request("DELETE", "/healthz", None);
    let problem = is(&deleted, 405, "method_not_allowed");
    assert!(problem["detail"].as_str().unwrap().contains("DELETE"));
    let named = world.request("PUT", "/api/secrets/1-x", Some(&secret));
    is(&named, 422, "invalid_name");
    let position = "GET /api/events HTTP/1.0\r\nhost: b\r\nlast-event-id: x\r\n\r\n";
    is(&world.raw(position).unwrap(), 400, "bad_position");
    is(&world.get("/api/ws"), 426, "upgrade_required");
}

#[test]
fn what_a_body_cannot_mean_is_refused_in_words_and_changes_nothing() {
    let world = World::new(&[("one", ONE), ("broken", "name: [")]);
    let start = "/api/workflow-executions";
    let run = world.run("one", &json!({}));
    world.run_until(&run, "completed");
    let listed = world.get("/api/workflow-definitions").json();
    let one = &listed["data"].as_array().unwrap()[1]["id"];
    let body = |definition: &str, more: Value| {
        let mut body = json!({"project_id": world.project, "definition": definition});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let cases = [
        (start, json!([1]), 422, "invalid_body"),
        (start, json!({}), 422, "invalid_body"),
        (start, json!({"project_id": 5}), 422, "invalid_body"),
        (start, json!({"definition": "one"}), 422, "invalid_body"),
        (start, body("none", json!({})), 404, "not_found"),
        (start, body("broken", json!({})), 422, "definition_invalid"),
        (
            start,
            body("one", json!({"args": {"x": 1}})),
            422,
            "invalid_args",
        ),
        (
            start,
            body("one", json!({"args": {"y": 1}})),
            422,
            "invalid_args",
        ),
        (
            start,
            body("one", json!({"workflow_definition_id": one})),
            422,
            "invalid_body",
        ),
        (
            start,
            body("one", json!({"base_branch": "main", "worktree": "stay"})),
            422,
            "base_branch_without_worktree",
        ),
        (
            start,
            body("one", json!({"budget": {"usd": 0}})),
            422,
            "invalid_body",
        ),
        (&format!("{run}/pause"), json!({}), 409, "invalid_state"),
        (&format!("{run}/replay"), json!({}), 422, "not_a_program"),
        (
            &format!("{run}/fork"),
            json!({"from_step": "no"}),
            404,
            "not_found",
        ),
        (
            &format!("{run}/resume"),
            json!({"from_step": "hello", "checkpoint": 1}),
            422,
            "invalid_body",
        ),
        (
            &format!("{run}/comments"),
            json!({"text": " "}),
            400,
            "empty_content",
        ),
        (
            &format!("{run}/comments"),
            json!({"text": "x", "comment_type": "odd"}),
            422,
            "invalid_body",
        ),
        (
            "/api/workflows/1/messages",
            json!({"content": "x", "action_type": "fly"}),
            400,
            "unknown_action",
        ),
        (
            "/api/workflows/1/messages",
            json!({"content": "x", "action_type": "pause"}),
            409,
            "invalid_state",
        ),
        (
            "/api/projects",
            json!({"path": "relative"}),
            422,
            "invalid_body",
        ),
        (
            "/api/projects",
            json!({"path": "/does/not/exist"}),
            422,
            "invalid_body",
        ),
    ];
    for (path, body, status, code) in &cases {
        is(&world.post(path, body), *status, code);
    }
    // What is wrong is said where it stands.
    let broken = world.post(start, &body("broken", json!({}))).json();
    let found = &broken["diagnostics"][0];
    assert_eq!(
        (&found["line"], &found["severity"]),
        (&json!(1), &json!("error"))
    );
    assert!(
        broken["detail"]
            .as_str()
            .unwrap()
            .contains("broken.yaml:1:")
    );
    let args = world.post(start, &body("one", json!({"args": {"x": 1}})));
    assert_eq!(args.json()["errors"][0]["pointer"], "/args/x");
    let members = format!("/api/projects/{}/members", world.project);
    let user = format!("usr_{}", "0".repeat(32));
    for (role, status, code) in [("admin", 422, "invalid_body"), ("viewer", 404, "not_found")] {
        let body = json!({"members": [{"user_id": user, "role": role}]});
        is(&world.request("PUT", &members, Some(&body)), status, code);
    }
    let runs = world.get(start).json();
    assert_eq!(
        runs["data"].as_array().unwrap().len(),
        1,
        "nothing has begun"
    );
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    let world = World::new(&[("one", ONE)]);
    let start = "/api/workflow-executions";
    let kind = "content-type: application/json\r\n";
    is(&raw(&world, start, kind, "{"), 400, "bad_json");
    let text = "content-type: text/plain\r\n";
    is(
        &raw(&world, start, text, "{}"),
        415,
        "unsupported_media_type",
    );
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    is(&raw(&world, start, kind, &large), 413, "too_large");
    for key in ["", "a b", &"x".repeat(121), "é"] {
        let head = format!("{kind}idempotency-key: {key}\r\n");
        is(&raw(&world, start, &head, "{}"), 400, "bad_idempotency_key");
    }
    // A piece without a length.
    let torn = format!(
        "POST {start} HTTP/1.1\r\nhost: b\r\nconnection: close\r\n{kind}\
         transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"
    );
    is(&world.raw(&torn).unwrap(), 400, "bad_body");
}
