//! A world in which Claude Code and Codex are installed, and what its threads say.

use serde_json::{Value, json};

use crate::fakes;
use crate::server_support::World;

/// A world with these definitions and fake agents on the host's `PATH`.
pub fn world(definitions: &[(&str, &str)]) -> World {
    world_with(definitions, &[])
}

/// The same, with variables of the host's environment.
pub fn world_with(definitions: &[(&str, &str)], variables: &[(&str, &str)]) -> World {
    let mut world = World::idle(definitions);
    start(&mut world, variables);
    let path = world.directory();
    let answer = world.post("/api/projects", &json!({"path": path}));
    world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    world
}

/// Starts a host over it, again or for the first time.
pub fn start(world: &mut World, variables: &[(&str, &str)]) {
    let bin = world.data_dir().with_file_name("bin");
    if !bin.exists() {
        fakes::install(&bin);
    }
    let memory = world.data_dir().with_file_name("memory");
    let path = std::env::var("PATH").unwrap();
    world.start_with(|host| {
        host.env("FAKE_AGENT_HOME", memory);
        host.env("PATH", format!("{}:{path}", bin.display()));
        // The tests may run as root.
        host.env("IS_SANDBOX", "1");
        host.envs(variables.iter().copied());
    });
}

/// A definition of agent steps: key, agent, prompt.
pub fn agents(steps: &[(&str, &str, &str)]) -> String {
    let mut text = "name: Work\nworktree: stay\nsteps:\n".to_owned();
    for (key, agent, prompt) in steps {
        let lines: String = prompt.lines().map(|l| format!("      {l}\n")).collect();
        text.push_str(&format!(
            "  - id: {key}\n    type: agent\n    agent: {agent}\n    \
             permission: bypassPermissions\n    prompt: |\n{lines}"
        ));
    }
    text
}

/// A file that an agent waits for, outside of the project.
pub fn beside(world: &World, name: &str) -> std::path::PathBuf {
    world.data_dir().with_file_name(name)
}

/// The number in a run's answer, and the path of its thread.
pub fn messages(run: &str) -> String {
    let id = run.rsplit('/').next().unwrap();
    format!("/api/workflows/{id}/messages")
}

/// Says something in the thread, and is heard.
pub fn say(world: &World, run: &str, action: &str, content: &str, metadata: Value) -> Value {
    let body = json!({"content": content, "action_type": action, "metadata": metadata});
    let answer = world.post(&messages(run), &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["success"], true);
    answer
}

/// The thread: `kind: content`, oldest first.
pub fn thread(world: &World, run: &str) -> Vec<String> {
    let thread = world.get(&messages(run)).json();
    let all = thread["messages"].as_array().unwrap().iter();
    let line = |message: &Value| {
        let kind = message["message_type"].as_str().unwrap();
        format!("{kind}: {}", message["content"].as_str().unwrap())
    };
    all.map(line).collect()
}

/// The thread, once it holds a line that begins so.
pub fn thread_with(world: &World, run: &str, begin: &str) -> Vec<String> {
    let mut found = Vec::new();
    world.until(&format!("`{begin}` in the thread"), || {
        found = thread(world, run);
        found.iter().any(|line| line.starts_with(begin))
    });
    found
}

/// A message of the thread.
pub fn message(world: &World, run: &str, id: &Value) -> Value {
    let thread = world.get(&messages(run)).json();
    let mut all = thread["messages"].as_array().unwrap().iter();
    all.find(|message| message["id"] == *id).unwrap().clone()
}

/// Waits until a message's action stands so.
pub fn comes_to(world: &World, run: &str, id: &Value, status: &str) {
    world.until(&format!("message {id} is {status}"), || {
        message(world, run, id)["action_status"] == status
    });
}

/// Waits until this agent step has a session.
pub fn has_session(world: &World, run: &str, key: &str) {
    world.run_when(run, "its session", |run| {
        crate::server_support::step(run, key)["agent_session_id"].is_string()
    });
}

/// Checks that these beginnings of lines stand in the thread in this order.
pub fn in_order(thread: &[String], beginnings: &[&str]) {
    let mut rest = thread.iter();
    for begin in beginnings {
        assert!(
            rest.any(|line| line.starts_with(begin)),
            "`{begin}` is missing, or not in its order:\n{}",
            thread.join("\n")
        );
    }
}
