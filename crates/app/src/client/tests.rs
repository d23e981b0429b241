//! The client against a host that is only a Unix socket with prepared answers.

#![allow(
    clippy::disallowed_methods,
    reason = "the fake host is awaited, or ends with its test"
)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::feed::{Feed, Said};
use super::*;

const HEALTH: &str = r#"{"version":"0.1.0","protocol":1,"pid":1}"#;

fn reply(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn json_reply(body: &str) -> String {
    reply("200 OK", "application/json", body)
}

fn sse(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
}

/// Answers each request by its place among those that are not `/healthz`; an empty answer hangs up.
fn listen(dir: &Path, answers: Vec<String>) -> tokio::task::JoinHandle<Vec<String>> {
    let listener = UnixListener::bind(dir.join(socket::NAME)).unwrap();
    tokio::spawn(async move {
        let mut requests = Vec::new();
        let mut answers = answers.into_iter();
        let mut next = answers.next();
        while next.is_some() {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while !is_whole(&bytes) {
                if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                    break;
                }
            }
            let request = String::from_utf8(bytes).unwrap();
            let answer = if request.starts_with("GET /healthz") {
                json_reply(HEALTH)
            } else {
                requests.push(request);
                let answer = next.take().unwrap();
                next = answers.next();
                answer
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    })
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

#[tokio::test]
async fn an_answer_is_read_and_a_body_sent() {
    let dir = tempfile::tempdir().unwrap();
    let host = listen(dir.path(), vec![json_reply(r#"{"data":{"id":"x"}}"#)]);
    let client = Client::passive(dir.path());
    let answer = client
        .post("/api/projects", &json!({"path": "/p"}))
        .await
        .unwrap();
    assert_eq!(answer["data"]["id"], "x");
    let requests = host.await.unwrap();
    assert!(requests[0].starts_with("POST /api/projects HTTP/1.1\r\n"));
    assert!(requests[0].ends_with(r#"{"path":"/p"}"#));
    assert!(requests[0].contains("idempotency-key: "));
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_detail() {
    let dir = tempfile::tempdir().unwrap();
    let body =
        r#"{"title":"Conflict","status":409,"code":"invalid_state","detail":"run 3 is paused"}"#;
    let _host = listen(
        dir.path(),
        vec![reply("409 Conflict", "application/problem+json", body)],
    );
    let error = Client::passive(dir.path()).get("/x").await.unwrap_err();
    let Error::Refused(problem) = error else {
        panic!("{error}")
    };
    assert_eq!(
        (
            problem.status,
            problem.code.as_str(),
            problem.detail.as_str()
        ),
        (409, "invalid_state", "run 3 is paused")
    );
}

#[tokio::test]
async fn what_a_leaving_host_refuses_is_sent_again_under_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let body = r#"{"status":503,"code":"stopping","detail":"the host is leaving; ask again"}"#;
    let leaving = reply("503 Service Unavailable", "application/problem+json", body);
    let host = listen(dir.path(), vec![leaving, json_reply("{}")]);
    let client = Client::with_program(dir.path(), Path::new("/bin/false"));
    assert_eq!(client.post("/x", &json!({})).await.unwrap(), json!({}));
    let requests = host.await.unwrap();
    let key = |request: &String| {
        let mut lines = request.lines();
        lines
            .find(|line| line.starts_with("idempotency-key"))
            .unwrap()
            .to_owned()
    };
    assert_eq!(key(&requests[0]), key(&requests[1]));
}

#[tokio::test]
async fn a_socket_with_a_long_path_is_reached() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100)).join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    // Bound by a short name, as a host must do it, too.
    let link = dir.path().join("l");
    std::os::unix::fs::symlink(&deep, &link).unwrap();
    let _host = listen(&link, vec![json_reply("{}")]);
    assert_eq!(Client::passive(&deep).get("/x").await.unwrap(), json!({}));
}

#[tokio::test]
async fn without_a_host_a_passive_client_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = Client::passive(dir.path()).get("/x").await.unwrap_err();
    assert!(matches!(error, Error::NotRunning(_)), "{error}");
}

fn script(dir: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join("fake-host");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_host_that_cannot_start_is_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(
        dir.path(),
        "#!/bin/sh\necho \"disk on fire: $*\" >&2\nexit 70\n",
    );
    let data = dir.path().join("data");
    let error = Client::with_program(&data, &program)
        .get("/x")
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("disk on fire: host --data-dir"), "{text}");
    assert!(text.contains("exit status: 70"), "{text}");
}

#[tokio::test]
async fn a_post_cut_off_is_sent_again_under_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let host = listen(dir.path(), vec![String::new(), json_reply("{}")]);
    let client = Client::with_program(dir.path(), Path::new("/bin/false"));
    client.post("/api/x", &json!({"a": 1})).await.unwrap();
    let requests = host.await.unwrap();
    let key = |text: &str| {
        let line = text.lines().find(|l| l.starts_with("idempotency-key"));
        line.unwrap().to_owned()
    };
    assert_eq!(key(&requests[0]), key(&requests[1]));
}

fn event(pos: u64) -> Value {
    json!({"type": "t", "data": {}, "pos": pos, "ts": "2026-01-01T00:00:00.000Z"})
}

#[tokio::test]
async fn a_feed_goes_on_after_the_last_event_when_the_host_dies() {
    let dir = tempfile::tempdir().unwrap();
    let first = sse(&format!(
        "id: 4\ndata: {}\n\nid: 5\ndata: {}\n\n",
        event(4),
        event(5)
    ));
    let second = sse(&format!("id: 6\ndata: {}\n\n", event(6)));
    let host = listen(dir.path(), vec![first, second]);
    let client = Client::with_program(dir.path(), Path::new("/bin/false"));
    let mut feed = Feed::new(client, "run:1".into(), None);
    let mut said = Vec::new();
    while said.len() < 6 {
        said.push(feed.next().await.unwrap());
    }
    let expected = [
        Said::Connected,
        Said::Event(event(4)),
        Said::Event(event(5)),
        Said::Reconnecting,
        Said::Connected,
        Said::Event(event(6)),
    ];
    assert_eq!(said, expected);
    let requests = host.await.unwrap();
    assert!(
        requests[0].starts_with("GET /api/events?topics=run%3A1 "),
        "{}",
        requests[0]
    );
    assert!(requests[1].starts_with("GET /api/events?topics=run%3A1&after=5 "));
}
