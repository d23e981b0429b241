//! Who gets what, and from where on.

use serde_json::{Value, json};

use crate::server_support::World;
use crate::socket::{Socket, comes_to, id_of, journaled, positions};

const TWO: &str = "
name: Two
phases: [one, two]
steps:
  - {id: a, phase: one, type: script, command: 'echo from-a'}
  - {id: b, phase: two, type: script, command: 'echo from-b'}
";

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().filter_map(|event| event["type"].as_str());
    kinds.collect()
}

#[test]
fn who_never_subscribes_gets_all_of_document_2() {
    let world = World::new(&[("two", TWO)]);
    let mut socket = Socket::open(&world, "");
    let run = world.run("two", &json!({}));
    let mut events = socket.until(comes_to(id_of(&run), "completed"));
    // That the project has definitions is told of no run.
    events.retain(|event| event["type"] != "workflow.definition.changed");
    let all = kinds(&events);
    for kind in [
        "workflow.execution.status_changed",
        "workflow.execution.phase_changed",
        "workflow.step.started",
        "workflow.step.completed",
        "workflow.step.progress",
        "workflow.step.attempt",
        "workflow.run.progress",
        "workflow.checkpoint.created",
    ] {
        assert!(all.contains(&kind), "{kind} in {all:?}");
    }
    for event in &events {
        assert_eq!(event["data"]["project_id"], world.project, "{event}");
        assert_eq!(event["data"]["execution_id"], id_of(&run), "{event}");
        assert!(event["ts"].is_string(), "{event}");
        // Only what is not in the journal has no position: it is caught up by offset.
        let loose = event["pos"].is_null();
        assert_eq!(loose, event["type"] == "workflow.step.progress", "{event}");
    }
    let positions = positions(&events);
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
    let output = events
        .iter()
        .position(|event| event["data"]["output"] == "from-a\n")
        .unwrap();
    assert_eq!(events[output]["data"]["offset"], 0);
    let ended = events.iter().position(|event| {
        event["type"] == "workflow.step.completed" && event["data"]["step_key"] == "a"
    });
    assert!(
        output < ended.unwrap(),
        "output comes before its step's end"
    );
}

#[test]
fn a_subscriber_gets_its_run_and_no_other() {
    let world = World::new(&[("two", TWO), ("ask", ASK)]);
    let mine = world.run("ask", &json!({}));
    let mut socket = Socket::open(&world, "");
    socket.subscribe(&[format!("run:{}", id_of(&mine))], None);
    let other = world.run("two", &json!({}));
    world.run_until(&other, "completed");
    world.post(&format!("{mine}/comments"), &json!({"text": "mine"}));
    let event = socket.next();
    assert_eq!(event["data"]["execution_id"], id_of(&mine), "{event}");
}

#[test]
fn a_project_topic_and_a_number_are_topics() {
    let world = World::new(&[("ask", ASK)]);
    let run = world.run("ask", &json!({}));
    for topic in [format!("project:{}", world.project), "run:1".to_owned()] {
        let mut socket = Socket::open(&world, "");
        socket.subscribe(&[topic], None);
        world.post(&format!("{run}/comments"), &json!({"text": "x"}));
        // The run, and what the project's files are found to be, may be told before.
        let heard = socket.until(|event| event["type"] == "workflow.comment.created");
        let comment = &heard[heard.len() - 1]["data"];
        assert_eq!(comment["execution_id"], id_of(&run), "{comment}");
    }
}

#[test]
fn after_a_break_nothing_is_missed_or_repeated() {
    let world = World::new(&[("two", TWO)]);
    let mut socket = Socket::open(&world, "after=0");
    let run = world.run("two", &json!({}));
    let all = journaled(&socket.until(comes_to(id_of(&run), "completed")));
    // From every position there is, over both doors.
    for (index, event) in all.iter().enumerate() {
        let pos = event["pos"].as_u64().unwrap();
        let rest = &all[index + 1..];
        let mut again = Socket::open(&world, &format!("after={pos}"));
        let heard: Vec<Value> = rest.iter().map(|_| again.next()).collect();
        assert_eq!(heard, rest);
        let stream = world.events(&format!("after={pos}"));
        let heard: Vec<Value> = stream.take(rest.len()).collect();
        assert_eq!(heard, rest);
    }
}

#[test]
fn the_first_word_may_say_where_to_go_on() {
    let world = World::new(&[("two", TWO), ("ask", ASK)]);
    let run = world.run("two", &json!({}));
    world.run_until(&run, "completed");
    let mut first = Socket::open(&world, "after=0");
    let all = journaled(&first.until(comes_to(id_of(&run), "completed")));
    let mut socket = Socket::open(&world, "");
    let before = socket.subscribe(&[format!("run:{}", id_of(&run))], Some(0));
    assert_eq!(before.len(), 1, "{before:?}");
    let heard: Vec<Value> = all.iter().map(|_| socket.next()).collect();
    assert_eq!(heard, all);
}

#[test]
fn topics_that_come_later_bring_their_past_and_repeat_nothing() {
    let world = World::new(&[("two", TWO), ("ask", ASK)]);
    let first = world.run("ask", &json!({}));
    let second = world.run("two", &json!({}));
    world.run_until(&second, "completed");
    let mut socket = Socket::open(&world, "");
    let topic = |run: &str| vec![format!("run:{}", id_of(run))];
    socket.subscribe(&topic(&first), Some(0));
    let mut heard = socket.until(|event| event["type"] == "workflow.run.waiting");
    socket.subscribe(&topic(&second), Some(0));
    heard.extend(journaled(
        &socket.until(comes_to(id_of(&second), "completed")),
    ));
    // Both again: nothing is new.
    socket.subscribe(&[topic(&first), topic(&second)].concat(), Some(0));
    world.post(&format!("{first}/comments"), &json!({"text": "end"}));
    let last = socket.until(|event| event["data"]["message"]["content"] == "end");
    assert_eq!(kinds(&last), ["workflow.comment.created", "message:new"]);
    let mut positions = positions(&heard);
    let count = positions.len();
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(positions.len(), count, "a repeat");
}

#[test]
fn who_unsubscribes_gets_no_more() {
    let world = World::new(&[("ask", ASK)]);
    let (one, two) = (world.run("ask", &json!({})), world.run("ask", &json!({})));
    let mut socket = Socket::open(&world, "");
    socket.subscribe(
        &[
            format!("run:{}", id_of(&one)),
            format!("run:{}", id_of(&two)),
        ],
        None,
    );
    socket.say(&json!({"type": "unsubscribe", "topics": [format!("run:{}", id_of(&one))]}));
    socket.until(|event| event["type"] == "unsubscribed");
    world.post(&format!("{one}/comments"), &json!({"text": "x"}));
    world.post(&format!("{two}/comments"), &json!({"text": "x"}));
    assert_eq!(socket.next()["data"]["execution_id"], id_of(&two));
}
