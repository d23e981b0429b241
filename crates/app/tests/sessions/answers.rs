//! People's answers to what an agent asks.

use serde_json::json;

use super::fake::{asking, thinking, world};
use super::server_support::step;

const WRITE: &str = "@write b.txt hello\n@say written";

#[test]
fn a_permission_is_given_once() {
    let world = world(&[("think", &thinking("", WRITE))]);
    let run = world.run("think", &json!({}));
    let (waits, path) = asking(&world, &run);
    assert_eq!(waits["waiting"]["reason"], "question");
    let question = &step(&waits, "think")["session"]["questions"][0];
    assert_eq!(question["ask"]["asks"], "permission");
    let id = question["id"].as_str().unwrap();
    // Not an answer to this kind of question, and not this question.
    let choice = world.post(&format!("{path}/answer"), &json!({"answers": "yes"}));
    assert_eq!(choice.status, 422, "{choice:?}");
    assert!(choice.text.contains("yes or no"), "{choice:?}");
    let other = world.post(&format!("{path}/approve"), &json!({"question_id": "other"}));
    assert_eq!(
        (other.status, &other.json()["code"]),
        (409, &json!("not_waiting"))
    );
    let yes = world.post(&format!("{path}/approve"), &json!({"question_id": id}));
    assert_eq!(yes.status, 200, "{yes:?}");
    let again = world.post(&format!("{path}/approve"), &json!({"question_id": id}));
    assert_eq!(again.status, 409, "{again:?}");
    let done = world.run_until(&run, "completed");
    assert_eq!(step(&done, "think")["result"], "written");
    assert_eq!(
        std::fs::read_to_string(world.directory().join("b.txt")).unwrap(),
        "hello"
    );
    let late = world.post(&format!("{path}/answer"), &json!({"answers": "x"}));
    assert_eq!(late.status, 409, "{late:?}");
}

#[test]
fn a_permission_is_answered_on_the_command_line() {
    let world = world(&[("think", &thinking("", WRITE))]);
    for (number, words) in [
        ("1", &["approve", "1"] as &[&str]),
        ("2", &["reject", "2", "think", "-m", "not here"]),
        ("3", &["answer", "3", "think", "yes"]),
        ("4", &["answer", "4", "no,", "not", "here"]),
    ] {
        let file = world.directory().join("b.txt");
        let _none = std::fs::remove_file(&file);
        let run = world.run("think", &json!({}));
        asking(&world, &run);
        if number == "1" {
            world
                .say(&["answer", "1"])
                .is(2, &["May it use", "baton approve 1"]);
            world
                .say(&["answer", "1", "maybe"])
                .is(2, &["a yes or no", "baton reject 1"]);
            world
                .say(&["answer", "1", "--choose", "a=b"])
                .is(2, &["a yes or no"]);
            world
                .say(&["answer", "1", "--question", "q9", "yes"])
                .is(5, &["q9", "there are"]);
        }
        world.say(words).is(0, &[&format!("run {number}: think")]);
        world.run_until(&run, "completed");
        assert_eq!(file.exists(), matches!(number, "1" | "3"), "{words:?}");
        world
            .say(&["answer", number, "yes"])
            .is(5, &["asks nothing"]);
        world
            .say(&["approve", number])
            .is(5, &["waits for no approval"]);
    }
    world.say(&["answer", "9"]).is(5, &["no run"]);
    world
        .say(&["answer", "1", "nothing", "yes"])
        .is(5, &["asks nothing"]);
}

#[test]
fn a_question_is_shown_with_how_to_answer_it() {
    let world = world(&[("think", &thinking("", "@plan first this, then that"))]);
    let mut watching = world.going(&["run", "think"]);
    world.until("the question is shown", || {
        watching
            .out()
            .contains("baton approve 1 think · baton reject 1 think")
    });
    assert!(
        watching.out().contains("first this, then that"),
        "{}",
        watching.out()
    );
    world.say(&["approve", "1"]).is(0, &["approved"]);
    world.ended(&mut watching).is(0, &["the plan is approved"]);
}

#[test]
fn an_instruction_is_said_to_be_queued() {
    let world = world(&[("think", &thinking("", WRITE))]);
    let run = world.run("think", &json!({}));
    asking(&world, &run);
    world
        .say(&["tell", "1", "hurry"])
        .is(0, &["Instruction queued", "for think"]);
    world
        .say(&["tell", "1", "--comment", "nice"])
        .is(0, &["Comment recorded"]);
    world.say(&["pause", "1", "--now"]).is(0, &["run 1"]);
    world.run_until(&run, "paused");
    world
        .say(&["tell", "1", "hurry"])
        .is(0, &["next agent's prompt"]);
}
