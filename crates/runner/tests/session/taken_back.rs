//! A host goes, another comes: what was said and heard is there, once.

use std::fs;

use baton_runner::{Conversation, End, Entry, Note, Outcome};
use serde_json::json;

use crate::host::{ECHO, Host, is_line, line, note, raw, reader, said, with_session};
use crate::support::{Lab, record, until};

#[test]
fn a_session_goes_on_while_its_host_is_away_and_is_taken_back_with_its_stdin() {
    let lab = Lab::new();
    let spec = with_session(
        &lab,
        lab.shell(&format!(
            "read -r first; echo \"got $first\"; while [ ! -e away ]; do sleep 0.01; done; echo working; {ECHO}"
        )),
    );
    let first = lab.launch(&spec);
    first.say("1", "hello\n", None).unwrap();
    until("the answer", || raw(&lab) == "got hello\n");
    drop(first);
    fs::write(lab.path("away"), "").unwrap();
    until("the work", || raw(&lab) == "got hello\nworking\n");
    let second = Host::next(&lab, &spec, 2);
    let mut conversation = reader(&spec);
    let so_far = second.read_until(&mut conversation, "the work", |entry| {
        is_line(entry, "working")
    });
    assert_eq!(
        so_far,
        [said("1"), line(0, "got hello"), line(10, "working")]
    );
    second.say("2", "end\n");
    let told = record(second.end());
    assert_eq!(told.end, End::Exited { code: 0 });
    assert_eq!(told.stdout_tail, "got hello\nworking\ngot end\n");
    assert_eq!(
        conversation.rest().unwrap(),
        [said("2"), line(18, "got end")]
    );
    assert_eq!(lab.log(&spec), "", "what an agent says is in raw only");
}

#[test]
fn what_was_said_before_is_not_said_again() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(ECHO));
    let first = Host::of(lab.launch(&spec));
    first.say("1", "a\n");
    first.say("1", "a\n");
    first.say("2", "b\n");
    first.await_said("2");
    let second = Host::next(&lab, &spec, 2);
    assert_eq!(first.end(), Outcome::TakenOver);
    second.say("1", "a\n");
    second.await_said("1");
    second.say("2", "another b\n");
    second.await_said("2");
    second.say("3", "c\n");
    second.say("4", "end\n");
    assert_eq!(record(second.end()).end, End::Exited { code: 0 });
    assert_eq!(raw(&lab), "got a\ngot b\ngot c\ngot end\n");
    let ids: Vec<String> = lab
        .read("session/said.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string())
        .collect();
    assert_eq!(ids, [r#""1""#, r#""2""#, r#""3""#, r#""4""#]);
}

#[test]
fn what_was_not_acknowledged_is_said_again_when_a_connection_breaks() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(ECHO));
    let shepherd = lab.launch(&spec);
    shepherd.say("1", "a\n", None).unwrap();
    until("the answer", || raw(&lab) == "got a\n");
    // Longer than any line may be: the shepherd ends the connection, and nobody waits so far who
    // would make a new one.
    shepherd.write_stdin(&"x".repeat(66 << 20)).unwrap_err();
    shepherd.say("2", "b\n", None).unwrap();
    shepherd.note("3", None).unwrap();
    shepherd.say("4", "c\n", None).unwrap();
    let host = Host::of(shepherd);
    host.await_said("2");
    host.await_said("3");
    host.await_said("4");
    host.say("5", "end\n");
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    assert_eq!(raw(&lab), "got a\ngot b\ngot c\ngot end\n");
}

#[test]
fn an_order_that_no_connection_survives_is_refused() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(ECHO));
    let host = Host::of(lab.launch(&spec));
    let refused = host.shepherd.say("1", &"x".repeat(50 << 20), None);
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::InvalidInput
    );
    host.say("2", "end\n");
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    assert_eq!(raw(&lab), "got end\n");
}

#[test]
fn an_order_stands_where_its_host_had_read_to_however_much_was_said_since() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(&format!("echo one; echo two; {ECHO}")));
    let host = Host::of(lab.launch(&spec));
    let mut live = reader(&spec);
    // Both lines are there; the host has gone through the first, and a part of the second.
    host.read_until(&mut reader(&spec), "two", |entry| is_line(entry, "two"));
    assert_eq!(live.read(5).unwrap(), [line(0, "one")]);
    let after = Some(live.read_to());
    let order = json!("hurry");
    let place = Note { order, after };
    host.shepherd.say("1", "end\n", Some(place)).unwrap();
    host.await_said("1");
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    let note = Some(json!("hurry"));
    let id = "1".to_owned();
    let expected = [
        line(0, "one"),
        Entry::Said { id, note },
        line(4, "two"),
        line(8, "got end"),
    ];
    assert_eq!(reader(&spec).rest().unwrap(), expected);
}

#[test]
fn raw_lines_and_orders_come_back_in_the_order_they_happened() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(&format!("echo ready; {ECHO}")));
    let host = Host::of(lab.launch(&spec));
    let mut live = reader(&spec);
    let mut entries = host.read_until(&mut live, "ready", |entry| is_line(entry, "ready"));
    for round in 0..20 {
        let id = format!("order-{round}");
        let note = Some(note(json!({ "round": round })));
        host.shepherd.say(&id, &format!("{round}\n"), note).unwrap();
        let answer = format!("got {round}");
        entries.extend(host.read_until(&mut live, &answer, |entry| is_line(entry, &answer)));
    }
    host.shepherd
        .note("note", Some(note(json!("interrupt"))))
        .unwrap();
    host.await_said("note");
    host.say("end", "end\n");
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    entries.extend(live.rest().unwrap());
    let mut expected = vec![line(0, "ready")];
    let mut offset = 6;
    for round in 0..20 {
        let (id, note) = (format!("order-{round}"), Some(json!({ "round": round })));
        expected.push(Entry::Said { id, note });
        let answer = format!("got {round}");
        expected.push(line(offset, &answer));
        offset += answer.len() as u64 + 1;
    }
    let note = Some(json!("interrupt"));
    let id = "note".to_owned();
    expected.push(Entry::Said { id, note });
    expected.extend([said("end"), line(offset, "got end")]);
    assert_eq!(entries, expected);
}

#[test]
fn a_second_host_replays_the_same() {
    let lab = Lab::new();
    // Lines that are begun before an order and ended after it, too.
    let agent = r#"printf begun; while read -r line; do echo "; got $line"; [ "$line" != end ] || break; printf begun; done; printf 'no end'"#;
    let spec = with_session(&lab, lab.shell(agent));
    let first = Host::of(lab.launch(&spec));
    let mut live = reader(&spec);
    let mut seen = Vec::new();
    for round in 0..10 {
        first.say(&round.to_string(), &format!("{round}\n"));
        let answer = format!("begun; got {round}");
        seen.extend(first.read_until(&mut live, &answer, |entry| is_line(entry, &answer)));
    }
    let second = Host::next(&lab, &spec, 2);
    assert_eq!(first.end(), Outcome::TakenOver);
    let mut replay = reader(&spec);
    let again = second.read_until(&mut replay, "all", |entry| is_line(entry, "begun; got 9"));
    assert_eq!(again, seen);
    second.say("end", "end\n");
    record(second.end());
    seen.extend(live.rest().unwrap());
    assert_eq!(seen[seen.len() - 3], said("end"));
    assert!(is_line(&seen[seen.len() - 1], "no end"));
    // Whatever the steps it is read in, and from any line on.
    let length = raw(&lab).len() as u64;
    for step in [1, 3, 7, 50] {
        let mut replay = reader(&spec);
        let mut again: Vec<Entry> = (0..length)
            .step_by(step)
            .flat_map(|up_to| replay.read(up_to).unwrap())
            .collect();
        again.extend(replay.rest().unwrap());
        assert_eq!(again, seen, "steps of {step}");
    }
    let offset = |entry: &Entry| match entry {
        Entry::Line { offset, .. } => Some(*offset),
        _ => None,
    };
    for from in seen.iter().filter_map(offset) {
        let session = spec.session.as_ref().unwrap();
        let later = Conversation::new(session, from).rest().unwrap();
        let lines: Vec<&Entry> = later
            .iter()
            .filter(|entry| offset(entry).is_some())
            .collect();
        let expected = seen.iter().filter(|entry| offset(entry) >= Some(from));
        assert_eq!(lines, expected.collect::<Vec<_>>(), "from {from}");
        assert!(seen.ends_with(&later), "from {from}");
    }
}
