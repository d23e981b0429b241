//! What a step wrote: in parts, whole, by attempt, and live.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::server_support::{World, step};

/// Fails once with a few words, then writes more than is answered at once.
const LONG: &str = r#"
name: Long
steps:
  - id: prints
    type: script
    retry: {attempts: 2, backoff: 1ms, jitter: false}
    command: |
      test -e tried || { touch tried; echo first words; exit 1; }
      awk 'BEGIN { for (n = 0; n < 70000; n++) printf "line %08d of a long output, told in full\n", n }'
"#;

const LIVE: &str = "
name: Live
steps:
  - {id: prints, type: script, command: 'echo one; while [ ! -e go ]; do sleep 0.02; done; echo two'}
";

/// The path of a step's logs.
fn logs(run: &Value) -> String {
    let id = step(run, "prints")["id"].as_str().unwrap();
    format!("/api/workflow-steps/{id}/logs")
}

fn part(world: &World, path: &str) -> Value {
    let answer = world.get(path);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].take()
}

/// A log as plain text.
fn text(world: &World, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.0\r\nhost: b\r\naccept: text/plain\r\n\r\n");
    let answer = world.raw(&request).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.kind, "text/plain; charset=utf-8");
    answer.text
}

#[test]
fn a_long_log_comes_in_parts_that_join_to_the_whole() {
    let world = World::new(&[("long", LONG)]);
    let run = world.run("long", &json!({}));
    let done = world.run_until(&run, "completed");
    let logs = logs(&done);
    let output = format!("{logs}/output");
    let whole = text(&world, &output);
    let line = "line 00000000 of a long output, told in full\n";
    assert_eq!(whole.len(), 70_000 * line.len());
    assert!(whole.starts_with(line));
    let mut joined = String::new();
    loop {
        let found = part(&world, &format!("{output}?offset={}", joined.len()));
        assert_eq!(found["offset"], joined.len());
        assert_eq!(found["total"], whole.len());
        assert_eq!(found["type"], "output");
        let content = found["content"].as_str().unwrap();
        assert!(content.len() <= 1024 * 1024 && content.ends_with('\n'));
        joined.push_str(content);
        match found["next_offset"].as_u64() {
            Some(next) => assert_eq!(next, joined.len() as u64),
            None => break,
        }
    }
    assert!(joined == whole, "the parts are the whole");
    // From the middle of a line, and shorter than one.
    let short = part(&world, &format!("{output}?offset=5&limit=8"));
    assert_eq!(short["content"], "00000000");
    assert_eq!(short["next_offset"], 13);
    // A part ends with a line.
    let limit = line.len() + 7;
    let cut = part(&world, &format!("{output}?limit={limit}"));
    assert_eq!(cut["content"], line);
    assert_eq!(cut["next_offset"], line.len());
    let from = whole.len() - 10;
    assert_eq!(
        text(&world, &format!("{output}?offset={from}")),
        whole[from..]
    );
    let beyond = part(&world, &format!("{output}?offset={}", whole.len() + 9));
    assert_eq!(
        (&beyond["content"], &beyond["next_offset"]),
        (&json!(""), &Value::Null)
    );

    // The attempt before is where it was.
    assert_eq!(
        text(&world, &format!("{output}?attempt=1")),
        "first words\n"
    );
    assert_eq!(
        part(&world, &format!("{output}?attempt=2"))["total"],
        whole.len()
    );
    // What is made of the journal comes a moment later.
    let mut input = Value::Null;
    world.until("the input is there", || {
        input = part(&world, &format!("{logs}/input"));
        input["total"] != 0
    });
    let input: Value = serde_json::from_str(input["content"].as_str().unwrap()).unwrap();
    assert!(input.to_string().contains("awk"), "{input}");
    let events = text(&world, &format!("{logs}/events"));
    assert!(!events.is_empty());
    for event in events.lines() {
        assert!(serde_json::from_str::<Value>(event).is_ok(), "{event}");
    }
    // A script has no lines of an agent's own.
    let raw = part(&world, &format!("{logs}/raw"));
    assert_eq!((&raw["content"], &raw["total"]), (&json!(""), &json!(0)));
}

/// The next server-sent event: its type, its id and its data.
fn next(lines: &mut impl Iterator<Item = String>) -> (String, String, Value) {
    let (mut kind, mut id, mut data) = (String::new(), String::new(), Value::Null);
    for line in lines {
        match line.split_once(": ") {
            Some(("event", word)) => kind = word.to_owned(),
            Some(("id", number)) => id = number.to_owned(),
            Some(("data", text)) => data = serde_json::from_str(text).unwrap(),
            _ if line.is_empty() && !data.is_null() => return (kind, id, data),
            _ => {}
        }
    }
    panic!("the stream has ended")
}

#[test]
fn a_log_is_followed_from_an_offset_to_its_steps_end() {
    let world = World::new(&[("live", LIVE)]);
    let run = world.run("live", &json!({}));
    let found = world.run_when(&run, "runs", |run| {
        step(run, "prints")["status"] == "running"
    });
    let path = format!("{}/output?offset=1", logs(&found));
    let mut stream = UnixStream::connect(world.data_dir().join("host.sock")).unwrap();
    let head = format!("GET {path} HTTP/1.0\r\nhost: b\r\naccept: text/event-stream\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let (_, id, first) = next(&mut lines);
    assert_eq!(first["output"], "ne\n");
    assert_eq!((&first["offset"], id.as_str()), (&json!(1), "4"));
    assert_eq!(first["type"], "output");
    assert_eq!(first["step_id"], step(&found, "prints")["id"]);
    std::fs::write(world.directory().join("go"), "").unwrap();
    let (_, id, second) = next(&mut lines);
    assert_eq!(second["output"], "two\n");
    assert_eq!((&second["offset"], id.as_str()), (&json!(4), "8"));
    let (kind, _, _) = next(&mut lines);
    assert_eq!(kind, "end");
    assert_eq!(lines.find(|line| line.starts_with("data")), None);
    world.run_until(&run, "completed");
    // What has ended is followed to its end at once.
    let mut stream = UnixStream::connect(world.data_dir().join("host.sock")).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert_eq!(next(&mut lines).2["output"], "ne\ntwo\n");
    assert_eq!(next(&mut lines).0, "end");
}
