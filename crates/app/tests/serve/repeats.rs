//! `Idempotency-Key`: what a repeat makes (nothing), and what it is answered.

use serde_json::{Value, json};

use super::roles::{HELLO, user};
use crate::server_support::World;
use crate::server_support::net::{Net, Reply};

fn keyed(net: &Net, key: &str, path: &str, body: &Value) -> Reply {
    net.with("idempotency-key", key).post(path, body)
}

fn count(net: &Net, path: &str) -> usize {
    net.get(path).json()["data"].as_array().unwrap().len()
}

#[test]
fn a_repeat_makes_nothing_and_gets_the_same_answer_after_a_restart_too() {
    let mut world = World::idle(&[("hello", HELLO)]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    let project = world.directory();
    let other = world.data_dir();
    let cases = [
        (
            "/api/projects",
            json!({"path": project}),
            json!({"path": other}),
        ),
        (
            "/api/users",
            json!({"username": "uma", "password": "a long enough one"}),
            json!({"username": "udo"}),
        ),
        (
            "/api/tokens",
            json!({"name": "one", "role": "operator"}),
            json!({"name": "other"}),
        ),
        (
            "/api/webhooks",
            json!({"url": "https://example.com/one"}),
            json!({"url": "https://example.com/other"}),
        ),
    ];
    let mut answers = Vec::new();
    for (path, body, other) in &cases {
        let before = count(&admin, path);
        let first = keyed(&admin, path, path, body);
        assert_eq!(first.status, 201, "{first:?}");
        let again = keyed(&admin, path, path, body);
        assert_eq!((again.status, again.json()), (201, first.json()));
        let conflict = keyed(&admin, path, path, other);
        assert_eq!(
            (conflict.status, conflict.code().as_str()),
            (409, "idempotency_conflict"),
            "{path}"
        );
        assert_eq!(count(&admin, path), before + 1, "{path}");
        // Without the key it is a request of its own.
        let anew = admin.post(path, body);
        let status = match *path {
            "/api/projects" => 200,
            "/api/users" => 409,
            _ => 201,
        };
        assert_eq!(anew.status, status, "{anew:?}");
        answers.push(first.json());
    }
    world.kill_host();
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    for ((path, body, _), first) in cases.iter().zip(&answers) {
        let before = count(&admin, path);
        let again = keyed(&admin, path, path, body);
        assert_eq!((again.status, &again.json()), (201, first));
        assert_eq!(count(&admin, path), before, "{path}");
    }
    let token = &answers[2]["data"];
    let holder = net.bearer(token["token"].as_str().unwrap());
    assert_eq!(
        holder.get("/api/auth/me").json()["data"]["role"],
        "operator"
    );
    for (path, made) in [
        ("/api/tokens", token),
        ("/api/users", &answers[1]["data"]),
        ("/api/webhooks", &answers[3]["data"]),
    ] {
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        assert_eq!(admin.request("DELETE", &one, None).status, 204);
        let body = &cases.iter().find(|case| case.0 == path).unwrap().1;
        let again = keyed(&admin, path, path, body);
        assert_eq!(again.status, 404, "it is not made again: {again:?}");
    }
    assert_eq!(holder.get("/api/auth/me").status, 401);
    let value = token["token"].as_str().unwrap().as_bytes();
    for file in ["access.db", "access.db-wal", "idempotency.log"] {
        let kept = std::fs::read(world.data_dir().join(file)).unwrap_or_default();
        let found = kept.windows(value.len()).any(|part| part == value);
        assert!(!found, "{file} holds a token");
    }
}

#[test]
fn a_key_is_its_users_own_and_gives_no_more_than_who_shows_it_may() {
    let mut world = World::idle(&[("hello", HELLO)]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    world.register(&admin);
    let (_, olga) = user(&admin, &net, "olga", "operator");
    let (_, otto) = user(&admin, &net, "otto", "operator");
    let body = json!({"project_id": world.project, "definition": "hello"});
    let runs = [&olga, &otto, &olga].map(|who| {
        let started = keyed(who, "once", "/api/workflow-executions", &body);
        assert_eq!(started.status, 201, "{started:?}");
        started.json()["data"]["id"].clone()
    });
    assert_ne!(runs[0], runs[1], "each has a run of their own");
    assert_eq!(runs[0], runs[2]);
    // The same user by a weaker token is not shown the stronger one that the key has made.
    let wanted = json!({"name": "strong"});
    let strong = keyed(&olga, "strong", "/api/tokens", &wanted);
    assert_eq!(strong.json()["data"]["role"], "operator", "{strong:?}");
    let weak = olga.post("/api/tokens", &json!({"name": "weak", "role": "viewer"}));
    let weak = net.bearer(weak.json()["data"]["token"].as_str().unwrap());
    let refused = keyed(&weak, "strong", "/api/tokens", &wanted);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
    let other = keyed(&otto, "strong", "/api/tokens", &wanted);
    assert_eq!(other.status, 201);
    assert_ne!(other.json()["data"]["id"], strong.json()["data"]["id"]);
}
