//! A reader that is too slow for what agents do: it is told that it missed something, and has it by
//! reading on from where it was.

use std::fmt::Write;

use serde_json::{Value, json};

use super::fake::{path, thinking, world_with};
use super::socket::{Socket, comes_to, id_of};

/// More than the host keeps for slow readers and the sockets between hold.
const LINES: usize = 8_000;

/// What was told of the agent, or is to be read: where it stands in the log, and what it is.
fn activity(of: &Value) -> (u64, Value) {
    (of["offset"].as_u64().unwrap(), of["activity"].clone())
}

#[test]
fn a_reader_that_missed_activities_is_told_and_reads_them_once() {
    let mut prompt = format!("@todo {}|two", "long ".repeat(60));
    for n in 0..LINES {
        let does = if n % 2 == 0 { "doing" } else { "done" };
        write!(prompt, "\n@{does} 1").unwrap();
    }
    let patience = [("BATON_LIVE_PATIENCE", "10m")];
    let world = world_with(&[("think", &thinking("", &prompt))], &patience);
    let mut slow = Socket::open(&world, "");
    let mut quick = Socket::open(&world, "");
    let run = world.run("think", &json!({}));
    // All has been told when the end is: the slow one has taken nothing by then.
    quick.until(comes_to(id_of(&run), "completed"));
    let of_think = path(&world.run_until(&run, "completed"), "think");
    let read = |after: Option<u64>| {
        let after = after.map_or(String::new(), |after| format!("&after={after}"));
        let page = world.get(&format!("{of_think}/activities?limit=200{after}"));
        let mut page = page.json();
        let rows: Vec<_> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(activity)
            .collect();
        (rows, page["next_cursor"].take())
    };
    let all_after = |mut after: Option<u64>| {
        let mut all = Vec::new();
        loop {
            let (rows, next) = read(after);
            all.extend(rows);
            match next.as_str() {
                Some(next) => after = Some(next.parse().unwrap()),
                None => return all,
            }
        }
    };

    // Does what the API says: after a gap it reads on from the last it has.
    let mut known: Vec<(u64, Value)> = Vec::new();
    let mut gaps = 0;
    for event in slow.until(comes_to(id_of(&run), "completed")) {
        let last = known.last().map(|(offset, _)| *offset);
        if event["type"] == "gap" {
            gaps += 1;
            assert!(known.len() < LINES, "nothing was missed");
            known.extend(all_after(last));
        } else if event["type"] == "workflow.step.activity" {
            let told = activity(&event["data"]);
            if last.is_none_or(|last| told.0 > last) {
                known.push(told);
            }
        }
    }
    assert!(gaps > 0, "a reader that takes nothing misses something");
    assert_eq!(known, all_after(None));
    assert!(known.len() > LINES);
}
