//! What clients say wrongly, and positions of other journals.

use serde_json::json;

use crate::server_support::World;
use crate::socket::{Heard, Socket};

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

/// What comes next, but for word of a definition that was found only now.
fn answer_of(socket: &mut Socket) -> serde_json::Value {
    loop {
        let next = socket.next();
        if next["type"] != "workflow.definition.changed" {
            return next;
        }
    }
}

#[test]
fn a_wrong_word_is_answered_and_the_connection_goes_on() {
    let world = World::new(&[("ask", ASK)]);
    let mut socket = Socket::open(&world, "");
    for (wrong, code) in [
        ("{", "bad_message"),
        ("[]", "bad_message"),
        (r#"{"type":"shout"}"#, "bad_message"),
        (r#"{"type":"subscribe"}"#, "bad_topic"),
        (r#"{"type":"subscribe","topics":["odd"]}"#, "bad_topic"),
        (
            r#"{"type":"subscribe","topics":["project:1"]}"#,
            "bad_topic",
        ),
        (r#"{"type":"subscribe","topics":["run:99"]}"#, "not_found"),
        (
            r#"{"type":"subscribe","topics":["run:1"],"after":-1}"#,
            "bad_message",
        ),
    ] {
        socket.say_text(wrong);
        let answer = answer_of(&mut socket);
        assert_eq!(answer["type"], "error", "{wrong}: {answer}");
        assert_eq!(answer["data"]["code"], code, "{wrong}: {answer}");
        assert!(!answer["data"]["detail"].as_str().unwrap().is_empty());
    }
    let many: Vec<String> = (0..1001).map(|n| format!("task:{n}")).collect();
    socket.say(&json!({"type": "subscribe", "topics": many}));
    assert_eq!(answer_of(&mut socket)["data"]["code"], "bad_topic");
    socket.say(&json!({"type": "ping"}));
    assert_eq!(answer_of(&mut socket)["type"], "pong");
    world.run("ask", &json!({}));
    assert!(answer_of(&mut socket)["pos"].is_u64());
}

#[test]
fn a_flood_of_words_ends_the_connection() {
    let world = World::new(&[("ask", ASK)]);
    let mut socket = Socket::open(&world, "");
    socket.say_text(&"x".repeat(128 * 1024));
    assert!(matches!(socket.hear(), Heard::Closed(_) | Heard::Gone));
}

#[test]
fn a_position_of_another_journal_is_answered_resync() {
    let world = World::new(&[("ask", ASK)]);
    let far = u64::MAX / 8192;
    let mut socket = Socket::open(&world, &format!("after={far}"));
    assert_eq!(socket.next(), json!({"type": "resync"}));
    let mut second = Socket::open(&world, "");
    second.say(&json!({"type": "subscribe", "topics": [format!("project:{}", world.project)], "after": far}));
    let heard = [second.next(), second.next()];
    assert!(heard.contains(&json!({"type": "resync"})), "{heard:?}");
    world.run("ask", &json!({}));
    assert!(socket.next()["pos"].is_u64(), "it goes on from now");
    assert!(second.next()["pos"].is_u64(), "it goes on from now");
}

#[test]
fn what_cannot_be_served_is_refused_before_it_begins() {
    let world = World::new(&[("ask", ASK)]);
    for (path, status, code) in [
        ("/api/ws", 426, "upgrade_required"),
        ("/api/events?topics=odd", 400, "bad_topic"),
        ("/api/events?topics=run:77", 404, "not_found"),
        ("/api/events?after=x", 400, "bad_query"),
    ] {
        let answer = world.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json()["code"], code, "{path}");
    }
}
