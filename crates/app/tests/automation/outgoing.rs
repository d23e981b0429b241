//! Outgoing webhooks.

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::endpoint::{Endpoint, Sent};
use super::server_support::World;

const HELLO: &str = "
name: Hello
steps:
  - {id: hello, type: script, command: 'echo hello'}
";

/// A host that may tell addresses on this machine.
fn world() -> World {
    let mut world = World::idle(&[("hello", HELLO)]);
    world.configure("[webhooks]\nallow_private = true\n");
    world.start();
    register(&mut world);
    world
}

fn register(world: &mut World) {
    let answer = world.post("/api/projects", &json!({"path": world.directory()}));
    world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
}

fn create(world: &World, body: &Value) -> Value {
    let answer = world.post("/api/webhooks", body);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["data"].take()
}

fn is_signed(sent: &Sent, secret: &str) -> bool {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let head = format!(
        "{}.{}.",
        sent.header("webhook-id"),
        sent.header("webhook-timestamp")
    );
    mac.update(head.as_bytes());
    mac.update(&sent.body);
    let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    sent.header("webhook-signature") == wanted
}

fn deliveries(world: &World, id: &str) -> Vec<Value> {
    let answer = world.get(&format!("/api/webhooks/{id}/deliveries"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].as_array().unwrap().clone()
}

#[test]
fn an_endpoint_is_told_signed_events_of_the_kinds_it_wants() {
    let world = world();
    let told = Endpoint::answering(&[200]);
    let made = create(
        &world,
        &json!({"url": told.url, "events": ["workflow.step.*"]}),
    );
    let run = world.run("hello", &json!({}));
    let done = world.run_until(&run, "completed");
    let secret = made["secret"].as_str().unwrap();
    let mut kinds = Vec::new();
    while kinds
        .last()
        .is_none_or(|kind| kind != "workflow.step.completed")
    {
        let sent = told.next();
        assert!(is_signed(&sent, secret), "{sent:?}");
        let event = sent.json();
        assert_eq!(event["data"]["execution_id"], done["id"]);
        assert_eq!(event["data"]["project_id"], world.project.as_str());
        assert!(event["timestamp"].is_string(), "{event}");
        kinds.push(sent.kind());
    }
    assert!(kinds.contains(&"workflow.step.started".into()), "{kinds:?}");
    let all = world.get("/api/webhooks");
    assert!(!all.text.contains(secret), "a secret is shown once");
    let id = made["id"].as_str().unwrap();
    world.until("all are delivered", || {
        deliveries(&world, id)
            .iter()
            .all(|d| d["state"] == "delivered")
    });
}

#[test]
fn what_was_refused_is_listed_and_sent_again_with_its_id() {
    let world = world();
    let told = Endpoint::answering(&[500, 200]);
    let wanted = json!({"url": told.url, "events": ["workflow.step.completed"]});
    let made = create(&world, &wanted);
    let id = made["id"].as_str().unwrap();
    world.run("hello", &json!({}));
    let first = told.next();
    world.until("the refusal is noted", || {
        deliveries(&world, id)
            .first()
            .is_some_and(|d| d["last_status"] == 500)
    });
    let waits = deliveries(&world, id).remove(0);
    assert_eq!(waits["state"], "waiting");
    assert_eq!(waits["last_error"], "it answered 500");
    assert!(waits["next_attempt_at"].is_string(), "{waits}");
    let delivery = waits["id"].as_str().unwrap();
    assert_eq!(first.header("webhook-id"), delivery);
    let again = world.post(
        &format!("/api/webhooks/{id}/deliveries/{delivery}/resend"),
        &json!({}),
    );
    assert_eq!(again.status, 200, "{again:?}");
    let second = told.next();
    assert_eq!(second.header("webhook-id"), delivery);
    assert_eq!(second.body, first.body);
    world.until("it is delivered", || {
        deliveries(&world, id)[0]["state"] == "delivered"
    });
}

#[test]
fn events_committed_before_a_crash_are_delivered_after_it_each_once() {
    let mut world = world();
    // Nobody answers there yet.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let wanted = json!({"url": url, "events": ["workflow.step.completed"]});
    let made = create(&world, &wanted);
    let run = world.run("hello", &json!({}));
    world.run_until(&run, "completed");
    world.kill_host();
    world.start();
    let told = Endpoint::on(listener, &[200]);
    let sent = told.next();
    assert_eq!(sent.kind(), "workflow.step.completed");
    let id = made["id"].as_str().unwrap();
    world.until("it is delivered", || {
        let all = deliveries(&world, id);
        all.len() == 1 && all[0]["state"] == "delivered"
    });
}

#[test]
fn what_is_refused_is_sent_again_without_being_asked_for() {
    let world = world();
    let told = Endpoint::answering(&[503, 200]);
    let made = create(
        &world,
        &json!({"url": told.url, "events": ["workflow.step.completed"]}),
    );
    world.run("hello", &json!({}));
    let (first, second) = (told.next(), told.next());
    let id = "webhook-id";
    assert_eq!(first.header(id), second.header(id));
    assert_eq!(first.body, second.body);
    let made = made["id"].as_str().unwrap();
    world.until("it is delivered", || {
        let all = deliveries(&world, made);
        all[0]["state"] == "delivered" && all[0]["attempts"] == 2
    });
}

#[test]
fn a_changed_endpoint_is_told_as_it_is_now() {
    let world = world();
    let (old, told, always) = (
        Endpoint::answering(&[200]),
        Endpoint::answering(&[200]),
        Endpoint::answering(&[200]),
    );
    let made = create(&world, &json!({"url": old.url, "events": ["workflow.*"]}));
    let path = format!("/api/webhooks/{}", made["id"].as_str().unwrap());
    let change = |body: Value| {
        let answer = world.request("PATCH", &path, Some(&body));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["data"].take()
    };
    let now = change(json!({
        "url": told.url, "events": ["workflow.step.completed"], "description": "ours",
    }));
    assert_eq!(now["secret"], Value::Null, "it is shown once");
    assert_eq!(
        (&now["url"], &now["description"]),
        (&json!(told.url), &json!("ours"))
    );
    world.run("hello", &json!({}));
    let sent = told.next();
    assert_eq!(sent.kind(), "workflow.step.completed");
    assert!(is_signed(&sent, made["secret"].as_str().unwrap()));

    let secret = change(json!({"rotate_secret": true}))["secret"].take();
    let secret = secret.as_str().unwrap();
    assert_ne!(made["secret"], secret);
    world.run("hello", &json!({}));
    assert!(is_signed(&told.next(), secret));

    // One that is told of the same says when that is past.
    create(
        &world,
        &json!({"url": always.url, "events": ["workflow.step.completed"]}),
    );
    assert_eq!(change(json!({"enabled": false}))["enabled"], false);
    world.run("hello", &json!({}));
    always.next();
    assert_eq!(
        change(json!({"enabled": true, "description": null}))["description"],
        Value::Null
    );
    let last = world.run("hello", &json!({}));
    let sent = told.next().json();
    let id = last.rsplit('/').next().unwrap();
    assert_eq!(
        sent["data"]["execution_id"], id,
        "what it missed it is not told"
    );
    assert!(old.is_quiet());

    for (body, pointer) in [
        (json!({"url": "example.com"}), "/url"),
        (json!({"events": ["a b"]}), "/events"),
        (json!({"secret": "short"}), "/secret"),
    ] {
        let refused = world.request("PATCH", &path, Some(&body));
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    let none = format!("/api/webhooks/whk_{}", "0".repeat(32));
    assert_eq!(world.request("PATCH", &none, Some(&json!({}))).status, 404);
}

#[test]
fn an_endpoint_of_one_project_hears_of_no_other() {
    let world = world();
    let directory = world.directory().with_file_name("other");
    let definitions = directory.join(".agent/workflows/definitions");
    std::fs::create_dir_all(&definitions).unwrap();
    std::fs::write(definitions.join("hello.yaml"), HELLO).unwrap();
    let other = world.post("/api/projects", &json!({"path": directory}));
    let other = other.json()["data"]["id"].clone();
    let told = Endpoint::answering(&[200]);
    let made = create(&world, &json!({"url": told.url, "project_id": other}));
    assert_eq!(made["project_id"], other);
    let own = world.run("hello", &json!({}));
    world.run_until(&own, "completed");
    let body = json!({"project_id": other, "definition": "hello"});
    let run = world.post("/api/workflow-executions", &body).json()["data"]["id"].clone();
    // They come in the order in which they happened.
    loop {
        let event = told.next().json();
        assert_eq!(event["data"]["project_id"], other, "{event}");
        assert_eq!(event["data"]["execution_id"], run, "{event}");
        if event["data"]["status"] == "completed" {
            break;
        }
    }
    let nowhere = json!({"url": told.url, "project_id": format!("prj_{}", "0".repeat(32))});
    assert_eq!(world.post("/api/webhooks", &nowhere).status, 404);
}

#[test]
fn there_is_an_end_to_how_many_are_told() {
    let world = world();
    for _ in 0..100 {
        create(&world, &json!({"url": "https://example.com/"}));
    }
    let refused = world.post("/api/webhooks", &json!({"url": "https://example.com/"}));
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(refused.json()["code"], "too_many");
}

#[test]
fn an_endpoint_that_is_gone_is_switched_off() {
    let world = world();
    let told = Endpoint::answering(&[410]);
    let made = create(&world, &json!({"url": told.url}));
    let id = made["id"].as_str().unwrap();
    world.run("hello", &json!({}));
    told.next();
    let path = format!("/api/webhooks/{id}");
    world.until("it is off", || {
        world.get(&path).json()["data"]["enabled"] == false
    });
    assert_eq!(world.request("DELETE", &path, None).status, 204);
    assert_eq!(world.get(&path).status, 404);
}

#[test]
fn private_addresses_are_refused_unless_they_are_allowed() {
    let mut world = World::idle(&[("hello", HELLO)]);
    world.start();
    register(&mut world);
    for url in [
        "http://127.0.0.1:9/",
        "https://[::1]/",
        "http://169.254.169.254/latest",
    ] {
        let refused = world.post("/api/webhooks", &json!({"url": url}));
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/url");
    }
    // A name is looked up when something is sent.
    let told = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://localhost:{}/", told.local_addr().unwrap().port());
    let made = create(
        &world,
        &json!({"url": url, "events": ["workflow.step.completed"]}),
    );
    world.run("hello", &json!({}));
    let id = made["id"].as_str().unwrap();
    world.until("it was tried", || {
        deliveries(&world, id)
            .first()
            .is_some_and(|d| d["attempts"] == 1)
    });
    let error = deliveries(&world, id)[0]["last_error"].to_string();
    assert!(error.contains("no public address"), "{error}");
    told.set_nonblocking(true).unwrap();
    assert!(told.accept().is_err(), "somebody came");
}

#[test]
fn wrong_endpoints_say_what_would_be_right() {
    let world = world();
    for (body, pointer) in [
        (json!({}), "/url"),
        (json!({"url": "example.com"}), "/url"),
        (json!({"url": "https://u:p@example.com"}), "/url"),
        (
            json!({"url": "https://example.com", "secret": "short"}),
            "/secret",
        ),
        (
            json!({"url": "https://example.com", "events": ["a b"]}),
            "/events",
        ),
        (json!({"url": "https://example.com", "event": []}), ""),
    ] {
        let refused = world.post("/api/webhooks", &body);
        assert_eq!(refused.status, 422, "{body}: {refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    assert_eq!(world.get("/api/webhooks/whk_1").status, 404);
}
