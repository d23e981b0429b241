//! The real agents that `.ci/agents` installs below `target/agents` (`BATON_AGENTS` names another
//! place), and the scripted model servers of `.ci/models` that they speak with. Nothing here reaches
//! beyond loopback.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The scripted model servers, and `scenarios/`.
#[must_use]
pub fn models() -> PathBuf {
    repository().join(".ci/models")
}

/// Where the agents' programs are: `claude`, `codex`, `codex-native`, `gemini`, `claude-agent-acp`.
#[must_use]
pub fn agents() -> PathBuf {
    let named = std::env::var_os("BATON_AGENTS").map(PathBuf::from);
    named
        .unwrap_or_else(|| repository().join("target/agents"))
        .join("bin")
}

/// The program of the agent of this name.
#[must_use]
pub fn agent(name: &str) -> String {
    let program = agents().join(name);
    assert!(
        program.exists(),
        "{} is not there: `make test-agents` installs the agents",
        program.display()
    );
    program.to_str().unwrap().to_owned()
}

fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// A scripted model server on a free port, and an agent's home that knows it. Dropping it ends the
/// server.
pub struct Model {
    process: Child,
    url: String,
    agent: &'static str,
    home: PathBuf,
}

impl Model {
    /// A server for `claude`, `codex` or `gemini`, with a scenario and what its `{{name}}`s stand
    /// for. Writes the agent's settings into `home`.
    #[must_use]
    pub fn serve(agent: &'static str, scenario: &Path, home: &Path, vars: &[(&str, &str)]) -> Self {
        let script = match agent {
            "claude" => "mock_anthropic.py",
            "codex" => "mock_openai.py",
            "gemini" => "mock_gemini.py",
            other => panic!("no model server for {other}"),
        };
        let mut command = Command::new("python3");
        command
            .arg(models().join(script))
            .args(["--port", "0", "--scenario"])
            .arg(scenario);
        for (name, value) in vars {
            command.args(["--var", &format!("{name}={value}")]);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{script}: {line}");
        let model = Self {
            process,
            url,
            agent,
            home: home.to_owned(),
        };
        model.furnish();
        model
    }

    /// The variables an agent in front of this server is to have.
    #[must_use]
    pub fn env(&self) -> Vec<(&str, &str)> {
        let home = self.home.to_str().unwrap();
        let own: &[(&str, &str)] = match self.agent {
            "claude" => &[
                ("CLAUDE_CONFIG_DIR", home),
                ("ANTHROPIC_BASE_URL", &self.url),
                ("ANTHROPIC_API_KEY", "dummy"),
                ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
                ("DISABLE_TELEMETRY", "1"),
                ("DISABLE_ERROR_REPORTING", "1"),
                ("DISABLE_AUTOUPDATER", "1"),
            ],
            "codex" => &[("CODEX_HOME", home), ("MOCK_KEY", "dummy")],
            _ => &[
                ("GOOGLE_GEMINI_BASE_URL", &self.url),
                ("GEMINI_API_KEY", "dummy"),
                ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
            ],
        };
        // As root, Claude skips permissions only where it is told that nothing can be lost.
        let all = [("HOME", home), ("IS_SANDBOX", "1"), ("NO_COLOR", "1")];
        all.iter().chain(own).copied().collect()
    }

    fn furnish(&self) {
        std::fs::create_dir_all(self.home.join(".gemini")).unwrap();
        match self.agent {
            "codex" => {
                let text = format!(
                    "model = \"gpt-5.5\"\nmodel_provider = \"mock\"\n\
                     check_for_update_on_startup = false\n\
                     [analytics]\nenabled = false\n\
                     [model_providers.mock]\nname = \"mock\"\nbase_url = \"{}/v1\"\n\
                     wire_api = \"responses\"\nenv_key = \"MOCK_KEY\"\n",
                    self.url
                );
                std::fs::write(self.home.join("config.toml"), text).unwrap();
            }
            "gemini" => {
                let settings: Value = serde_json::json!({
                    "privacy": {"usageStatisticsEnabled": false},
                    "telemetry": {"enabled": false},
                    "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false,
                        "maxAttempts": 2},
                    "security": {"auth": {"selectedType": "gemini-api-key"}},
                });
                let path = self.home.join(".gemini/settings.json");
                std::fs::write(path, settings.to_string()).unwrap();
            }
            _ => {}
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
