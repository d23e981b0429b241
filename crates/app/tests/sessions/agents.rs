//! Which agents there are.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::server_support::World;

/// A directory of programs with a `codex`, and a home with its login.
fn machine(world: &World) -> (PathBuf, PathBuf) {
    let root = world.data_dir().with_file_name("machine");
    let (bin, home) = (root.join("bin"), root.join("home"));
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(home.join(".codex")).unwrap();
    std::fs::write(home.join(".codex/auth.json"), "{}").unwrap();
    program(&bin.join("codex"), "#!/bin/sh\necho codex-cli 9.8.7\n");
    program(&bin.join("gemini"), "#!/bin/sh\necho 0.61.0\n");
    (bin, home)
}

fn program(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

const SECRET: &str = "AIza-fake-hunter22";

fn on_machine(command: &mut std::process::Command, (bin, home): &(PathBuf, PathBuf)) {
    for key in [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
    ] {
        command.env_remove(key);
    }
    for key in [
        "OPENAI_API_KEY",
        "CODEX_API_KEY",
        "CODEX_HOME",
        "CLAUDE_CONFIG_DIR",
    ] {
        command.env_remove(key);
    }
    command.env_remove("AWS_BEARER_TOKEN_BEDROCK");
    command
        .env("PATH", bin)
        .env("HOME", home)
        .env("GEMINI_API_KEY", SECRET);
}

fn check(agents: &[Value]) {
    let names: Vec<&Value> = agents.iter().map(|agent| &agent["name"]).collect();
    assert_eq!(names, ["claude", "codex", "gemini"]);
    let [claude, codex, gemini] = agents else {
        panic!("{agents:?}");
    };
    assert_eq!(
        (&claude["is_installed"], &claude["login"]),
        (&json!(false), &json!("none"))
    );
    assert!(claude["install"].as_str().unwrap().contains("npm install"));
    assert_eq!(
        (&codex["version"], &codex["login"]),
        (&json!("codex-cli 9.8.7"), &json!("login"))
    );
    assert_eq!(codex["capabilities"]["steer"], true);
    assert_eq!(
        (&gemini["version"], &gemini["login"]),
        (&json!("0.61.0"), &json!("key"))
    );
    assert_eq!(gemini["login_from"], "GEMINI_API_KEY");
}

#[test]
fn the_agents_of_the_machine_are_listed() {
    let mut world = World::idle(&[]);
    let machine = machine(&world);
    world.start_with(|host| on_machine(host, &machine));
    let answer = world.get("/api/agents");
    assert_eq!(answer.status, 200);
    assert!(!answer.text.contains(SECRET));
    check(answer.json()["data"].as_array().unwrap());
}

#[test]
fn doctor_says_how_each_agent_stands() {
    let world = World::idle(&[]);
    let machine = machine(&world);
    let said = |words: &[&str]| {
        let mut command = world.baton(words);
        on_machine(&mut command, &machine);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = said(&["doctor"]);
    for words in [
        "Claude Code is not found: npm install -g @anthropic-ai/claude-code",
        "codex-cli 9.8.7",
        "key in GEMINI_API_KEY",
        "can steer, interrupt",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains(SECRET));
    let json: Value = serde_json::from_str(&said(&["doctor", "--json"])).unwrap();
    let rows = json["data"].as_array().unwrap().iter();
    let agents: Vec<Value> = rows.filter_map(|row| row.get("agent").cloned()).collect();
    check(&agents);
}
