//! Agents with names of the user's own, from baton.toml.

use serde_json::json;

use super::office::{Office, one, step};

const SETTINGS: &str = "
[agents.reviewer]
kind = \"command\"
command = \"sh -c 'cat; echo by $WHO, $TONE, told $0'\"
args = [\"sternly\"]
env = { WHO = \"the reviewer\", TONE = \"harsh\" }

[agents.builder]
kind = \"codex\"
";

#[test]
fn a_name_from_the_projects_settings_is_an_agent_with_its_words_and_variables() {
    let office = Office::new();
    std::fs::write(office.world.project.join(".agent/baton.toml"), SETTINGS).unwrap();
    let text = one("reviewer", "env: {TONE: friendly}", "look at it");
    let done = office.completed(&office.run("named", &text));
    let said = step(&done, "work")["result"].as_str().unwrap().to_owned();
    assert!(said.contains("look at it"), "{said}");
    assert!(
        said.contains("by the reviewer, friendly, told sternly"),
        "{said}"
    );
    let text = one("builder", "permission: bypassPermissions", "@answer built");
    let done = office.completed(&office.run("named", &text));
    assert_eq!(step(&done, "work")["result"], "built");
}

#[test]
fn what_a_name_meant_when_it_began_holds_for_the_host_that_takes_it_back() {
    let office = Office::new();
    let settings = office.world.project.join(".agent/baton.toml");
    std::fs::write(&settings, SETTINGS).unwrap();
    let gate = office.beside("go");
    let prompt = format!("@wait {}\n@answer kept", gate.display());
    let text = one("builder", "permission: bypassPermissions", &prompt);
    let run = office.run("kept", &text);
    office.shepherd();
    office.when(&run, "it works", |run| {
        step(run, "work")["status"] == "running"
    });
    std::fs::remove_file(&settings).unwrap();
    office.restart();
    std::fs::write(&gate, "").unwrap();
    let done = office.completed(&run);
    assert_eq!(step(&done, "work")["result"], "kept");
}

#[test]
fn a_name_that_nobody_gave_is_refused_with_what_was_meant() {
    let office = Office::new();
    std::fs::write(office.world.project.join(".agent/baton.toml"), SETTINGS).unwrap();
    office
        .world
        .define("odd", &one("reviewr", "", "look at it"));
    let (status, answer) = office.start("odd", &json!({}));
    assert_eq!(status, 422, "{answer}");
    assert!(
        answer.to_string().contains("did you mean `reviewer`?"),
        "{answer}"
    );
    let said = office.world.baton(&["validate"]);
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(
        text.contains("odd.yaml") && text.contains("`reviewer`"),
        "{text}"
    );
    let said = office.world.baton(&["doctor"]);
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(
        text.contains("reviewer") && text.contains("from baton.toml: command"),
        "{text}"
    );
}
