//! A reader that takes nothing.

use serde_json::{Value, json};

use crate::server_support::World;
use crate::socket::{Heard, Socket, journaled, positions};

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

#[test]
fn a_reader_too_slow_is_closed_with_a_code_and_goes_on_where_it_was() {
    let mut world = World::idle(&[("ask", ASK)]);
    world.start_with(|host| {
        host.env("BATON_LIVE_PATIENCE", "300ms");
    });
    let answer = world.post("/api/projects", &json!({"path": world.directory()}));
    world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    let run = world.run("ask", &json!({}));
    let mut slow = Socket::open(&world, "after=0");
    // More than the sockets between hold.
    let words = "x".repeat(200_000);
    let count = 20;
    for n in 0..count {
        let text = format!("{n} {words}");
        let said = world.post(&format!("{run}/comments"), &json!({"text": text}));
        assert_eq!(said.status, 201);
    }
    let is_last = |event: &Value| {
        let content = event["data"]["message"]["content"].as_str();
        content.is_some_and(|text| text.starts_with("19 "))
    };
    let mut quick = Socket::open(&world, "after=0");
    let all = journaled(&quick.until(is_last));
    // The one that does not read comes back only when it has been closed.
    let mut heard = Vec::new();
    std::thread::park_timeout(std::time::Duration::from_secs(2));
    let code = loop {
        match slow.hear() {
            Heard::Event(event) => heard.extend(journaled(&[event])),
            Heard::Closed(code) => break code,
            Heard::Gone => panic!("closed without a code"),
        }
    };
    assert_eq!(code, 4008);
    assert!(heard.len() < all.len(), "it was slow");
    let after = positions(&heard).last().copied().unwrap_or(0);
    let mut again = Socket::open(&world, &format!("after={after}"));
    heard.extend(journaled(&again.until(is_last)));
    assert_eq!(heard, all);
}
