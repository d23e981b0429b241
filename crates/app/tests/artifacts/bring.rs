//! Uploads: what is kept, how it is called, and what is refused.

use serde_json::json;

use crate::form::{abandon, on_disk, upload, waiting};
use crate::server_support::{World, step};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR....";

#[test]
fn a_file_is_kept_with_its_kind_told_live_and_listed() {
    let (world, run) = waiting();
    let mut events = world.events("topics=run:1");
    let found = world.get(&run).json();
    let step_id = step(&found["data"], "ok")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let parts = [
        ("step_id", None, step_id.as_bytes()),
        ("file", Some("screenshot.png"), PNG),
    ];
    let answer = upload(&world, &run, "", &parts);
    assert_eq!(answer.status, 201, "{answer:?}");
    let data = answer.json()["data"].clone();
    assert_eq!(data["name"], "screenshot.png");
    assert_eq!(data["file_type"], "image");
    assert_eq!(data["mime_type"], "image/png");
    assert_eq!(data["size_bytes"], PNG.len());
    assert_eq!(data["workflow_run_step_id"], step_id);
    assert_eq!(data["workflow_comment_id"], json!(null));
    let path = data["file_path"].as_str().unwrap();
    assert!(path.ends_with("/artifacts/ok/screenshot.png"), "{path}");
    assert_eq!(std::fs::read(world.directory().join(path)).unwrap(), PNG);
    let event = events.find(|event| event["type"] == "workflow.artifact.created");
    let event = event.unwrap()["data"].clone();
    assert_eq!(event["artifact_id"], data["id"]);
    assert_eq!(event["step_id"], data["workflow_run_step_id"]);
    let now = world.get(&run).json()["data"].clone();
    assert_eq!(now["_count"]["artifacts"], 1);
    assert_eq!(now["artifacts"][0], data);
    assert_eq!(step(&now, "ok")["artifacts"][0], data);
    let list = world.get(&format!("{run}/artifacts")).json();
    assert_eq!(list["data"], json!([data]));
}

#[test]
fn names_mean_no_other_place_and_a_second_one_is_numbered() {
    let (world, run) = waiting();
    let named = |name: &str, file: &str| {
        let mut parts = vec![("step_id", None, &b"ok"[..]), ("file", Some(file), b"x")];
        if !name.is_empty() {
            parts.insert(0, ("name", None, name.as_bytes()));
        }
        let answer = upload(&world, &run, "", &parts);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["data"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(named("", "a.txt"), "a.txt");
    assert_eq!(named("", "a.txt"), "a-2.txt");
    assert_eq!(named("a.txt", "b.txt"), "a-3.txt");
    assert_eq!(named("../../../../evil.sh", "b"), "evil.sh");
    assert_eq!(named("", "..\\\\..\\\\win.ini"), "win.ini");
    assert_eq!(named(".bashrc", "b"), "bashrc");
    assert_eq!(named("..", "b"), "file");
    let found = on_disk(&world, &run);
    assert!(
        found.iter().all(|path| path.starts_with("ok/")),
        "{found:?}"
    );
    assert_eq!(found.len(), 7);
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let (world, run) = waiting();
    let file = ("file", Some("a.txt"), &b"x"[..]);
    let step = ("step_id", None, &b"ok"[..]);
    for (parts, status, code) in [
        (vec![step], 422, "invalid_body"),
        (vec![file], 422, "invalid_body"),
        (
            vec![file, ("step_id", None, &b"none"[..])],
            404,
            "not_found",
        ),
        (
            vec![file, step, ("file_type", None, &b"odd"[..])],
            422,
            "invalid_body",
        ),
        (
            vec![file, step, ("other", None, &b"x"[..])],
            400,
            "bad_form",
        ),
        (vec![file, file, step], 400, "bad_form"),
    ] {
        let answer = upload(&world, &run, "", &parts);
        assert_eq!(answer.status, status, "{parts:?}: {answer:?}");
        assert_eq!(answer.json()["code"], code, "{parts:?}: {answer:?}");
    }
    let path = format!("{run}/artifacts");
    let no_form = world.post(&path, &json!({}));
    assert_eq!(no_form.status, 415);
    assert_eq!(no_form.json()["code"], "unsupported_media_type");
    let nowhere = upload(&world, "/api/workflow-executions/99", "", &[file, step]);
    assert_eq!(nowhere.status, 404);
    // Cut off in the middle.
    let head = format!(
        "POST {path} HTTP/1.0\r\nhost: b\r\ncontent-type: multipart/form-data; boundary=XX\r\n\
         content-length: 999\r\n\r\n"
    );
    let begun = b"--XX\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nabc--";
    abandon(&world, &head, begun);
    world.until("nothing is left", || on_disk(&world, &run).is_empty());
}

#[test]
fn a_file_over_the_limit_is_413_and_leaves_nothing() {
    let mut world = World::idle(&[("ask", crate::form::ASK)]);
    world.start_with(|host| {
        host.env("BATON_ARTIFACTS_MAX_BYTES", "3MiB");
    });
    let answer = world.post("/api/projects", &json!({"path": world.directory()}));
    world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    let run = world.run("ask", &json!({}));
    let step = ("step_id", None, &b"ok"[..]);
    let large = vec![7; 3 * 1024 * 1024 + 1];
    let answer = upload(&world, &run, "", &[step, ("file", Some("l"), &large)]);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["code"], "too_large");
    world.until("nothing is left", || on_disk(&world, &run).is_empty());
    let just = &large[1..];
    let answer = upload(&world, &run, "", &[step, ("file", Some("l"), just)]);
    assert_eq!(answer.status, 201);
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let words = line.unwrap().trim().trim_end_matches(" kB");
    words.parse().unwrap()
}

#[test]
fn a_large_file_is_brought_and_fetched_in_bounded_memory() {
    const LENGTH: usize = 64 << 20;
    let (world, run) = waiting();
    let bring = |content: &[u8]| {
        let parts = [("step_id", None, &b"ok"[..]), ("file", Some("l"), content)];
        let answer = upload(&world, &run, "", &parts);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["data"].clone()
    };
    // What any upload needs is there by then.
    bring(b"small");
    let before = peak(world.host_pid());
    let large = bring(&vec![b'x'; LENGTH]);
    assert_eq!(large["size_bytes"], LENGTH);
    let path = format!("/api/artifacts/{}", large["id"].as_str().unwrap());
    assert_eq!(crate::form::get(&world, &path, "").body.len(), LENGTH);
    let more = peak(world.host_pid()) - before;
    assert!(more < 16 * 1024, "the host took {more} KiB more");
}

#[test]
fn the_same_key_brings_a_file_once() {
    let (world, run) = waiting();
    let key = "idempotency-key: once\r\n";
    let parts = |content| [("step_id", None, &b"ok"[..]), ("file", Some("a"), content)];
    let first = upload(&world, &run, key, &parts(b"one"));
    let again = upload(&world, &run, key, &parts(b"one"));
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json(), again.json());
    assert_eq!(on_disk(&world, &run), ["ok/a"]);
    let other = upload(&world, &run, key, &parts(b"two"));
    assert_eq!(
        (other.status, &other.json()["code"]),
        (409, &json!("idempotency_conflict"))
    );
    assert_eq!(on_disk(&world, &run), ["ok/a"]);
}
