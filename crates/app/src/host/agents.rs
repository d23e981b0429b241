//! Which agents are on this machine: where, which version, logged in or not, and what they can do.
//!
//! Asks no network, and never gives the value of a key. Starts each agent once, to hear its version.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use baton_agents::{AgentKind, Capabilities, Setup};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use super::runners::on_path;

/// How long an agent may take to say its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is read of it, in bytes.
const SAID: u64 = 4096;

/// Names and values.
pub type Environment = BTreeMap<String, String>;

/// An agent that definitions can name.
struct Known {
    name: &'static str,
    label: &'static str,
    kind: AgentKind,
    install: &'static str,
    log_in: &'static str,
    keys: &'static [&'static str],
    /// The variable for its directory, that directory below the home, and the file in it that says
    /// that somebody has logged in.
    login: (&'static str, &'static str, &'static str),
}

const KNOWN: [Known; 3] = [
    Known {
        name: "claude",
        label: "Claude Code",
        kind: AgentKind::Claude,
        install: "npm install -g @anthropic-ai/claude-code",
        log_in: "run `claude` and log in, or set ANTHROPIC_API_KEY",
        keys: &[
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "AWS_BEARER_TOKEN_BEDROCK",
        ],
        login: ("CLAUDE_CONFIG_DIR", ".claude", ".credentials.json"),
    },
    Known {
        name: "codex",
        label: "Codex",
        kind: AgentKind::Codex,
        install: "npm install -g @openai/codex",
        log_in: "run `codex login`, or set CODEX_API_KEY",
        keys: &["CODEX_API_KEY", "OPENAI_API_KEY"],
        login: ("CODEX_HOME", ".codex", "auth.json"),
    },
    Known {
        name: "gemini",
        label: "Gemini CLI",
        kind: AgentKind::Gemini,
        install: "npm install -g @google/gemini-cli",
        log_in: "run `gemini` and log in, or set GEMINI_API_KEY",
        keys: &["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_API_KEY"],
        login: ("", ".gemini", "oauth_creds.json"),
    },
];

/// How somebody is logged in with an agent, as far as files and variables tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// By a key in this variable.
    Key(&'static str),
    /// By a login kept in this file.
    File(PathBuf),
    /// Not at all.
    None,
}

/// An agent, and what was found of it.
#[derive(Debug, Clone)]
pub struct Found {
    /// As definitions name it.
    pub name: &'static str,
    /// As people name it.
    pub label: &'static str,
    /// Its program; `None`: it is not installed.
    pub path: Option<PathBuf>,
    /// What it says to `--version`; `None` when it says nothing, or not in time.
    pub version: Option<String>,
    /// See [`Login`].
    pub login: Login,
    /// What its driver can do with it; `None`: there is no driver for it yet.
    pub capabilities: Option<Capabilities>,
    /// How it is installed.
    pub install: &'static str,
    /// How one logs in.
    pub log_in: &'static str,
}

/// All agents, as processes with this environment would find them from this directory. Blocks for
/// as long as the slowest takes to say its version.
#[must_use]
pub fn all(environment: &Environment, directory: &Path) -> Vec<Found> {
    let one = |known: &'static Known| {
        let path = on_path(
            known.name,
            environment.get("PATH").map(String::as_str),
            directory,
        );
        let version = path
            .as_ref()
            .and_then(|path| version(path, environment, directory));
        Found {
            name: known.name,
            label: known.label,
            path,
            version,
            login: login(known, environment),
            capabilities: capabilities(known.kind),
            install: known.install,
            log_in: known.log_in,
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = KNOWN
            .iter()
            .map(|known| scope.spawn(move || one(known)))
            .collect();
        let found = threads.into_iter().filter_map(|thread| thread.join().ok());
        found.collect()
    })
}

fn login(known: &Known, environment: &Environment) -> Login {
    let is_set = |name: &&&str| {
        environment
            .get(**name)
            .is_some_and(|value| !value.is_empty())
    };
    if let Some(key) = known.keys.iter().find(is_set) {
        return Login::Key(key);
    }
    let (variable, below, file) = known.login;
    let of = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let directory = match (of(variable), of("HOME")) {
        (Some(directory), _) => PathBuf::from(directory),
        (None, Some(home)) => Path::new(home).join(below),
        (None, None) => return Login::None,
    };
    let path = directory.join(file);
    match path.is_file() {
        true => Login::File(path),
        false => Login::None,
    }
}

fn capabilities(kind: AgentKind) -> Option<Capabilities> {
    let setup = Setup {
        program: vec!["agent".into()],
        cwd: PathBuf::from("/"),
        scratch: PathBuf::from("/"),
        ..Setup::default()
    };
    let (_, driver) = baton_agents::driver(&kind, &setup).ok()?;
    Some(driver.capabilities())
}

/// The first line it prints that has a digit in it.
fn version(program: &Path, environment: &Environment, directory: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .arg("--version")
        .env_clear()
        .envs(environment)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    let said = listen(&mut child);
    // It has its own group: nothing of it is left behind, in time or not.
    let _gone = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _reaped = child.wait();
    let said = said?;
    let mut lines = said.lines().map(str::trim);
    let line = lines.find(|line| line.bytes().any(|byte| byte.is_ascii_digit()))?;
    Some(line.chars().take(100).collect())
}

fn listen(child: &mut Child) -> Option<String> {
    let out = child.stdout.take()?;
    let (to, from) = mpsc::channel();
    let reader = std::thread::Builder::new().name("version".into());
    reader
        .spawn(move || {
            let mut bytes = Vec::new();
            let read = out.take(SAID).read_to_end(&mut bytes);
            let _late = to.send(read.map(|_| bytes));
        })
        .ok()?;
    let bytes = from.recv_timeout(PATIENCE).ok()?.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

impl Found {
    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (login, from) = match &self.login {
            Login::Key(name) => ("key", Some((*name).to_owned())),
            Login::File(path) => ("login", Some(path.to_string_lossy().into_owned())),
            Login::None => ("none", None),
        };
        json!({
            "name": self.name,
            "label": self.label,
            "is_installed": self.path.is_some(),
            "path": self.path.as_ref().map(|path| path.to_string_lossy()),
            "version": self.version,
            "login": login,
            "login_from": from,
            "capabilities": self.capabilities.map(|can| json!({
                "steer": can.steer,
                "interrupt": can.interrupt,
                "approve": can.approve,
                "fork": can.fork,
                "resume": can.resume,
                "cost": can.cost,
                "todos": can.todos,
                "limits": can.limits,
                "schema": can.schema,
            })),
            "install": self.path.is_none().then_some(self.install),
            "log_in": (self.login == Login::None).then_some(self.log_in),
        })
    }

    /// What it can do, in words.
    #[must_use]
    pub fn can(&self) -> Vec<&'static str> {
        let Some(can) = self.capabilities else {
            return Vec::new();
        };
        let words = [
            (can.steer, "steer"),
            (can.interrupt, "interrupt"),
            (can.approve, "approve"),
            (can.fork, "fork"),
            (can.resume, "resume"),
            (can.cost, "cost"),
            (can.todos, "todos"),
            (can.limits, "limits"),
            (can.schema, "schema"),
        ];
        let able = words.into_iter().filter(|(able, _)| *able);
        able.map(|(_, word)| word).collect()
    }
}

/// The environment of this process, as far as it is text.
#[must_use]
pub fn own_environment() -> Environment {
    let all = std::env::vars_os();
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn environment(pairs: &[(&str, &Path)]) -> Environment {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), text(value)))
            .collect()
    }

    fn program(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    #[test]
    fn an_agent_is_found_with_its_version_and_login() {
        let dir = tempfile::tempdir().unwrap();
        let (bin, home) = (dir.path().join("bin"), dir.path().join("home"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(home.join(".codex")).unwrap();
        std::fs::write(home.join(".codex/auth.json"), "{}").unwrap();
        program(
            &bin.join("codex"),
            "#!/bin/sh\necho warming up\necho codex-cli 1.2.3\n",
        );
        program(&bin.join("gemini"), "#!/bin/sh\nexit 1\n");
        let mut environment = environment(&[("PATH", &bin), ("HOME", &home)]);
        let secret = "AIza-fake-secret";
        environment.insert("GEMINI_API_KEY".into(), secret.into());
        let found = all(&environment, dir.path());
        let [claude, codex, gemini] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((claude.path.as_ref(), &claude.login), (None, &Login::None));
        assert_eq!(codex.version.as_deref(), Some("codex-cli 1.2.3"));
        assert_eq!(codex.to_json()["login"], "login");
        assert!(codex.can().contains(&"steer"));
        assert_eq!(
            (gemini.version.clone(), gemini.path.is_some()),
            (None, true)
        );
        let told = gemini.to_json();
        assert_eq!(told["login"], "key");
        assert!(!told.to_string().contains(secret));
    }

    #[test]
    fn one_that_says_nothing_is_waited_for_no_longer_than_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("claude");
        program(&path, "#!/bin/sh\nsleep 60 & sleep 60\n");
        let environment = own_environment();
        assert_eq!(version(&path, &environment, dir.path()), None);
    }
}
