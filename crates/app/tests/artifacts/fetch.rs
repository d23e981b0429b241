//! Fetching, attaching, detaching.

use serde_json::{Value, json};

use crate::form::{get, upload, waiting};
use crate::server_support::World;

fn bring(world: &World, run: &str, name: &str, content: &[u8]) -> String {
    let parts = [("step_id", None, &b"ok"[..]), ("file", Some(name), content)];
    let answer = upload(world, run, "", &parts);
    let id = answer.json()["data"]["id"].as_str().map(str::to_owned);
    format!(
        "/api/artifacts/{}",
        id.unwrap_or_else(|| panic!("{answer:?}"))
    )
}

#[test]
fn a_file_is_fetched_whole_and_in_ranges() {
    let (world, run) = waiting();
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let path = bring(&world, &run, "data.bin", &content);
    let whole = get(&world, &path, "");
    assert_eq!((whole.status, whole.body.len()), (200, content.len()));
    assert_eq!(whole.body, content);
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let part = get(&world, &path, "range: bytes=100-299\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &content[100..300]));
    assert_eq!(part.header("content-range"), Some("bytes 100-299/200000"));
    let end = get(&world, &path, "range: bytes=-7\r\n");
    assert_eq!((end.status, &end.body[..]), (206, &content[199_993..]));
    let outside = get(&world, &path, "range: bytes=200000-\r\n");
    assert_eq!(outside.status, 416);
    assert_eq!(outside.json()["code"], "bad_range");
    assert_eq!(outside.header("content-range"), Some("bytes */200000"));
    for missing in [
        "/api/artifacts/x",
        "/api/artifacts/art_00000000000000000000000000000000",
    ] {
        assert_eq!(get(&world, missing, "").status, 404);
    }
    let gone = world.get(&format!("{run}/artifacts")).json()["data"][0]["file_path"].clone();
    std::fs::remove_file(world.directory().join(gone.as_str().unwrap())).unwrap();
    assert_eq!(get(&world, &path, "").status, 404);
}

#[test]
fn nothing_that_was_brought_runs_in_a_browser() {
    let (world, run) = waiting();
    for (name, content, inline) in [
        ("page.html", &b"<script>alert(1)</script>"[..], false),
        ("evil.svg", b"<svg onload='alert(1)'/>", false),
        ("fake.png", b"<html>", false),
        ("real.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", true),
        ("weird ä.txt", b"x", false),
    ] {
        let answer = get(&world, &bring(&world, &run, name, content), "");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let disposition = answer.header("content-disposition").unwrap();
        assert_eq!(
            disposition.starts_with("inline"),
            inline,
            "{name}: {disposition}"
        );
        assert!(!disposition.contains('"'), "{disposition}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("sandbox"), "{policy}");
    }
}

#[test]
fn a_file_is_attached_to_a_comment_and_taken_off_again() {
    let (world, run) = waiting();
    let path = bring(&world, &run, "a.txt", b"x");
    let comment = world
        .post(&format!("{run}/comments"), &json!({"text": "see this"}))
        .json();
    let id = comment["data"]["id"].clone();
    let mut events = world.events("topics=run:1");
    let attach = format!("{path}/attach");
    let body = json!({"comment_id": id});
    let answer = world.request("PATCH", &attach, Some(&body));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["data"]["workflow_comment_id"], id);
    // A number is taken as well.
    let number: u64 = id.as_str().unwrap().parse().unwrap();
    let again = world.request("PATCH", &attach, Some(&json!({"comment_id": number})));
    assert_eq!(again.status, 200);
    let comments = world.get(&format!("{run}/comments")).json();
    assert_eq!(comments["data"][0]["artifacts"][0]["name"], "a.txt");
    let mut told = |kind: &str| -> Value {
        events.find(|event| event["type"] == kind).unwrap()["data"].take()
    };
    assert_eq!(told("workflow.artifact.attached")["comment_id"], id);
    let detached = world.request("DELETE", &format!("{path}/detach"), None);
    assert_eq!(detached.json()["data"]["workflow_comment_id"], json!(null));
    assert_eq!(
        told("workflow.artifact.detached")["comment_id"],
        json!(null)
    );
    // Of another run, of none, and of nothing.
    let other = world.run("ask", &json!({}));
    let far = world
        .post(&format!("{other}/comments"), &json!({"text": "far"}))
        .json();
    for (body, status, code) in [
        (json!({"comment_id": far["data"]["id"]}), 409, "other_run"),
        (json!({"comment_id": "7"}), 404, "not_found"),
        (json!({"comment_id": "x"}), 422, "invalid_body"),
        (json!({}), 422, "invalid_body"),
    ] {
        let answer = world.request("PATCH", &attach, Some(&body));
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert_eq!(answer.json()["code"], code, "{body}: {answer:?}");
    }
}
