//! What the host promises beyond single requests: its end, repeats, environments, live events.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod server_support;

use serde_json::{Value, json};
use server_support::{World, step};

const ONE: &str = "
name: One
argsSchema: {type: object, properties: {x: {type: string, default: world}}}
steps:
  - {id: hello, type: script, command: 'echo hello {{ args.x }}', outputs: {v: stdout | trim}}
outputs: {said: '{{ steps.hello.outputs.v }}'}
";

/// Runs until a file appears, so that tests decide when.
const GATE: &str = "
name: Gate
steps:
  - {id: wait, type: script, command: 'echo begun; while [ ! -e go ]; do sleep 0.02; done; echo went >> count'}
  - {id: after, type: script, command: 'cat count'}
";

#[test]
fn all_ends_soon_when_the_data_directory_is_gone() {
    let mut world = World::new(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "runs", |run| step(run, "wait")["status"] == "running");
    let attempt = world.get(&run).json()["data"]["steps"][0]["attempts"][0]["id"].clone();
    world.until("host, shepherd and script are there", || {
        world.processes().len() >= 3
    });
    std::fs::remove_dir_all(world.data_dir()).unwrap();
    world.wait_host();
    world.until("the shepherd is gone", || world.processes().is_empty());
    let left = baton_runner::sweep::find(attempt.as_str().unwrap()).unwrap();
    assert!(left.is_empty(), "{left:?}");
    assert!(!world.data_dir().exists());
}

#[test]
fn the_same_key_with_another_request_is_refused_also_after_a_restart() {
    let mut world = World::new(&[("one", ONE)]);
    let project = world.project.clone();
    let start = |world: &World, path: &str, x: &str| {
        let body = json!({"project_id": project, "definition": "one", "args": {"x": x}});
        let body = body.to_string();
        let head = "content-type: application/json\r\nidempotency-key: k";
        let length = body.len();
        world
            .raw(&format!(
                "POST {path} HTTP/1.0\r\nhost: b\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}"
            ))
            .unwrap()
    };
    let path = "/api/workflow-executions";
    let first = start(&world, path, "a");
    assert_eq!(first.status, 201);
    let conflict = |answer: server_support::Answer| {
        assert_eq!(answer.status, 409, "{answer:?}");
        assert_eq!(answer.json()["code"], "idempotency_conflict");
    };
    conflict(start(&world, path, "b"));
    conflict(start(&world, "/api/projects", "a"));
    world.kill_host();
    world.start();
    conflict(start(&world, path, "b"));
    let again = start(&world, path, "a");
    assert_eq!((again.status, again.json()), (201, first.json()));
    let list = world.get(path).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_repeat_of_any_order_is_done_once_and_answered_as_before() {
    let ask = "
name: Ask
steps:
  - {id: ok, type: approval, message: 'Go on?'}
";
    let world = World::new(&[("ask", ask)]);
    let keyed = |key: &str, path: &str, body: &Value| {
        let body = body.to_string();
        let length = body.len();
        let head = "content-type: application/json\r\nidempotency-key: ";
        world
            .raw(&format!(
                "POST {path} HTTP/1.0\r\nhost: b\r\n{head}{key}\r\ncontent-length: {length}\r\n\r\n{body}"
            ))
            .unwrap()
    };
    let run = world.run("ask", &json!({}));
    let asks = world.run_when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
    let thread = format!("/api/workflows/{}", asks["id"].as_str().unwrap());
    let ok = step(&asks, "ok")["id"].as_str().unwrap();
    // What is made is made once.
    let said = json!({"content": "look at this", "action_type": "comment"});
    for (path, body, status) in [
        (format!("{run}/comments"), json!({"text": "see"}), 201),
        (format!("{thread}/messages"), said, 200),
        (format!("{run}/fork"), json!({}), 201),
    ] {
        let first = keyed(&path, &path, &body);
        let again = keyed(&path, &path, &body);
        assert_eq!((first.status, again.status), (status, status), "{first:?}");
        assert_eq!(first.json(), again.json(), "{path}");
        let mut other = body.clone();
        other["name"] = "another".into();
        let other = keyed(&path, &path, &other);
        assert_eq!(
            (other.status, other.json()["code"].clone()),
            (409, json!("idempotency_conflict")),
            "{path}"
        );
    }
    let messages = world.get(&format!("{thread}/messages")).json();
    assert_eq!(messages["messages"].as_array().unwrap().len(), 2);
    let list = world.get("/api/workflow-executions").json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    // An order is carried out once: without the key, what it asks for is refused by then.
    for (path, body) in [
        (format!("{run}/pause"), json!({"reason": "lunch"})),
        (format!("{run}/resume"), json!({})),
        (format!("/api/workflow-steps/{ok}/approve"), json!({})),
    ] {
        let first = keyed(&path, &path, &body);
        assert_eq!(first.status, 200, "{first:?}");
        if path.ends_with("approve") {
            world.run_until(&run, "completed");
        }
        let again = keyed(&path, &path, &body);
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(first.json()["data"]["id"], again.json()["data"]["id"]);
        assert_eq!(world.post(&path, &body).status, 409, "{path}");
    }
}

#[test]
fn a_child_has_its_parents_environment_from_its_first_decision_on() {
    let parent = "
name: Parent
steps:
  - {id: sub, type: workflow, workflow: child}
";
    let child = "
name: Child
concurrency: {key: 'for-{{ env.WHO }}'}
steps:
  - {id: ask, type: approval, message: 'Go on, {{ env.WHO }}?'}
";
    let world = World::new(&[("parent", parent), ("child", child)]);
    let settings = world.directory().join(".agent/baton.toml");
    std::fs::write(settings, "[env]\nallow = [\"WHO\"]\n").unwrap();
    let body = json!({
        "project_id": world.project, "definition": "parent", "environment": {"WHO": "Ada"}
    });
    let started = world.post("/api/workflow-executions", &body).json();
    let id = started["data"]["id"].as_str().unwrap();
    let path = format!("/api/workflow-executions/{id}");
    let run = world.run_when(&path, "the child exists", |run| {
        run["children"][0]["number"].is_u64()
    });
    let child = run["children"][0]["id"].as_str().unwrap();
    let child = format!("/api/workflow-executions/{child}");
    let asks = world.run_when(&child, "asks", |run| run["waiting"]["reason"] == "approval");
    assert_eq!(asks["waiting"]["detail"], "ask: Go on, Ada?");
}

#[test]
fn live_events_tell_of_messages_by_their_wire_ids() {
    let world = World::new(&[("gate", GATE)]);
    let run = world.run("gate", &json!({}));
    let id = run.rsplit('/').next().unwrap().to_owned();
    world.run_when(&run, "runs", |run| step(run, "wait")["status"] == "running");
    let say = json!({"content": "wait a moment", "action_type": "pause"});
    let said = world.post(&format!("/api/workflows/{id}/messages"), &say);
    let message = said.json()["messageId"].clone();
    assert!(message.is_u64(), "{said:?}");
    std::fs::write(world.directory().join("go"), "").unwrap();
    world.run_until(&run, "paused");
    let resume = json!({"content": "go on", "action_type": "resume"});
    world.post(&format!("/api/workflows/{id}/messages"), &resume);
    world.run_until(&run, "completed");
    let mut all: Vec<Value> = Vec::new();
    for event in world.events(&format!("topics=run:{id}&after=0")) {
        all.push(event);
        if all.last().unwrap()["data"]["status"] == "completed"
            && all.last().unwrap()["type"] == "workflow.execution.status_changed"
        {
            break;
        }
    }
    let of_kind = |kind: &str| -> Vec<&Value> {
        let events = all.iter().filter(|event| event["type"] == kind);
        events.map(|event| &event["data"]).collect()
    };
    let new = of_kind("message:new");
    assert!(
        new.iter().any(|data| data["message"]["id"] == message),
        "{new:?}"
    );
    let updated = of_kind("message:updated");
    let done = |data: &&Value| data["messageId"] == message && data["action_status"] == "processed";
    assert!(updated.iter().any(done), "{updated:?}");
    let comments = of_kind("workflow.comment.created");
    let text = Value::from(message.to_string());
    assert!(
        comments.iter().any(|data| data["comment_id"] == text),
        "{comments:?}"
    );
    for kind in [
        "workflow.step.started",
        "workflow.step.attempt",
        "workflow.step.completed",
        "workflow:paused",
        "workflow:unpaused",
        "workflow.checkpoint.created",
        "workflow.run.progress",
    ] {
        assert!(!of_kind(kind).is_empty(), "{kind}: {all:?}");
    }
}

#[test]
fn progress_is_what_has_ended_of_what_is_known_and_its_estimate_rests_on_earlier_runs() {
    let world = World::new(&[("gate", GATE)]);
    let first = world.run("gate", &json!({}));
    let runs = |run: &Value| step(run, "wait")["status"] == "running";
    let found = world.run_when(&first, "runs", runs);
    let none = json!({"ended": 0, "known": 2, "ratio": 0.0, "estimate_ms": null});
    assert_eq!(found["progress"], none);
    std::fs::write(world.directory().join("go"), "").unwrap();
    let done = world.run_until(&first, "completed");
    let all = json!({"ended": 2, "known": 2, "ratio": 1.0, "estimate_ms": null});
    assert_eq!(done["progress"], all);
    std::fs::remove_file(world.directory().join("go")).unwrap();
    let second = world.run("gate", &json!({}));
    let found = world.run_when(&second, "runs", runs);
    assert!(found["progress"]["estimate_ms"].is_u64(), "{found}");
    let list = world.get("/api/workflow-executions").json();
    assert_eq!(list["data"][0]["progress"], found["progress"]);
    assert_eq!(list["data"][1]["progress"], all);
    // What is said of a run that is over is in the list at once.
    world.post(&format!("{first}/comments"), &json!({"text": "well done"}));
    let list = world.get("/api/workflow-executions").json();
    assert_eq!(list["data"][1]["_count"]["comments"], 1);
}

#[test]
fn all_runs_with_this_parent_are_its_children() {
    let parent = "
name: Parent
steps:
  - {id: sub, type: workflow, workflow: one}
";
    let world = World::new(&[("parent", parent), ("one", ONE)]);
    let run = world.run("parent", &json!({}));
    let done = world.run_until(&run, "completed");
    let beside = json!({
        "project_id": world.project, "definition": "one", "parent_run_id": done["id"]
    });
    let beside = world.post("/api/workflow-executions", &beside).json();
    let found = world.get(&run).json();
    let children = found["data"]["children"].as_array().unwrap();
    assert_eq!(children.len(), 2, "{children:?}");
    assert_eq!(children[0]["step_id"], "sub");
    assert_eq!(children[0]["status"], "completed");
    assert_eq!(children[1]["id"], beside["data"]["id"]);
    assert_eq!(children[1]["step_id"], Value::Null);
}

#[test]
fn files_that_a_step_names_are_kept_and_listed() {
    let text = r#"
name: Keeps
steps:
  - id: make
    type: script
    command: |
      mkdir -p dist/deep; echo one > dist/a.zip; echo three > dist/deep/a.zip
      echo no > dist/b.txt; ln -s /etc/passwd dist/passwd.zip
    artifacts: ["dist/*.zip", "dist/**/*.zip", "none/*"]
  - {id: then, type: script, command: 'echo fine'}
"#;
    let world = World::new(&[("keeps", text)]);
    let run = world.run("keeps", &json!({}));
    let done = world.run_until(&run, "completed");
    let make = step(&done, "make");
    let kept = make["artifacts"].as_array().unwrap();
    let names: Vec<&str> = kept
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a-2.zip", "a.zip"]);
    let read = |file: &Value| {
        let path = world.directory().join(file["file_path"].as_str().unwrap());
        std::fs::read_to_string(path).unwrap()
    };
    assert_eq!(
        (read(&kept[1]), kept[1]["size_bytes"].clone()),
        ("one\n".into(), json!(4))
    );
    assert_eq!(read(&kept[0]), "three\n");
    let warnings = make["warnings"].to_string();
    assert!(warnings.contains("none/*") && warnings.contains("leave the run's directory"));
    let path = format!("/api/workflow-steps/{}", make["id"].as_str().unwrap());
    assert_eq!(
        world.get(&path).json()["data"]["artifacts"],
        make["artifacts"]
    );
    let log = format!("{path}/logs/summary");
    world.until("the summary says so", || {
        let summary = world.get(&log).json()["data"]["content"].to_string();
        summary.contains("Warnings") && summary.contains("none/*")
    });
    let list = world.get("/api/workflow-executions").json();
    assert_eq!(list["data"][0]["_count"]["artifacts"], 2);
}

#[test]
fn an_environment_whose_run_never_came_to_be_is_swept_at_the_start() {
    let mut world = World::new(&[("one", ONE)]);
    let body = json!({
        "project_id": world.project, "definition": "one", "environment": {"A": "b"}
    });
    let run = world.post("/api/workflow-executions", &body).json()["data"]["id"].clone();
    let runs = world.data_dir().join("runs");
    let unused = runs.join(format!("run_{}", "1".repeat(32)));
    std::fs::create_dir_all(&unused).unwrap();
    std::fs::write(unused.join("environment.json"), "{}").unwrap();
    world.kill_host();
    world.start();
    world.until("it is swept", || !unused.exists());
    assert!(
        runs.join(run.as_str().unwrap())
            .join("environment.json")
            .exists()
    );
}

#[test]
fn the_database_lies_where_the_setting_says() {
    let mut world = World::new(&[("one", ONE)]);
    world.kill_host();
    let elsewhere = world.directory().join("db");
    let url = format!("sqlite:{}", elsewhere.display());
    world.start_with(|command| {
        command.env("DATABASE_URL", &url);
    });
    assert!(elsewhere.join("journal.db").exists() && elsewhere.join("views.db").exists());
    let list = world.get("/api/projects").json();
    assert_eq!(list["data"], json!([]), "another database");
    for (url, said) in [
        ("postgres://user:hunter22@db/baton", "PostgreSQL"),
        ("sqlite:/tmp/baton/prod.db", "not_available"),
        ("mysql://user:hunter22@db/baton", "sqlite:PATH"),
    ] {
        world.kill_host();
        let refused = world
            .host_command()
            .env("DATABASE_URL", url)
            .output()
            .unwrap();
        assert!(!refused.status.success());
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains(said) && !text.contains("hunter22"), "{text}");
        world.start();
    }
}

#[test]
fn no_secret_gets_into_the_log_or_the_database() {
    let secret = "hunter22-fake-secret";
    let text = "
name: Secret
steps:
  - {id: s, type: script, command: 'echo $KEY; echo $KEY >&2', env: {KEY: '{{ secrets.DEPLOY_KEY }}'}}
  - {id: b, type: script, command: 'echo $KEY >&2; exit 3', env: {KEY: '{{ secrets.DEPLOY_KEY }}'}}
";
    let mut world = World::new(&[("secret", text)]);
    world.kill_host();
    let log = world.directory().join("host.log");
    world.start_with(|command| {
        let log = std::fs::File::create(&log).unwrap();
        command.env("BATON_LOG", "trace").stderr(log);
    });
    let path = "/api/secrets/DEPLOY_KEY";
    let put = |world: &World, body: Value| world.request("PUT", path, Some(&body)).status;
    assert_eq!(put(&world, json!({"value": {"x": secret}})), 422);
    assert_eq!(put(&world, json!(secret)), 422);
    assert_eq!(put(&world, json!({"value": format!("{secret}\0")})), 422);
    let cut = format!("{{\"value\": \"{secret}");
    let length = cut.len();
    let head = "content-type: application/json\r\nidempotency-key: once\r\n";
    let bad = world
        .raw(&format!(
            "PUT {path} HTTP/1.0\r\n{head}content-length: {length}\r\n\r\n{cut}"
        ))
        .unwrap();
    assert_eq!(bad.status, 400);
    assert_eq!(put(&world, json!({"value": secret})), 204);
    let body = json!({
        "project_id": world.project, "definition": "secret", "environment": {"MY_KEY": secret}
    });
    let run = world.post("/api/workflow-executions", &body).json()["data"]["id"].clone();
    let run = format!("/api/workflow-executions/{}", run.as_str().unwrap());
    let failed = world.run_until(&run, "failed");
    assert!(!failed.to_string().contains(secret), "{failed}");
    world.kill_host();
    world.start();
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("the host is up"), "{text}");
    assert!(!text.contains(secret), "{text}");
    let may = ["secrets.json", "environment.json"];
    let mut directories = vec![world.data_dir()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                directories.push(path);
            } else if path.is_file() && !may.contains(&name.to_str().unwrap()) {
                let bytes = std::fs::read(&path).unwrap_or_default();
                let holds = bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes());
                assert!(!holds, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_step_whose_variables_are_not_allowed_any_more_fails_when_its_process_is_gone() {
    let named = "
name: Named
steps:
  - {id: one, type: script, command: 'echo {{ env.WHO }}; sleep 1000'}
";
    let mut world = World::new(&[("named", named)]);
    let settings = world.directory().join(".agent/baton.toml");
    let configure = |text: &str| std::fs::write(&settings, text).unwrap();
    configure("[env]\nallow = [\"WHO\"]\n");
    let body = json!({
        "project_id": world.project, "definition": "named", "environment": {"WHO": "Ada"}
    });
    let started = world.post("/api/workflow-executions", &body).json();
    let id = started["data"]["id"].as_str().unwrap();
    let path = format!("/api/workflow-executions/{id}");
    world.run_when(&path, "runs", |run| step(run, "one")["status"] == "running");
    world.until("the process", || !world.processes().is_empty());
    world.kill_host();
    // Unreadable: nothing is decided, and the process goes on.
    configure("[env\n");
    world.start();
    let run = world.get(&path).json();
    assert_eq!(step(&run["data"], "one")["status"], "running", "{run}");
    world.kill_host();
    configure("[env]\nallow = []\n");
    world.start();
    let failed = world.run_until(&path, "failed");
    assert_eq!(step(&failed, "one")["error"]["code"], "template");
    world.until("only the host is left", || world.processes().len() <= 1);
    assert_eq!(world.request("DELETE", &path, None).status, 204);
    assert_eq!(world.request("DELETE", &path, None).status, 404);
}
