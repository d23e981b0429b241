//! Nothing inside a run decides about it: a request with an attempt's mark is that attempt's.

use serde_json::{Value, json};

use crate::server_support::{Answer, World, step};

const BOTH: &str = "
name: Both
steps:
  - {id: works, type: script, command: 'while [ ! -e go ]; do sleep 0.02; done', needs: []}
  - {id: ok, type: approval, message: 'Go on?', needs: []}
  - {id: rests, type: wait, for: 1h, needs: []}
";

/// A request as something inside this attempt makes it.
fn inside(world: &World, attempt: &str, method: &str, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: b\r\nx-baton-attempt: {attempt}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    world.raw(&request).unwrap()
}

#[test]
fn nothing_inside_a_run_approves_it_or_makes_itself_a_way_in() {
    let world = World::new(&[("both", BOTH)]);
    let run = world.run("both", &json!({}));
    let busy = world.run_when(&run, "is busy", |run| {
        let waits = |key: &str| step(run, key)["status"] == "running";
        step(run, "works")["attempts"][0]["id"].is_string() && waits("ok") && waits("rests")
    });
    let attempt = step(&busy, "works")["attempts"][0]["id"].as_str().unwrap();
    let of_step = |key: &str, order: &str| {
        let id = step(&busy, key)["id"].as_str().unwrap();
        format!("/api/workflow-steps/{id}/{order}")
    };
    let id = run.rsplit('/').next().unwrap();
    let thread = format!("/api/workflows/{id}/messages");
    let redirect = json!({"content": "Other", "action_type": "redirect"});
    for (method, path, body) in [
        ("POST", of_step("ok", "approve"), json!({})),
        ("POST", of_step("ok", "reject"), json!({})),
        ("POST", of_step("ok", "answer"), json!({"answers": "yes"})),
        ("POST", of_step("rests", "skip-wait"), json!({})),
        ("POST", thread.clone(), redirect),
        ("PUT", format!("{run}/read"), json!({"message_id": 1})),
        ("GET", "/api/tokens".into(), json!({})),
        ("POST", "/api/tokens".into(), json!({"name": "mine"})),
        ("GET", "/api/users".into(), json!({})),
        ("POST", "/api/users".into(), json!({"username": "me"})),
        (
            "POST",
            "/api/webhooks".into(),
            json!({"url": "https://example.com"}),
        ),
        ("GET", "/api/audit".into(), json!({})),
    ] {
        let refused = inside(&world, attempt, method, &path, &body);
        assert_eq!(refused.status, 403, "{method} {path}: {refused:?}");
        assert_eq!(refused.json()["code"], "forbidden", "{method} {path}");
    }
    let still = world.get(&run).json()["data"].clone();
    for key in ["ok", "rests"] {
        assert_eq!(step(&still, key)["status"], "running", "{key}");
    }
    assert_eq!(
        world.get("/api/tokens").json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(world.get(&thread).json()["messages"], json!([]));
    let said = json!({"text": "half of it is done"});
    let said = inside(&world, attempt, "POST", &format!("{run}/comments"), &said);
    assert_eq!(said.status, 201, "{said:?}");
    assert_eq!(said.json()["data"]["comment_type"], "agent");
    for odd in ["1", "att_1", id] {
        let refused = inside(&world, odd, "GET", &run, &json!({}));
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(refused.json()["code"], "bad_attempt");
    }
    // From outside it is answered as ever.
    let approved = world.post(&of_step("ok", "approve"), &json!({}));
    assert_eq!(approved.status, 200, "{approved:?}");
    let over = world.post(&of_step("rests", "skip-wait"), &json!({}));
    assert_eq!(over.status, 200, "{over:?}");
    std::fs::write(world.directory().join("go"), "").unwrap();
    world.run_until(&run, "completed");
}
