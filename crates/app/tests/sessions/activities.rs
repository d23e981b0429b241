//! What a session does: read, followed, and shown.

use serde_json::{Value, json};

use super::fake::{path, thinking, world};
use super::server_support::step;

const WORK: &str = "\
@todo Read the code|Write it
@doing 1
@read a.txt
@done 1
@doing 2
@spend 1000 200 0.5
@wait go
@write b.txt hello
@say all done";

fn kinds(page: &Value) -> Vec<&str> {
    let rows = page["data"].as_array().unwrap().iter();
    rows.map(|row| row["activity"]["kind"].as_str().unwrap())
        .collect()
}

#[test]
fn activities_are_read_page_by_page_and_told_live() {
    let text = thinking("    permission: acceptEdits\n", WORK);
    let script = "  - {id: after, type: script, command: 'true'}\n";
    let world = world(&[("think", &format!("{text}{script}"))]);
    let events = world.events("topics=");
    let run = world.run("think", &json!({}));
    let at_work = world.run_when(&run, "has its todos", |run| {
        step(run, "think")["session"]["todos"][1]["status"] == "in_progress"
    });
    let of_think = path(&at_work, "think");
    let whole = world.get(&of_think).json();
    assert_eq!(whole["data"]["session"]["todos"][0]["status"], "completed");
    let listed = world.get("/api/workflow-executions").json();
    let in_list = &step(&listed["data"][0], "think")["session"]["todos"];
    assert_eq!(*in_list, whole["data"]["session"]["todos"]);
    std::fs::write(world.directory().join("go"), "").unwrap();
    let done = world.run_until(&run, "completed");

    let all = world
        .get(&format!("{of_think}/activities?limit=200"))
        .json();
    assert_eq!(all["next_cursor"], Value::Null);
    for kind in [
        "session",
        "todos",
        "tool_use",
        "usage",
        "message",
        "turn_ended",
    ] {
        assert!(kinds(&all).contains(&kind), "{kind}: {all:#}");
    }
    let attempt = &step(&done, "think")["attempts"][0];
    let rows = all["data"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["attempt"] == attempt["id"]));
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.get(&format!("{of_think}/activities?limit=3{cursor}"));
        let mut page = page.json();
        paged.append(page["data"].as_array_mut().unwrap());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(&paged, rows);
    let some = world.get(&format!("{of_think}/activities?kind=todos,usage"));
    assert!(
        kinds(&some.json())
            .iter()
            .all(|k| ["todos", "usage"].contains(k))
    );

    // Each was told live, once and in order.
    let told = events.take_while(|event| {
        event["data"]["status"] != "completed"
            || event["type"] != "workflow.execution.status_changed"
    });
    let told: Vec<Value> = told
        .filter(|event| event["type"] == "workflow.step.activity")
        .collect();
    assert!(told.iter().all(|event| event.get("pos").is_none()));
    let told: Vec<Value> = told.into_iter().map(|mut e| e["data"].take()).collect();
    assert_eq!(told.len(), rows.len(), "{told:#?}");
    for (event, row) in told.iter().zip(rows) {
        assert_eq!(
            (&event["offset"], &event["activity"]),
            (&row["offset"], &row["activity"])
        );
        assert_eq!(
            (&event["step_key"], &event["attempt"]),
            (&json!("think"), &attempt["id"])
        );
    }

    // The run says what it used.
    assert_eq!(done["cost_usd"], 0.5);
    assert!(
        done["usage"]["input"].as_u64() > Some(0),
        "{}",
        done["usage"]
    );
    assert_eq!(step(&done, "think")["session"]["tool"], Value::Null);
    let of_script = path(&done, "after");
    let none = world.get(&format!("{of_script}/activities")).json();
    assert_eq!(none, json!({"data": [], "next_cursor": null}));
}

#[test]
fn what_cannot_be_read_is_refused_clearly() {
    let world = world(&[("think", &thinking("", "@say hi"))]);
    let run = world.run("think", &json!({}));
    let done = world.run_until(&run, "completed");
    let of_think = path(&done, "think");
    for (query, status, words) in [
        ("kind=toodos", 400, "todos"),
        ("after=x", 400, "after"),
        ("limit=0", 400, "limit"),
        ("attempt=2", 404, "no attempt 2"),
    ] {
        let answer = world.get(&format!("{of_think}/activities?{query}"));
        assert_eq!(answer.status, status, "{query}: {answer:?}");
        assert!(answer.text.contains(words), "{query}: {answer:?}");
    }
    assert_eq!(
        world.get("/api/workflow-steps/step_1/activities").status,
        404
    );
}

#[test]
fn without_a_terminal_each_tool_is_a_line() {
    let prompt = "@read a.txt\n@run echo built\n@spend 1000 200 0.5\n@say all\n@say done";
    let more = "    permission: bypassPermissions\n";
    let world = world(&[("think", &thinking(more, prompt))]);
    let said = world.say(&["run", "think"]);
    said.is(
        0,
        &[
            "think | read a.txt",
            "think | $ echo built",
            "think | alldone",
            "· $0.50",
        ],
    );
    let lines: Vec<&str> = said.out.lines().collect();
    let tools = lines.iter().filter(|line| line.contains("echo built"));
    assert_eq!(tools.count(), 1, "{said:#?}");
}
