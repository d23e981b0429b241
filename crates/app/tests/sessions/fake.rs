//! Worlds with a fake agent: a real process that does what its prompt says (`baton_fakes::script`).

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::server_support::{World, step};

/// The fake agent.
pub fn program() -> PathBuf {
    super::fakes::program("fake-acp")
}

/// A definition with one agent step, `think`, that is told this.
pub fn thinking(more: &str, prompt: &str) -> String {
    format!("name: Think\nsteps:\n{}", step_of("think", more, prompt))
}

/// An agent step.
pub fn step_of(key: &str, more: &str, prompt: &str) -> String {
    let agent = program();
    let agent = agent.display();
    let lines: String = prompt
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    format!(
        "  - id: {key}\n    type: agent\n    agent: 'acp:{agent}'\n{more}    prompt: |\n{lines}"
    )
}

/// A world with these definitions; its agents forget nothing, and leave no files in the project.
pub fn world(definitions: &[(&str, &str)]) -> World {
    started(World::idle(definitions), &[])
}

/// The same, with these settings from the host's environment.
pub fn world_with(definitions: &[(&str, &str)], settings: &[(&str, &str)]) -> World {
    started(World::idle(definitions), settings)
}

/// The same in a git repository with one file.
pub fn repository(definitions: &[(&str, &str)]) -> World {
    let world = World::idle(definitions);
    std::fs::write(world.directory().join("a.txt"), "one\ntwo\n").unwrap();
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@localhost"]);
        git.args(words).current_dir(world.directory());
        assert!(git.output().unwrap().status.success(), "git {words:?}");
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    started(world, &[])
}

fn started(mut world: World, settings: &[(&str, &str)]) -> World {
    let memory = world.data_dir().with_file_name("memory");
    world.start_with(|host| {
        host.env("FAKE_AGENT_HOME", memory);
        host.envs(settings.iter().copied());
    });
    let path = world.directory();
    let answer = world.post("/api/projects", &json!({"path": path}));
    world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    world
}

/// The run, once its step `think` asks something, and that step's path.
pub fn asking(world: &World, run: &str) -> (Value, String) {
    let found = world.run_when(run, "asks", |run| {
        step(run, "think")["waiting"]["reason"] == "question"
    });
    let path = path(&found, "think");
    (found, path)
}

/// The path of a step.
pub fn path(run: &Value, key: &str) -> String {
    format!(
        "/api/workflow-steps/{}",
        step(run, key)["id"].as_str().unwrap()
    )
}
