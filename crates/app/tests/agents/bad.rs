//! What goes wrong with agents, each with its named answer.

use super::office::{AGENTS, Office, one, says, step};
use super::support::processes;

fn fails(office: &Office, agent: &str, more: &str, prompt: &str) -> (String, String) {
    let run = office.run("bad", &one(agent, more, prompt));
    let ended = office.ended(&run);
    assert_eq!(ended["status"], "failed", "{agent}: {ended:#}");
    let error = &step(&ended, "work")["error"];
    (
        error["code"].as_str().unwrap().to_owned(),
        error["message"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn an_agent_that_is_not_installed_is_named_with_how_to_install_it() {
    let office = Office::new();
    std::fs::remove_file(office.beside("bin").join("codex")).unwrap();
    let (code, message) = fails(&office, "codex", "", "@answer no");
    if message.contains("npm install -g @openai/codex") {
        assert_eq!(code, "agent_missing");
    } else {
        // A real one is installed on this machine.
        assert_ne!(code, "agent_missing", "{message}");
    }
    let (code, message) = fails(&office, "acp:no-such-agent --acp", "", "@answer no");
    assert_eq!(code, "agent_missing");
    assert!(message.contains("no-such-agent"), "{message}");
}

#[test]
fn logins_keys_credit_and_models_fail_at_once_and_are_not_tried_again() {
    let office = Office::new();
    for agent in ["claude", "codex"] {
        for (kind, code) in [
            ("login", "agent_login"),
            ("key", "agent_login"),
            ("credit", "agent_login"),
            ("model", "agent_setup"),
            ("context", "agent_limit"),
        ] {
            let (found, message) = fails(
                &office,
                agent,
                "retry: {attempts: 3, backoff: 1h}",
                &format!("@fail {kind}"),
            );
            assert_eq!(found, code, "{agent} {kind}: {message}");
        }
    }
}

#[test]
fn a_bad_key_is_not_three_minutes_of_silence() {
    let office = Office::new();
    let begun = std::time::Instant::now();
    let (code, message) = fails(&office, "claude", "", "@retry 401");
    assert_eq!(code, "agent_login", "{message}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(30));
}

#[test]
fn an_end_without_a_result_a_torn_line_and_a_broken_one_are_told_apart_from_success() {
    let office = Office::new();
    for agent in AGENTS {
        for prompt in ["@say I begin\n@crash", "@say I begin\n@garble"] {
            let (code, message) = fails(&office, agent, "", prompt);
            assert_eq!(code, "agent_no_result", "{agent} {prompt}: {message}");
        }
    }
}

#[test]
fn a_line_of_five_megabytes_arrives() {
    let office = Office::new();
    for agent in AGENTS {
        let run = office.run("big", &one(agent, "", "@big 5000000\n@answer Big."));
        let done = office.completed(&run);
        says(step(&done, "work"), "Big.", agent);
    }
}

#[test]
fn a_session_that_is_gone_begins_anew_and_the_thread_says_so() {
    for agent in AGENTS {
        let office = Office::new();
        let never = office.beside("never");
        let prompt = format!(
            "@once {} @wait {}\n@answer Anew.",
            office.beside("met").display(),
            never.display()
        );
        let run = office.run("one", &one(agent, "permission: bypassPermissions", &prompt));
        office.when(&run, "its session", |run| {
            step(run, "work")["agent_session_id"].is_string()
        });
        super::support::until("it waits", super::support::world::LIMIT, || {
            office.beside("met").exists().then_some(())
        });
        // Its agent has forgotten it.
        std::fs::remove_dir_all(office.home()).unwrap();
        assert!(processes::kill(office.shepherd()));
        let done = office.completed(&run);
        let work = step(&done, "work");
        let attempts = work["attempts"].as_array().unwrap();
        let causes: Vec<_> = attempts
            .iter()
            .map(|a| a["cause"].as_str().unwrap())
            .collect();
        assert_eq!(causes, ["first", "lost", "session_lost"], "{agent}");
        says(work, "Anew.", agent);
        assert!(
            office
                .thread(&run)
                .iter()
                .any(|line| line.contains("a new one begins"))
        );
    }
}

#[test]
fn a_name_that_is_no_agent_is_an_error_of_the_definition_or_the_step() {
    let office = Office::new();
    office.world.define("bad", &one("clod", "", "hello"));
    let (status, answer) = office.start("bad", &serde_json::json!({}));
    if status == 201 {
        let id = answer["data"]["id"].as_str().unwrap();
        let ended = office.ended(&format!("/api/workflow-executions/{id}"));
        let error = &step(&ended, "work")["error"];
        assert_eq!(error["code"], "agent_setup");
        assert!(
            error["message"].as_str().unwrap().contains("claude"),
            "{error}"
        );
    } else {
        assert_eq!(status, 422, "{answer}");
    }
}
