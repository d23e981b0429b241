//! Document 4's success criteria, one test each (the sixth is the web board's).

use serde_json::{Value, json};

use crate::office::{
    agents, beside, comes_to, has_session, in_order, say, start, thread, thread_with, world,
};
use crate::server_support::World;
use crate::socket::{Socket, id_of};

/// A run of one agent that waits for `go`.
fn at_work(agent: &str) -> (World, String, std::path::PathBuf) {
    let world = world(&[]);
    let go = beside(&world, "go");
    let prompt = format!("@say begun\n@wait {}\n@answer Done.", go.display());
    let definition = agents(&[("work", agent, &prompt), ("after", agent, "@answer After.")]);
    std::fs::write(world.definition("work"), definition).unwrap();
    let run = world.run("work", &json!({}));
    has_session(&world, &run, "work");
    (world, run, go)
}

#[test]
fn criterion_1_comments_of_agents_are_seen_as_they_happen() {
    let world = world(&[]);
    let go = beside(&world, "go");
    let prompt = format!("@run echo hi\n@wait {}\n@answer Done.", go.display());
    let definition = agents(&[("work", "claude", &prompt)]);
    std::fs::write(world.definition("work"), definition).unwrap();
    let mut socket = Socket::open(&world, "");
    let run = world.run("work", &json!({}));
    // The agent is still at work.
    let events = socket.until(|event| {
        event["type"] == "message:new" && event["data"]["message"]["content"] == "Running: echo hi"
    });
    let last = &events[events.len() - 1]["data"];
    assert_eq!(last["workflowId"], 1);
    assert_eq!(last["message"]["message_type"], "agent");
    assert_eq!(last["message"]["agent_type"], "claude");
    std::fs::write(&go, "").unwrap();
    world.run_until(&run, "completed");
}

#[test]
fn criterion_2_a_pause_stops_at_the_next_checkpoint() {
    let (world, run, go) = at_work("claude");
    let asked = say(&world, &run, "pause", "Wait please", json!({}));
    comes_to(&world, &run, &asked["messageId"], "acknowledged");
    let waits = world.get(&run).json()["data"].clone();
    assert_eq!(waits["status"], "running");
    assert!(waits["pause_requested_at"].is_string());
    std::fs::write(&go, "").unwrap();
    let paused = world.run_until(&run, "paused");
    assert_eq!(paused["is_paused"], true);
    assert_eq!(paused["pause_reason"], "Wait please");
    comes_to(&world, &run, &asked["messageId"], "processed");
    let steps = &paused["steps"];
    assert_eq!(
        (&steps[0]["status"], &steps[1]["status"]),
        (&json!("completed"), &json!("pending"))
    );
}

#[test]
fn criterion_3_a_paused_workflow_is_resumed() {
    let (world, run, go) = at_work("claude");
    let id = id_of(&run);
    let paused = world.post(
        &format!("/api/workflows/{id}/pause"),
        &json!({"reason": "lunch"}),
    );
    assert_eq!(paused.json()["message"], "Workflow pause requested");
    std::fs::write(&go, "").unwrap();
    world.run_until(&run, "paused");
    let resumed = world.post(&format!("/api/workflows/{id}/unpause"), &json!({}));
    assert_eq!(resumed.json()["message"], "Workflow resumed");
    world.run_until(&run, "completed");
}

#[test]
fn criterion_4_a_workflow_is_cancelled_with_a_message() {
    let (world, run, _) = at_work("claude");
    let asked = say(&world, &run, "cancel", "No longer needed", json!({}));
    assert_eq!(asked["actionTaken"], "Workflow cancelled");
    world.run_until(&run, "cancelled");
    comes_to(&world, &run, &asked["messageId"], "processed");
    let thread = thread(&world, &run);
    in_order(
        &thread,
        &["user: No longer needed", "system: Workflow cancelled"],
    );
    // And by DELETE, which really stops the work.
    let (world, run, _) = at_work("codex");
    let deleted = world.request("DELETE", &format!("/api/workflows/{}", id_of(&run)), None);
    assert_eq!(
        (deleted.status, deleted.json()),
        (200, json!({"success": true}))
    );
    world.run_until(&run, "cancelled");
}

#[test]
fn criterion_5_instructions_are_acknowledged_by_live_agents() {
    for agent in ["claude", "codex"] {
        let (world, run, go) = at_work(agent);
        let told = say(&world, &run, "instruction", "use the new API", json!({}));
        comes_to(&world, &run, &told["messageId"], "acknowledged");
        thread_with(&world, &run, "agent: Acknowledged: use the new API");
        std::fs::write(&go, "").unwrap();
        world.run_until(&run, "completed");
        comes_to(&world, &run, &told["messageId"], "processed");
    }
}

#[test]
fn criterion_7_sockets_tell_every_message_and_every_change_of_its_action() {
    let (world, run, go) = at_work("claude");
    let mut socket = Socket::open(&world, "");
    socket.subscribe(&[format!("run:{}", id_of(&run))], None);
    let told = say(&world, &run, "pause", "Stop", json!({}));
    std::fs::write(&go, "").unwrap();
    world.run_until(&run, "paused");
    let mut events = socket.until(|event| event["type"] == "workflow:paused");
    if !events
        .iter()
        .any(|event| event["type"] == "message:updated")
    {
        events.extend(socket.until(|event| event["type"] == "message:updated"));
    }
    let of = |kind: &str| -> Vec<&Value> {
        let all = events.iter().filter(|event| event["type"] == kind);
        all.map(|event| &event["data"]).collect()
    };
    let new = of("message:new");
    assert!(
        new.iter()
            .any(|data| data["message"]["id"] == told["messageId"])
    );
    assert_eq!(of("workflow:paused")[0]["reason"], "Stop");
    let updated = of("message:updated");
    assert_eq!(updated[0]["messageId"], told["messageId"]);
    assert_eq!(updated[0]["action_status"], "processed");
    world.post(
        &format!("/api/workflows/{}/unpause", id_of(&run)),
        &json!({}),
    );
    let events = socket.until(|event| event["type"] == "workflow:unpaused");
    assert_eq!(events[events.len() - 1]["data"]["workflowId"], 1);
}

#[test]
fn criterion_8_the_conversation_persists() {
    let (mut world, run, go) = at_work("claude");
    say(
        &world,
        &run,
        "comment",
        "remember this",
        json!({"by": "me"}),
    );
    std::fs::write(&go, "").unwrap();
    world.run_until(&run, "completed");
    let before = thread(&world, &run);
    world.kill_host();
    start(&mut world, &[]);
    assert_eq!(thread(&world, &run), before);
    let comment = say(&world, &run, "comment", "after its end", json!({}));
    let after = thread(&world, &run);
    assert_eq!(after[..before.len()], before);
    comes_to(&world, &run, &comment["messageId"], "processed");
}
