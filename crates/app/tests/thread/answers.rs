//! What was asked and what was decided stays in the thread.

use serde_json::{Value, json};

use crate::office::messages;
use crate::server_support::{World, step};

const ASK: &str = "
name: Ask
steps:
  - {id: ship, type: approval, message: 'Ship **v2**?'}
  - {id: sure, type: approval, message: Sure?, on_reject: continue}
  - {id: late, type: approval, message: Still there?, timeout: 1s, on_timeout: reject, on_reject: continue}
";

fn answer(world: &World, run: &str, key: &str, order: &str, body: &Value) {
    let now = world.run_when(run, key, |run| step(run, key)["status"] == "running");
    let id = step(&now, key)["id"].as_str().unwrap().to_owned();
    let answered = world.post(&format!("/api/workflow-steps/{id}/{order}"), body);
    assert_eq!(answered.status, 200, "{answered:?}");
}

#[test]
fn an_answer_stands_in_the_thread_with_its_question_and_who_gave_it() {
    let world = World::new(&[("ask", ASK)]);
    let run = world.run("ask", &json!({}));
    answer(
        &world,
        &run,
        "ship",
        "approve",
        &json!({"message": "at last"}),
    );
    answer(&world, &run, "sure", "reject", &json!({}));
    world.run_until(&run, "completed");

    let thread = world.get(&messages(&run)).json();
    let answers: Vec<Value> = thread["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|said| said["metadata"]["kind"] == "answer")
        .map(|said| {
            json!([
                said["step_id"],
                said["author"]["name"],
                said["metadata"]["asked"],
                said["metadata"]["approved"],
                said["content"]
            ])
        })
        .collect();
    assert_eq!(
        answers,
        [
            json!(["ship", "local", "Ship **v2**?", true, "Approved: at last"]),
            json!(["sure", "local", "Sure?", false, "Rejected"]),
            json!([
                "late",
                null,
                "Still there?",
                false,
                "Rejected: nobody answered in time"
            ]),
        ]
    );
}

#[test]
fn an_approval_with_a_timeout_says_what_its_end_brings() {
    let text = ASK.replace(
        "message: 'Ship **v2**?'",
        "message: Go?, timeout: 1h, on_timeout: approve",
    );
    let world = World::new(&[("ask", &text)]);
    let run = world.run("ask", &json!({}));
    let now = world.run_when(&run, "ship", |run| step(run, "ship")["status"] == "running");
    let waiting = &step(&now, "ship")["waiting"];
    assert_eq!(waiting["then"], "approve");
    assert!(waiting["until"].is_string());
    answer(&world, &run, "ship", "approve", &json!({}));
    let now = world.run_when(&run, "sure", |run| step(run, "sure")["status"] == "running");
    // It waits as long as it takes.
    assert_eq!(step(&now, "sure")["waiting"].get("then"), None);
}
