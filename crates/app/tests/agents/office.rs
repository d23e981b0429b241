//! A world in which agents are installed.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::support::fakes;
use super::support::processes;
use super::support::until;
use super::support::world::{LIMIT, World};

/// A world with fake agents on the `PATH` of its runs.
pub struct Office {
    pub world: World,
    pub project: String,
    bin: PathBuf,
}

impl Office {
    /// One with a plain project.
    pub fn new() -> Self {
        let world = World::new();
        let bin = world.project.join("../bin");
        std::fs::create_dir_all(&bin).unwrap();
        for (name, of) in [
            ("claude", "fake-claude"),
            ("codex", "fake-codex"),
            ("fake-acp", "fake-acp"),
        ] {
            std::os::unix::fs::symlink(fakes::program(of), bin.join(name)).unwrap();
        }
        world.start_host();
        world.await_host();
        let project = world.register();
        Self {
            world,
            project,
            bin,
        }
    }

    /// One whose project is a git repository with a commit.
    pub fn with_git() -> Self {
        let office = Self::new();
        let project = &office.world.project;
        std::fs::write(project.join("README.md"), "hello\n").unwrap();
        std::fs::write(project.join(".gitignore"), "trace\nhost.log\n").unwrap();
        office.git(&["init", "--quiet", "--initial-branch", "main"]);
        office.git(&["add", "README.md", ".gitignore"]);
        office.git(&["commit", "--quiet", "--message", "begin"]);
        office
    }

    /// Runs git in the project.
    pub fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(words)
            .current_dir(&self.world.project)
            .env("GIT_AUTHOR_NAME", "A")
            .env("GIT_AUTHOR_EMAIL", "a@example.com")
            .env("GIT_COMMITTER_NAME", "A")
            .env("GIT_COMMITTER_EMAIL", "a@example.com")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Writes a definition and starts a run of it; gives its path.
    pub fn run(&self, key: &str, text: &str) -> String {
        self.world.define(key, text);
        let answer = self.start(key, &json!({}));
        assert_eq!(answer.0, 201, "{}", answer.1);
        let id = answer.1["data"]["id"].as_str().unwrap();
        format!("/api/workflow-executions/{id}")
    }

    /// Starts a run with more in the request.
    pub fn start(&self, key: &str, more: &Value) -> (u16, Value) {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.bin.canonicalize().unwrap();
        let mut body = json!({
            "project_id": self.project,
            "definition": key,
            "environment": {
                "PATH": format!("{}:{path}", bin.display()),
                "WORLD": self.world.mark,
                "FAKE_AGENT_HOME": self.home(),
                "FAKE_AGENT_HEARD": self.heard(),
                "IS_SANDBOX": "1",
            },
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let path = "/api/workflow-executions";
        let answer = self.world.ask("POST", path, None, Some(&body)).unwrap();
        (answer.status, answer.body)
    }

    /// Where the fake agents remember their sessions.
    pub fn home(&self) -> PathBuf {
        self.world.project.join("../agents")
    }

    /// Where the fake agents write down when they heard what, once there is such a file's directory.
    pub fn heard(&self) -> PathBuf {
        self.world.project.join("../heard/lines")
    }

    /// A file beside the project, for the agents to wait for.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.world.project.parent().unwrap().join(name)
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.world.ask("POST", path, None, Some(body)).unwrap();
        (answer.status, answer.body)
    }

    /// Waits until the run is so.
    pub fn when(&self, run: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let data = self.world.get(run)["data"].take();
            if is(&data) {
                return data;
            }
            assert!(
                begun.elapsed() < LIMIT,
                "waited for: {what}\n{data:#}\n{}",
                self.world.host_log()
            );
            super::support::pause(std::time::Duration::from_millis(10));
        }
    }

    pub fn ended(&self, run: &str) -> Value {
        self.when(run, "its end", |run| {
            let status = run["status"].as_str().unwrap();
            ["completed", "failed", "cancelled"].contains(&status)
        })
    }

    /// Waits for its good end.
    pub fn completed(&self, run: &str) -> Value {
        let ended = self.ended(run);
        assert_eq!(ended["status"], "completed", "{ended:#}");
        ended
    }

    /// The host's process.
    pub fn host(&self) -> i32 {
        processes::host(&self.world.data).unwrap()
    }

    /// Kills the host the hard way and starts another.
    pub fn restart(&self) {
        let host = processes::host(&self.world.data).unwrap();
        assert!(processes::kill(host));
        until("the host is gone", LIMIT, || {
            (processes::host(&self.world.data) != Some(host)).then_some(())
        });
        self.world.start_host();
        self.world.await_host();
    }

    /// The one shepherd of this world.
    pub fn shepherd(&self) -> i32 {
        until("a shepherd", LIMIT, || {
            Some(processes::shepherds(&self.world.data).first()?.pid)
        })
    }

    /// The run's thread, as `who: text`.
    pub fn thread(&self, run: &str) -> Vec<String> {
        let id = run.rsplit('/').next().unwrap();
        let thread = self.world.get(&format!("/api/workflows/{id}/messages"));
        let line = |said: &Value| {
            let who = said["message_type"].as_str().unwrap_or_default();
            format!("{who}: {}", said["content"].as_str().unwrap_or_default())
        };
        thread["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(line)
            .collect()
    }
}

/// A definition of one agent step with this id, agent and prompt.
pub fn one(agent: &str, more: &str, prompt: &str) -> String {
    let mut text = format!(
        "name: One\nworktree: stay\nsteps:\n  - id: work\n    type: agent\n    agent: \"{agent}\"\n"
    );
    for line in more.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    text.push_str("    prompt: |\n");
    for line in prompt.lines() {
        text.push_str(&format!("      {line}\n"));
    }
    text
}

/// The step of this key.
pub fn step<'a>(run: &'a Value, key: &str) -> &'a Value {
    let steps = run["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step_id"] == key).unwrap()
}

/// The step's answer ends so: ACP knows no end of one text and begin of the next.
pub fn says(step: &Value, answer: &str, agent: &str) {
    let result = step["result"].as_str().unwrap_or_default();
    let fits = match agent.starts_with("acp:") {
        true => result.ends_with(answer),
        false => result == answer,
    };
    assert!(
        fits,
        "{agent}: {} instead of {answer}",
        &result[result.len().saturating_sub(200)..]
    );
}

/// The agents, as definitions name them.
pub const AGENTS: [&str; 3] = ["claude", "codex", "acp:fake-acp"];
