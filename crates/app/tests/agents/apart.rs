//! Isolated items of a `foreach`, agents and scripts: each works in a worktree of its own, and what
//! it did comes into the run's files in item order, whatever lies between its end and that.

use serde_json::{Value, json};

use super::office::{Office, step};
use super::support::until;
use super::support::world::LIMIT;

/// The first item waits for a file; the others are done before it.
fn gated(office: &Office, more: &str) -> String {
    let gate = office.beside("gate");
    let gate = gate.display();
    format!(
        "
name: Gated
steps:
  - {{id: begin, type: script, command: 'echo begun > begun.txt'}}
  - {{id: each, type: script, foreach: [a, b, c], isolate: true, max_parallel: 3, command: 'cat begun.txt; test {{{{ item }}}} != a || until test -e {gate}; do sleep 0.05; done; echo {{{{ item }}}} > {{{{ item }}}}; pwd'{more}}}
  - {{id: look, type: script, command: 'cat begun.txt a b c'}}
"
    )
}

fn open(office: &Office) {
    std::fs::write(office.beside("gate"), "").unwrap();
}

fn awaits_merge(run: &Value, key: &str) -> bool {
    let steps = run["steps"].as_array().unwrap();
    steps.iter().any(|step| {
        let detail = step["waiting"]["detail"].as_str().unwrap_or_default();
        step["step_id"] == key && detail.contains("merged after")
    })
}

fn both_await(office: &Office, run: &str) {
    office.when(run, "two wait to be merged", |run| {
        awaits_merge(run, "each.1") && awaits_merge(run, "each.2")
    });
}

#[test]
fn isolated_agents_work_apart_and_what_they_did_is_merged_in_item_order() {
    let office = Office::with_git();
    let text = "
name: Agents
steps:
  - {id: each, type: agent, agent: codex, permission: bypassPermissions, foreach: [a, b, c], isolate: true, max_parallel: 3, prompt: '@write {{ item }}.txt from {{ item }}'}
  - {id: look, type: script, command: 'cat a.txt b.txt c.txt; pwd'}
";
    let done = office.completed(&office.run("agents", text));
    let look = step(&done, "look")["result"].as_str().unwrap();
    assert!(look.starts_with("from a\nfrom b\nfrom c\n"), "{look}");
    let checkpoints: Vec<String> = done["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["step_id"].as_str())
        .filter(|key| key.starts_with("each."))
        .map(str::to_owned)
        .collect();
    assert_eq!(checkpoints, ["each.0", "each.1", "each.2"]);
    let worktree = std::path::PathBuf::from(look.lines().last().unwrap());
    until("the items' worktrees are gone", LIMIT, || {
        let beside = std::fs::read_dir(worktree.parent().unwrap()).unwrap();
        let left = beside
            .flatten()
            .filter(|entry| entry.file_type().unwrap().is_dir());
        (left.count() == 1).then_some(())
    });
    assert_eq!(office.git(&["branch", "--list", "baton/*-each-*"]), "");
}

#[test]
fn a_host_that_dies_before_an_items_work_is_merged_loses_nothing_of_it() {
    let office = Office::with_git();
    let run = office.run("gated", &gated(&office, ""));
    both_await(&office, &run);
    office.restart();
    both_await(&office, &run);
    open(&office);
    let done = office.completed(&run);
    assert_eq!(step(&done, "look")["result"], "begun\na\nb\nc\n");
    let directory = |key: &str| step(&done, key)["result"].as_str().unwrap().to_owned();
    assert!(directory("each.1").starts_with("begun\n"));
    assert_ne!(directory("each.1"), directory("each.2"));
    assert_eq!(step(&done, "each.1")["attempt"], 1, "it is not done again");
}

#[test]
fn a_pause_before_an_items_work_is_merged_loses_nothing_of_it() {
    let office = Office::with_git();
    let run = office.run("gated", &gated(&office, ""));
    both_await(&office, &run);
    office.post(&format!("{run}/pause"), &json!({}));
    open(&office);
    let paused = office.when(&run, "paused", |run| run["status"] == "paused");
    assert!(awaits_merge(&paused, "each.1"), "{paused:#}");
    let (status, said) = office.post(&format!("{run}/resume"), &json!({}));
    assert_eq!(status, 200, "{said}");
    let done = office.completed(&run);
    assert_eq!(step(&done, "look")["result"], "begun\na\nb\nc\n");
}

#[test]
fn an_item_whose_work_conflicts_fails_and_all_of_it_is_on_its_branch() {
    let office = Office::with_git();
    let text = "
name: Clash
steps:
  - {id: each, type: script, foreach: [a, b, c], isolate: true, max_parallel: 3, command: 'test {{ item }} = c || echo {{ item }} > same.txt; echo {{ item }} > {{ item }}.txt'}
";
    let run = office.run("clash", text);
    let ended = office.ended(&run);
    assert_eq!(ended["status"], "failed", "{ended:#}");
    let clash = step(&ended, "each.1");
    assert_eq!(clash["error"]["code"], "merge_conflict", "{clash:#}");
    let message = clash["error"]["message"].as_str().unwrap();
    assert!(message.contains("same.txt"), "{message}");
    assert_eq!(step(&ended, "each.0")["status"], "completed");
    assert_eq!(step(&ended, "each.2")["status"], "completed");
    let branch = office.git(&["branch", "--list", "baton/clash-*-each-1-1"]);
    let branch = branch.trim_start_matches(['+', '*', ' ']);
    assert_eq!(office.git(&["show", &format!("{branch}:same.txt")]), "b");
    assert_eq!(office.git(&["show", &format!("{branch}:b.txt")]), "b");
}
