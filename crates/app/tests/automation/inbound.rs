//! Inbound webhooks.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::server_support::{Answer, World};

const ON_PUSH: &str = "
name: On push
argsSchema: {type: object, properties: {what: {type: string}}, required: [what]}
triggers:
  webhook:
    secret_env: HOOK_SECRET
    if: \"event.ref == 'refs/heads/main'\"
    args: {what: '{{ event.head_commit.message }}'}
steps:
  - {id: say, type: script, command: 'echo {{ args.what }}'}
outputs: {said: '{{ args.what }}'}
";

fn world() -> World {
    let world = World::new(&[
        ("on-push", ON_PUSH),
        (
            "plain",
            "name: P\nsteps: [{id: a, type: script, command: 'true'}]\n",
        ),
    ]);
    let set = world.request(
        "PUT",
        "/api/secrets/HOOK_SECRET",
        Some(&json!({"value": "hook-fake-secret"})),
    );
    assert!(set.status < 300, "{set:?}");
    world
}

fn push(branch: &str, message: &str) -> Value {
    json!({"ref": format!("refs/heads/{branch}"), "head_commit": {"message": message}})
}

fn signature(body: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A delivery as GitHub makes it.
fn deliver(world: &World, key: &str, body: &str, secret: &str, id: &str) -> Answer {
    let signature = signature(body, secret);
    let request = format!(
        "POST /api/hooks/{}/{key} HTTP/1.0\r\nhost: b\r\ncontent-type: application/json\r\n\
         x-hub-signature-256: sha256={signature}\r\nx-github-delivery: {id}\r\n\
         content-length: {}\r\n\r\n{body}",
        world.project,
        body.len()
    );
    world.raw(&request).unwrap()
}

#[test]
fn a_signed_delivery_starts_one_run_however_often_it_comes() {
    let mut world = world();
    let body = push("main", "Fix $(touch x)").to_string();
    let first = deliver(&world, "on-push", &body, "hook-fake-secret", "d-1");
    assert_eq!(first.status, 201, "{first:?}");
    let run = first.json()["data"]["run_id"].as_str().unwrap().to_owned();
    let done = world.run_until(&format!("/api/workflow-executions/{run}"), "completed");
    assert_eq!(done["outputs"]["said"], "Fix $(touch x)");
    world.kill_host();
    world.start();
    let again = deliver(&world, "on-push", &body, "hook-fake-secret", "d-1");
    assert_eq!(again.json()["data"]["run_id"], run.as_str());
    let other = deliver(&world, "on-push", &body, "hook-fake-secret", "d-2");
    assert_ne!(other.json()["data"]["run_id"], run.as_str());
}

/// A delivery as Standard Webhooks has it, made so many seconds ago.
fn standard(world: &World, body: &str, secret: &str, id: &str, ago: u64) -> Answer {
    #[expect(
        clippy::disallowed_methods,
        reason = "the host compares it with the machine's clock"
    )]
    let now = SystemTime::now();
    let now = now.duration_since(UNIX_EPOCH).unwrap();
    let seconds = now.as_secs() - ago;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let request = format!(
        "POST /api/hooks/{}/on-push HTTP/1.0\r\nhost: b\r\ncontent-type: application/json\r\n\
         webhook-id: {id}\r\nwebhook-timestamp: {seconds}\r\n\
         webhook-signature: v1,AAAA v1,{signature}\r\ncontent-length: {}\r\n\r\n{body}",
        world.project,
        body.len()
    );
    world.raw(&request).unwrap()
}

#[test]
fn a_delivery_of_standard_webhooks_starts_one_run_unless_it_is_old_or_forged() {
    let world = world();
    let body = push("main", "Standard").to_string();
    let first = standard(&world, &body, "hook-fake-secret", "msg_1", 0);
    assert_eq!(first.status, 201, "{first:?}");
    let run = first.json()["data"]["run_id"].clone();
    let path = format!("/api/workflow-executions/{}", run.as_str().unwrap());
    let done = world.run_until(&path, "completed");
    assert_eq!(done["outputs"]["said"], "Standard");
    let again = standard(&world, &body, "hook-fake-secret", "msg_1", 2);
    assert_eq!(again.json()["data"]["run_id"], run);
    for (secret, ago) in [("hook-fake-secret", 310), ("another", 0)] {
        let refused = standard(&world, &body, secret, "msg_2", ago);
        assert_eq!(
            (refused.status, refused.json()["code"].take()),
            (401, "unauthorized".into()),
            "{secret}, {ago} s ago"
        );
    }
    let runs = world.get("/api/workflow-executions").json();
    assert_eq!(runs["data"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_not_proved_or_not_meant_starts_nothing() {
    let world = world();
    let main = push("main", "x").to_string();
    let wrong = deliver(&world, "on-push", &main, "another", "d-1");
    assert_eq!(
        (wrong.status, wrong.json()["code"].take()),
        (401, "unauthorized".into())
    );
    let bare = world.post(
        &format!("/api/hooks/{}/on-push", world.project),
        &push("main", "x"),
    );
    assert_eq!(bare.status, 401, "{bare:?}");
    let other = push("next", "x").to_string();
    let skipped = deliver(&world, "on-push", &other, "hook-fake-secret", "d-2");
    assert_eq!(
        (skipped.status, skipped.json()["data"]["run_id"].take()),
        (200, Value::Null)
    );
    let unfit = json!({"ref": "refs/heads/main"}).to_string();
    let unfit = deliver(&world, "on-push", &unfit, "hook-fake-secret", "d-3");
    assert_eq!(
        (unfit.status, unfit.json()["code"].take()),
        (422, "bad_event".into())
    );
    let torn = deliver(&world, "on-push", "{", "hook-fake-secret", "d-4");
    assert_eq!(torn.status, 400, "{torn:?}");
    for key in ["plain", "nope", "..%2f..%2fetc"] {
        let none = deliver(&world, key, &main, "hook-fake-secret", "d-5");
        assert_eq!(none.status, 404, "{key}: {none:?}");
    }
    let removed = world.request("DELETE", "/api/secrets/HOOK_SECRET", None);
    assert!(removed.status < 300, "{removed:?}");
    let unset = deliver(&world, "on-push", &main, "hook-fake-secret", "d-6");
    assert_eq!(
        (unset.status, unset.json()["code"].take()),
        (422, "secret_missing".into())
    );
    let runs = world.get("/api/workflow-executions");
    assert_eq!(runs.json()["data"], json!([]));
}
