//! What a viewer, an operator and an admin may; members of projects; tokens; the trail.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::server_support::World;
use crate::server_support::net::Net;

pub const HELLO: &str = "
name: Hello
steps:
  - {id: hello, type: script, command: 'echo hello'}
";

/// A user with this role: its id, and somebody with a token of its own.
pub fn user(admin: &Net, net: &Net, name: &str, role: &str) -> (String, Net) {
    let made = admin.post("/api/users", &json!({"username": name, "role": role}));
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["data"]["id"].as_str().unwrap().to_owned();
    // The most that it gives; the user may have less.
    let body = json!({"name": "test", "role": "operator", "user_id": id});
    let token = admin.post("/api/tokens", &body);
    assert_eq!(token.status, 201, "{token:?}");
    let token = token.json()["data"]["token"].as_str().unwrap().to_owned();
    (id, net.bearer(&token))
}

fn start(net: &Net, project: &str) -> (u16, Value) {
    let body = json!({"project_id": project, "definition": "hello"});
    let answer = net.post("/api/workflow-executions", &body);
    (answer.status, answer.json())
}

#[test]
fn a_viewer_looks_an_operator_acts_and_an_admin_decides_about_others() {
    let mut world = World::idle(&[("hello", HELLO)]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    world.register(&admin);
    let (_, viewer) = user(&admin, &net, "vera", "viewer");
    let (_, operator) = user(&admin, &net, "otto", "operator");
    let me = viewer.get("/api/auth/me").json();
    assert_eq!(
        (&me["data"]["username"], &me["data"]["role"]),
        (&json!("vera"), &json!("viewer"))
    );

    assert_eq!(start(&viewer, &world.project).0, 403);
    let (status, run) = start(&operator, &world.project);
    assert_eq!(status, 201, "{run}");
    let run = format!(
        "/api/workflow-executions/{}",
        run["data"]["id"].as_str().unwrap()
    );
    assert_eq!(viewer.get(&run).status, 200);
    for order in ["cancel", "pause", "resume", "fork"] {
        let refused = viewer.post(&format!("{run}/{order}"), &json!({}));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "forbidden"),
            "{order}"
        );
    }
    let said = json!({"content": "hello"});
    assert_eq!(viewer.post(&format!("{run}/comments"), &said).status, 403);
    assert_eq!(viewer.request("DELETE", &run, None).status, 403);
    for (method, path) in [
        ("GET", "/api/users"),
        ("POST", "/api/users"),
        ("GET", "/api/audit"),
        ("GET", "/api/secrets"),
        ("PUT", "/api/secrets/A"),
        ("POST", "/api/projects"),
        ("POST", "/api/webhooks"),
        ("POST", "/api/host/hand-over"),
        ("PUT", &format!("/api/projects/{}/members", world.project)),
    ] {
        let body = (method != "GET").then(|| json!({}));
        let refused = operator.request(method, path, body.as_ref());
        assert_eq!(refused.status, 403, "{method} {path}: {refused:?}");
    }
    world.run_until(&run, "completed");
}

#[test]
fn a_project_with_members_is_theirs_alone() {
    let mut world = World::idle(&[("hello", HELLO)]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    world.register(&admin);
    let (inside, member) = user(&admin, &net, "ida", "viewer");
    let (_, other) = user(&admin, &net, "oskar", "operator");
    let (status, run) = start(&other, &world.project);
    assert_eq!(status, 201, "a project without members is everybody's");
    let id = run["data"]["id"].as_str().unwrap().to_owned();
    let run = format!("/api/workflow-executions/{id}");
    world.run_until(&run, "completed");
    let step = admin.get(&run).json()["data"]["steps"][0]["id"].clone();
    let members = format!("/api/projects/{}/members", world.project);
    let body = json!({"members": [{"user_id": inside, "role": "operator"}]});
    assert_eq!(admin.request("PUT", &members, Some(&body)).status, 200);

    assert_eq!(start(&member, &world.project).0, 201, "operator here");
    assert_eq!(start(&other, &world.project).0, 404);
    let escaped = format!("/api/workflow-executions/run%5F{}", &id[4..]);
    for path in [
        run.as_str(),
        &escaped,
        "/api/workflow-executions/1",
        &format!("/api/workflow-steps/{}", step.as_str().unwrap()),
        &format!("/api/workflows/{id}/messages"),
        &format!("/api/projects/{}", world.project),
        &format!("/api/workflow-definitions?project_id={}", world.project),
    ] {
        assert_eq!(other.get(path).status, 404, "{path}");
        assert_eq!(member.get(path).status, 200, "{path}");
    }
    for list in [
        "/api/workflow-executions",
        "/api/projects",
        "/api/workflow-definitions",
    ] {
        let seen = |net: &Net| net.get(list).json()["data"].as_array().unwrap().len();
        assert_eq!(seen(&other), 0, "{list}");
        assert!(seen(&member) > 0, "{list}");
    }
    assert_eq!(admin.request("DELETE", &members, None).status, 204);
    assert_eq!(other.get(&run).status, 200);
}

#[test]
fn a_token_is_shown_once_gives_no_more_than_its_maker_has_and_can_be_taken_back() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    let (_, operator) = user(&admin, &net, "olga", "operator");
    let more = operator.post("/api/tokens", &json!({"name": "x", "role": "admin"}));
    assert_eq!(more.status, 403);
    let made = operator.post("/api/tokens", &json!({"name": "x", "role": "viewer"}));
    assert_eq!(made.status, 201, "{made:?}");
    let value = made.json()["data"]["token"].as_str().unwrap().to_owned();
    let id = made.json()["data"]["id"].as_str().unwrap().to_owned();
    let listed = operator.get("/api/tokens");
    assert_eq!(
        listed.json()["data"].as_array().unwrap().len(),
        2,
        "only her own"
    );
    assert!(!listed.text.contains(&value));
    let weaker = net.bearer(&value);
    assert_eq!(weaker.get("/api/auth/me").json()["data"]["role"], "viewer");
    // A session may do all that its user may: it is not given for less.
    let session = net.post("/api/auth/link", &json!({"token": value}));
    assert_eq!(session.status, 401, "{session:?}");
    let path = format!("/api/tokens/{id}");
    assert_eq!(operator.request("DELETE", &path, None).status, 204);
    assert_eq!(weaker.get("/api/auth/me").status, 401);
    let past = json!({"name": "x", "expires_at": "2001-01-01T00:00:00Z"});
    assert_eq!(operator.post("/api/tokens", &past).status, 422);
    let kept = std::fs::read(world.data_dir().join("access.db")).unwrap();
    let wal = std::fs::read(world.data_dir().join("access.db-wal")).unwrap_or_default();
    for bytes in [kept, wal] {
        let found = bytes
            .windows(value.len())
            .any(|part| part == value.as_bytes());
        assert!(!found, "a token is kept as a hash");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the host compares what it is given with the machine's clock"
)]
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

#[test]
fn a_token_ends_when_it_says() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    let ends = baton_core::time::Timestamp::from_millis(now() + 5_000);
    let body = json!({"name": "short", "expires_at": ends.to_string()});
    let made = admin.post("/api/tokens", &body);
    assert_eq!(made.status, 201, "{made:?}");
    let data = made.json()["data"].clone();
    assert_eq!(data["expires_at"], ends.to_string());
    let short = net.bearer(data["token"].as_str().unwrap());
    assert_eq!(short.get("/api/auth/me").status, 200);
    world.until("it has ended", || short.get("/api/auth/me").status == 401);
    assert!(now() >= ends.millis(), "not before");
    assert_eq!(admin.get("/api/auth/me").status, 200);
}

#[test]
fn the_trail_says_who_did_what() {
    let mut world = World::idle(&[("hello", HELLO)]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    world.register(&admin);
    let (id, operator) = user(&admin, &net, "olaf", "operator");
    let (status, run) = start(&operator, &world.project);
    assert_eq!(status, 201);
    let secret = json!({"value": "hunter2hunter2"});
    assert_eq!(
        admin.request("PUT", "/api/secrets/A", Some(&secret)).status,
        204
    );
    let trail = admin.get("/api/audit");
    let data = trail.json()["data"].as_array().unwrap().clone();
    assert_eq!(data[0]["path"], "/api/secrets/A");
    assert_eq!(
        (&data[0]["username"], &data[0]["status"]),
        (&json!("local"), &json!(204))
    );
    assert_eq!(data[1]["path"], "/api/workflow-executions");
    assert_eq!(
        (&data[1]["user_id"], &data[1]["username"]),
        (&json!(id), &json!("olaf"))
    );
    assert_eq!(data[1]["address"], "127.0.0.1");
    assert!(!trail.text.contains("hunter2"));
    let first = admin.get("/api/audit?limit=1").json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = admin
        .get(&format!("/api/audit?limit=1&cursor={cursor}"))
        .json();
    assert_eq!(next["data"][0]["id"], data[1]["id"]);

    // That somebody has read a thread is no deed.
    let run = run["data"]["id"].as_str().unwrap();
    let run = format!("/api/workflow-executions/{run}");
    let said = operator.post(&format!("{run}/comments"), &json!({"text": "x"}));
    let body = json!({"message_id": said.json()["data"]["id"]});
    let read = operator.request("PUT", &format!("{run}/read"), Some(&body));
    assert_eq!(read.status, 200, "{read:?}");
    let newest = admin.get("/api/audit?limit=1").json()["data"][0].clone();
    assert_eq!(newest["path"], format!("{run}/comments"));
}
