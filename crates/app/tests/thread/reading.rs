//! How far people have read, and long threads.

use serde_json::{Value, json};

use crate::office::{messages, say, world};

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

#[test]
fn unread_counts_what_others_said_after_the_mark() {
    let world = world(&[("ask", ASK)]);
    let run = world.run("ask", &json!({}));
    world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    let unread = || {
        let of_run = world.get(&run).json()["data"]["unread"].clone();
        let list = world.get("/api/workflow-executions").json();
        assert_eq!(list["data"][0]["unread"], of_run);
        of_run
    };
    // One's own words are read.
    let mine = say(&world, &run, "comment", "hello", json!({}));
    assert_eq!(unread(), 0);
    say(&world, &run, "pause", "Stop", json!({}));
    world.run_until(&run, "paused");
    assert_eq!(unread(), 1, "the system said that it is paused");
    let path = format!("{run}/read");
    let read = world.request(
        "PUT",
        &path,
        Some(&json!({"message_id": mine["messageId"]})),
    );
    assert_eq!(
        (read.status, &read.json()["data"]["unread"]),
        (200, &json!(1))
    );
    let all = world.get(&messages(&run)).json();
    let last = all["messages"].as_array().unwrap().last().unwrap()["id"].clone();
    let body = json!({"message_id": last.to_string()});
    assert_eq!(
        world.request("PUT", &path, Some(&body)).json()["data"]["unread"],
        0
    );
    // A mark does not move back.
    world.request(
        "PUT",
        &path,
        Some(&json!({"message_id": mine["messageId"]})),
    );
    assert_eq!(unread(), 0);
    for (body, status) in [
        (json!({}), 422),
        (json!({"message_id": "x"}), 422),
        (json!({"message_id": 1}), 422),
    ] {
        let answer = world.request("PUT", &path, Some(&body));
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    let nowhere = "/api/workflow-executions/99/read";
    assert_eq!(
        world
            .request("PUT", nowhere, Some(&json!({"message_id": 1})))
            .status,
        404
    );
}

#[test]
fn a_long_thread_comes_whole_and_in_pages() {
    let world = world(&[("ask", ASK)]);
    let run = world.run("ask", &json!({}));
    let ids: Vec<u64> = (0..1203)
        .map(|n| {
            let said = say(&world, &run, "comment", &n.to_string(), json!({}));
            said["messageId"].as_u64().unwrap()
        })
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    let of = |query: &str| -> Vec<u64> {
        let path = format!("{}?{query}", messages(&run));
        let thread: Value = world.get(&path).json();
        let all = thread["messages"].as_array().unwrap().iter();
        all.map(|message| message["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(of(""), ids);
    assert_eq!(of(&format!("after={}", ids[100])), ids[101..]);
    assert_eq!(of(&format!("after={}&limit=600", ids[9])), ids[10..610]);
    assert_eq!(of("limit=500"), ids[..500]);
    assert_eq!(of("limit=0"), Vec::<u64>::new());
}
