//! Agents that live: taken back, spoken to, interrupted, ended.

use serde_json::{Value, json};

use super::office::{AGENTS, Office, one, says, step};
use super::support::processes;
use super::support::until;
use super::support::world::LIMIT;

#[test]
fn every_agent_takes_a_step_to_its_end() {
    let office = Office::new();
    for (n, agent) in AGENTS.iter().enumerate() {
        let prompt =
            "@say I begin\n@todo read|write\n@doing 1\n@spend 100 20 0.5\n@answer All is well.";
        let run = office.run(
            &format!("one-{n}"),
            &one(agent, "permission: bypassPermissions", prompt),
        );
        let done = office.completed(&run);
        let work = step(&done, "work");
        says(work, "All is well.", agent);
        let session = &work["session"];
        assert_eq!(session["agent"], *agent);
        assert!(
            session["native_session_id"].is_string(),
            "{agent}: {session}"
        );
        assert!(
            session["usage"]["input"].as_u64() >= Some(100),
            "{agent}: {session}"
        );
        // Its own lines are there to be read.
        let raw = work["id"].as_str().unwrap();
        let raw = format!("/api/workflow-steps/{raw}/logs/raw");
        let raw = office.world.get(&raw)["data"].take();
        let raw = raw["content"].as_str().unwrap();
        assert!(raw.contains("well."), "{agent}: {raw}");
        for line in raw.lines() {
            let read = serde_json::from_str::<serde_json::Value>(line);
            assert!(read.is_ok(), "{agent}: {line}");
        }
    }
}

#[test]
fn an_agent_works_on_while_its_host_is_killed_and_is_taken_back() {
    for agent in AGENTS {
        let office = Office::new();
        let go = office.beside("go");
        let prompt = format!("@say I begin\n@wait {}\n@answer Went.", go.display());
        let run = office.run("one", &one(agent, "permission: bypassPermissions", &prompt));
        office.when(&run, "its session", |run| {
            step(run, "work")["agent_session_id"].is_string()
        });
        let shepherd = office.shepherd();
        office.restart();
        std::fs::write(&go, "").unwrap();
        let done = office.completed(&run);
        let work = step(&done, "work");
        says(work, "Went.", agent);
        assert_eq!(work["attempts"].as_array().unwrap().len(), 1, "{agent}");
        until("its shepherd is gone", LIMIT, || {
            processes::words(shepherd).is_none().then_some(())
        });
    }
}

#[test]
fn a_turn_that_ends_while_no_host_is_there_has_ended_well() {
    for agent in AGENTS {
        let office = Office::new();
        let go = office.beside("go");
        let went = office.beside("went");
        let prompt = format!(
            "@say I begin\n@wait {}\n@run touch {}\n@answer Alone.",
            go.display(),
            went.display()
        );
        let run = office.run("one", &one(agent, "permission: bypassPermissions", &prompt));
        office.when(&run, "its session", |run| {
            step(run, "work")["agent_session_id"].is_string()
        });
        let (shepherd, host) = (office.shepherd(), office.host());
        // Stopped, so that no host is told of the end and none is started.
        assert!(processes::stop(host));
        std::fs::write(&go, "").unwrap();
        until("it goes on", LIMIT, || went.exists().then_some(()));
        assert!(processes::kill(host));
        office.world.start_host();
        office.world.await_host();
        let done = office.completed(&run);
        let work = step(&done, "work");
        says(work, "Alone.", agent);
        assert_eq!(work["attempts"].as_array().unwrap().len(), 1, "{agent}");
        until("its shepherd is gone", LIMIT, || {
            processes::words(shepherd).is_none().then_some(())
        });
    }
}

#[test]
fn a_question_waits_through_a_restart_and_its_answer_reaches_the_agent() {
    for agent in AGENTS {
        let office = Office::new();
        let run = office.run(
            "one",
            &one(agent, "", "@write made.txt by hand\n@answer Written."),
        );
        let asks = office.when(&run, "asks", |run| run["waiting"]["reason"] == "question");
        let work = step(&asks, "work")["id"].as_str().unwrap().to_owned();
        assert!(!office.world.project.join("made.txt").exists());
        office.restart();
        let path = format!("/api/workflow-steps/{work}/approve");
        let (status, answer) = office.post(&path, &json!({}));
        assert_eq!(status, 200, "{agent}: {answer}");
        let done = office.completed(&run);
        says(step(&done, "work"), "Written.", agent);
        let made = std::fs::read_to_string(office.world.project.join("made.txt")).unwrap();
        assert_eq!(made.trim(), "by hand", "{agent}");
        let (status, again) = office.post(&path, &json!({}));
        assert_eq!(
            (status, &again["code"]),
            (409, &json!("not_waiting")),
            "{again}"
        );
    }
}

#[test]
fn a_no_reaches_the_agent_with_its_reason() {
    for agent in AGENTS {
        let office = Office::new();
        let run = office.run(
            "one",
            &one(agent, "", "@write made.txt by hand\n@answer So be it."),
        );
        let asks = office.when(&run, "asks", |run| run["waiting"]["reason"] == "question");
        let work = step(&asks, "work")["id"].as_str().unwrap().to_owned();
        let path = format!("/api/workflow-steps/{work}/reject");
        let (status, answer) = office.post(&path, &json!({"message": "not that file"}));
        assert_eq!(status, 200, "{agent}: {answer}");
        office.completed(&run);
        assert!(!office.world.project.join("made.txt").exists(), "{agent}");
    }
}

#[test]
fn an_instruction_reaches_a_live_session_and_is_acknowledged() {
    for agent in ["claude", "codex"] {
        let office = Office::new();
        let go = office.beside("go");
        let prompt = format!("@say I begin\n@wait {}\n@answer Went.", go.display());
        let run = office.run("one", &one(agent, "permission: bypassPermissions", &prompt));
        office.when(&run, "its session", |run| {
            step(run, "work")["agent_session_id"].is_string()
        });
        let id = run.rsplit('/').next().unwrap();
        let path = format!("/api/workflows/{id}/messages");
        let say = json!({"content": "look at the tests first", "action_type": "instruction"});
        let (status, said) = office.post(&path, &say);
        assert_eq!(status, 200, "{said}");
        let number = said["messageId"].clone();
        until("it is acknowledged", LIMIT, || {
            let thread = office.world.get(&path);
            let messages = thread["messages"].as_array()?;
            let message = messages.iter().find(|message| message["id"] == number)?;
            (message["action_status"] == "acknowledged").then_some(())
        });
        std::fs::write(&go, "").unwrap();
        office.completed(&run);
        let thread = office.thread(&run);
        let told = [
            "user: look at the tests first",
            "agent: Acknowledged: look at the tests first",
        ];
        let at = |line: &str| thread.iter().position(|said| said == line);
        assert!(
            at(told[0]).is_some() && at(told[0]) < at(told[1]),
            "{agent}: {thread:?}"
        );
        let last = office.world.get(&path);
        let mut messages = last["messages"].as_array().unwrap().iter();
        let last = messages.find(|message| message["id"] == number).unwrap();
        assert_eq!(last["action_status"], "processed", "{agent}");
    }
}

#[test]
fn an_agent_that_cannot_be_steered_gets_the_instruction_at_the_head_of_its_next_prompt() {
    let office = Office::new();
    let go = office.beside("go");
    let text = format!(
        "name: Two\nworktree: stay\nsteps:\n  - id: first\n    type: agent\n    agent: acp:fake-acp\n    permission: bypassPermissions\n    prompt: '@wait {}'\n  - id: second\n    type: agent\n    agent: acp:fake-acp\n    permission: bypassPermissions\n    prompt: '@answer Second.'\n",
        go.display()
    );
    let run = office.run("two", &text);
    office.when(&run, "its session", |run| {
        step(run, "first")["agent_session_id"].is_string()
    });
    let id = run.rsplit('/').next().unwrap();
    let say = json!({"content": "Also:\n@write told.txt so it was", "action_type": "instruction"});
    office.post(&format!("/api/workflows/{id}/messages"), &say);
    std::fs::write(&go, "").unwrap();
    office.completed(&run);
    // The directive came with the second step's prompt.
    let told = std::fs::read_to_string(office.world.project.join("told.txt")).unwrap();
    assert_eq!(told.trim(), "so it was");
    assert!(
        office
            .thread(&run)
            .iter()
            .any(|line| line.starts_with("agent: Acknowledged"))
    );
}

#[test]
fn an_immediate_pause_parks_the_session_and_resume_goes_on_in_it() {
    for agent in AGENTS {
        let office = Office::new();
        let go = office.beside("go");
        let prompt = format!("@say I begin\n@wait {}\n@answer Went.", go.display());
        let run = office.run("one", &one(agent, "permission: bypassPermissions", &prompt));
        let running = office.when(&run, "its session", |run| {
            step(run, "work")["agent_session_id"].is_string()
        });
        let session = step(&running, "work")["agent_session_id"].clone();
        office.post(&format!("{run}/pause"), &json!({"immediate": true}));
        let paused = office.when(&run, "paused", |run| run["status"] == "paused");
        assert_eq!(
            step(&paused, "work")["attempts"][0]["status"],
            "parked",
            "{agent}"
        );
        until("no process is left", LIMIT, || {
            processes::shepherds(&office.world.data)
                .is_empty()
                .then_some(())
        });
        office.post(
            &format!("{run}/resume"),
            &json!({"message": "Well:\n@answer As you say."}),
        );
        let done = office.completed(&run);
        let work = step(&done, "work");
        assert_eq!(work["agent_session_id"], session, "{agent}");
        assert_eq!(work["attempts"][1]["cause"], "parked", "{agent}");
        says(work, "As you say.", agent);
    }
}

#[test]
fn a_session_whose_shepherd_was_killed_is_resumed_by_its_id() {
    for agent in AGENTS {
        let office = Office::new();
        let never = office.beside("never");
        let prompt = format!("@say I begin\n@wait {}", never.display());
        let run = office.run("one", &one(agent, "permission: bypassPermissions", &prompt));
        let running = office.when(&run, "its session", |run| {
            step(run, "work")["agent_session_id"].is_string()
        });
        let session = step(&running, "work")["agent_session_id"].clone();
        // A session that has not said anything yet need not be there again.
        until("it has begun", LIMIT, || {
            let log = office.world.project.join(".agent/workflows/executions");
            let log = log
                .join(run.rsplit('/').next()?)
                .join("logs/work/output.log");
            let said = std::fs::read_to_string(log).ok()?;
            said.contains("I begin").then_some(())
        });
        assert!(processes::kill(office.shepherd()));
        let done = office.completed(&run);
        let work = step(&done, "work");
        assert_eq!(work["attempts"][0]["status"], "lost", "{agent}");
        assert_eq!(work["attempts"][1]["cause"], "lost", "{agent}");
        assert_eq!(work["agent_session_id"], session, "{agent}");
    }
}

#[test]
fn a_cancel_leaves_nothing_of_an_agent_and_its_tools() {
    for agent in AGENTS {
        let office = Office::new();
        let begun = office.beside("begun");
        let prompt = format!("@run touch {} && sleep 1000", begun.display());
        let run = office.run("one", &one(agent, "permission: bypassPermissions", &prompt));
        until("its tool runs", LIMIT, || begun.exists().then_some(()));
        office.post(&format!("{run}/cancel"), &json!({}));
        let ended = office.ended(&run);
        assert_eq!(ended["status"], "cancelled", "{agent}");
        // Its shepherd, which said so, is on its way out.
        let left = processes::marked(&office.world.mark);
        let left: Vec<_> = left
            .iter()
            .filter(|line| !line.contains(" host ") && !line.contains(" shepherd --dir "))
            .collect();
        assert!(left.is_empty(), "{agent}: {left:?}");
    }
}

#[test]
fn choices_are_answered_by_question() {
    for agent in ["claude", "codex"] {
        let office = Office::new();
        let run = office.run(
            "one",
            &one(agent, "", "@choose Which way?|left|right\n@answer Gone."),
        );
        let asks = office.when(&run, "asks", |run| run["waiting"]["reason"] == "question");
        let work = step(&asks, "work");
        let path = format!("/api/workflow-steps/{}", work["id"].as_str().unwrap());
        let (status, answer) = office.post(&format!("{path}/approve"), &json!({}));
        assert_eq!(status, 409, "{agent}: a choice takes no yes: {answer}");
        let wrong = json!({"answers": {"What?": "left"}});
        let (status, answer) = office.post(&format!("{path}/answer"), &wrong);
        assert!((400..500).contains(&status), "{agent}: {answer}");
        let (status, answer) = office.post(&format!("{path}/answer"), &json!({"answers": "right"}));
        assert_eq!(status, 200, "{agent}: {answer}");
        office.completed(&run);
        let id = run.rsplit('/').next().unwrap();
        let log = office.world.project.join(".agent/workflows/executions");
        let log = log.join(id).join("logs/work/output.log");
        let said = std::fs::read_to_string(log).unwrap();
        assert!(said.contains("right"), "{agent}: {said}");
        let thread = office.world.get(&format!("/api/workflows/{id}/messages"));
        let answers = thread["messages"].as_array().unwrap().iter();
        let answers: Vec<&Value> = answers
            .filter(|said| said["metadata"]["kind"] == "answer")
            .collect();
        let [answer] = answers.as_slice() else {
            panic!("{agent}: {thread}");
        };
        assert_eq!(answer["content"], "right", "{agent}");
        assert_eq!(answer["message_type"], "user", "{agent}");
        let asked = answer["metadata"]["asked"].as_str().unwrap();
        assert!(asked.contains("Which way?"), "{agent}: {asked}");
    }
}
