//! Limits: of usage, of money, of patience.

use serde_json::json;

use super::office::{AGENTS, Office, one, step};

#[test]
fn a_usage_limit_is_a_wait_and_the_session_goes_on_by_itself() {
    for agent in AGENTS {
        let office = Office::new();
        let run = office.run("one", &one(agent, "", "@limit 1\n@answer After the limit."));
        let waits = office.when(&run, "waits", |run| {
            run["waiting"]["reason"] == "usage_limit"
                || run["status"] != "running" && run["status"] != "pending"
        });
        assert_eq!(
            waits["waiting"]["reason"], "usage_limit",
            "{agent}: {waits:#}"
        );
        assert!(waits["waiting"]["until"].is_string(), "{agent}");
        // Nobody waits that long here.
        let id = step(&waits, "work")["id"].as_str().unwrap().to_owned();
        office.restart();
        let (status, answer) =
            office.post(&format!("/api/workflow-steps/{id}/skip-wait"), &json!({}));
        assert_eq!(status, 200, "{agent}: {answer}");
        let done = office.completed(&run);
        let work = step(&done, "work");
        assert_eq!(work["attempts"][0]["status"], "usage_limit", "{agent}");
        assert_eq!(work["attempts"][1]["cause"], "usage_limit", "{agent}");
    }
}

#[test]
fn a_definition_may_say_not_to_wait_for_a_limit() {
    let office = Office::new();
    let run = office.run(
        "one",
        &one("codex", "on_usage_limit: fail", "@limit 3600\n@answer no"),
    );
    let ended = office.ended(&run);
    assert_eq!(ended["status"], "failed");
    assert_eq!(step(&ended, "work")["error"]["code"], "usage_limit");
}

#[test]
fn money_is_warned_about_at_four_fifths_and_parks_the_run_at_the_end() {
    let office = Office::new();
    let (near, over) = (office.beside("near"), office.beside("over"));
    let prompt = format!(
        "@say I begin\n@spend 190 10 0.1\n@wait {}\n@spend 100 10 0.1\n@wait {}\n@answer Done.",
        near.display(),
        over.display()
    );
    let text = one("codex", "permission: bypassPermissions", &prompt);
    let run = office.run("one", &format!("budget: {{tokens: 240}}\n{text}"));
    super::support::until("the warning", super::support::world::LIMIT, || {
        let thread = office.thread(&run);
        thread
            .iter()
            .any(|line| line.contains("of the budget"))
            .then_some(())
    });
    std::fs::write(&near, "").unwrap();
    let paused = office.when(&run, "paused", |run| run["status"] == "paused");
    assert_eq!(paused["pause_reason"], "budget");
    assert_eq!(step(&paused, "work")["attempts"][0]["status"], "parked");
    std::fs::write(&over, "").unwrap();
    office.post(&format!("{run}/resume"), &json!({}));
    office.completed(&run);
}

#[test]
fn an_answer_that_does_not_fit_is_asked_for_again_with_the_error() {
    for agent in AGENTS {
        let office = Office::new();
        let more = "output: {type: object, properties: {n: {type: number}}, required: [n]}";
        let run = office.run("one", &one(agent, more, "@answer {\"n\": \"one\"}"));
        let ended = office.ended(&run);
        assert_eq!(ended["status"], "failed", "{agent}");
        let error = &step(&ended, "work")["error"];
        assert_eq!(error["code"], "output", "{agent}: {error}");
        // It was asked twice more, each time with what did not fit.
        assert_eq!(turns(&office, &run), 3, "{agent}");
        let text = one(agent, more, "@answer {\"n\": 1}");
        let text = format!("{text}outputs: {{n: '{{{{ steps.work.data.n }}}}'}}\n");
        let run = office.run("two", &text);
        let done = office.completed(&run);
        assert_eq!(step(&done, "work")["data"], json!({"n": 1}), "{agent}");
        assert_eq!(done["outputs"], json!({"n": 1}), "{agent}");
    }
}

/// How many turns the session of the step `work` had.
fn turns(office: &Office, run: &str) -> usize {
    let id = run.rsplit('/').next().unwrap();
    let logs = office.world.project.join(".agent/workflows/executions");
    let events = logs.join(id).join("logs/work/events.jsonl");
    let events = std::fs::read_to_string(events).unwrap();
    events.matches("\"kind\":\"turn_ended\"").count()
}

#[test]
fn time_in_which_a_person_is_waited_for_is_not_part_of_the_timeout() {
    let office = Office::new();
    let run = office.run(
        "one",
        &one("codex", "timeout: 2s", "@write a.txt b\n@answer ok"),
    );
    let asks = office.when(&run, "asks", |run| run["waiting"]["reason"] == "question");
    super::support::pause(std::time::Duration::from_secs(3));
    let still = office.world.get(&run);
    assert_eq!(still["data"]["waiting"]["reason"], "question");
    let id = step(&asks, "work")["id"].as_str().unwrap().to_owned();
    office.post(&format!("/api/workflow-steps/{id}/approve"), &json!({}));
    office.completed(&run);
}

#[test]
fn an_agent_that_works_too_long_is_ended() {
    let office = Office::new();
    let never = office.beside("never");
    let more = "permission: bypassPermissions\ntimeout: 1s";
    let run = office.run(
        "one",
        &one("codex", more, &format!("@wait {}", never.display())),
    );
    let ended = office.ended(&run);
    assert_eq!(
        step(&ended, "work")["error"]["code"],
        "timeout",
        "{ended:#}"
    );
}
