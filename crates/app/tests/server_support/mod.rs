//! A real host over its Unix socket, a small HTTP client for it, and the command line beside it.

#![allow(dead_code, reason = "each test binary uses a part")]

mod cli;
pub mod net;
mod world_end;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nothing a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long what a test has left running gets to end in good order.
const FAREWELL: Duration = Duration::from_secs(5);

/// A data directory, a project and, most of the time, a host.
pub struct World {
    dir: Dir,
    host: Option<Child>,
    pub project: String,
}

enum Dir {
    Own(tempfile::TempDir),
    Lent(PathBuf),
}

impl Dir {
    fn path(&self) -> &Path {
        match self {
            Self::Own(dir) => dir.path(),
            Self::Lent(path) => path,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl World {
    /// A project with these definitions (key, text), and no host.
    pub fn idle(definitions: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("project/.agent/workflows/definitions");
        std::fs::create_dir_all(&folder).unwrap();
        for (key, text) in definitions {
            std::fs::write(folder.join(format!("{key}.yaml")), text).unwrap();
        }
        Self {
            dir: Dir::Own(dir),
            host: None,
            project: String::new(),
        }
    }

    /// The same place, for a thread that only looks: it ends nothing.
    pub fn at(world: &Self) -> Self {
        Self {
            dir: Dir::Lent(world.dir.path().to_owned()),
            host: None,
            project: world.project.clone(),
        }
    }

    /// A running host and a project with these definitions (key, text).
    pub fn new(definitions: &[(&str, &str)]) -> Self {
        let mut world = Self::idle(definitions);
        world.start();
        let path = world.directory();
        let answer = world.post("/api/projects", &json!({"path": path}));
        world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
        world
    }

    pub fn directory(&self) -> PathBuf {
        self.dir.path().join("project").canonicalize().unwrap()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The words that start a host, without starting it.
    pub fn host_command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
        command.arg("host").arg("--data-dir").arg(self.data_dir());
        command.env("XDG_CONFIG_HOME", self.dir.path().join("config"));
        command
            .env("BATON_LOG", "warn")
            .env("BATON_ORPHAN_GRACE", "10s")
            .env("BATON_STOP_GRACE", "1s")
            .env_remove("DATABASE_URL")
            .env_remove("BATON_ATTEMPT")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    pub fn start(&mut self) {
        self.start_with(|_| {});
    }

    /// Starts a host with something changed about its command.
    pub fn start_with(&mut self, change: impl FnOnce(&mut Command)) {
        let mut command = self.host_command();
        change(&mut command);
        self.host = Some(command.spawn().unwrap());
        self.until("the host answers", || {
            self.try_request("GET", "/healthz", None).is_some()
        });
    }

    pub fn host_pid(&self) -> u32 {
        self.get("/healthz").json()["pid"]
            .as_u64()
            .unwrap()
            .try_into()
            .unwrap()
    }

    /// SIGKILL, as a crash.
    pub fn kill_host(&mut self) {
        let mut host = self.host.take().unwrap();
        host.kill().unwrap();
        host.wait().unwrap();
    }

    /// The host, to be waited for by the test itself.
    pub fn lend_host(&mut self) -> Child {
        self.host.take().unwrap()
    }

    pub fn wait_host(&mut self) -> std::process::ExitStatus {
        self.host.take().unwrap().wait().unwrap()
    }

    pub fn until(&self, what: &str, mut is_true: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_true() {
            assert!(begun.elapsed() < PATIENCE, "still waiting: {what}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Where a definition's file is.
    pub fn definition(&self, key: &str) -> PathBuf {
        let folder = ".agent/workflows/definitions";
        self.directory().join(folder).join(format!("{key}.yaml"))
    }

    /// The user's config.
    pub fn configure(&self, text: &str) {
        let folder = self.dir.path().join("config/baton");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("baton.toml"), text).unwrap();
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, Some(body))
    }

    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_request(method, path, body)
            .expect("the host answers")
    }

    /// The answer, if a host answers.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_request("GET", path, None)
    }

    fn try_request(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let kind = body.map_or("", |_| "content-type: application/json\r\n");
        self.raw(&format!(
            "{method} {path} HTTP/1.0\r\nhost: b\r\n{kind}content-length: {}\r\n\r\n{text}",
            text.len()
        ))
    }

    /// Sends exactly this.
    pub fn raw(&self, request: &str) -> Option<Answer> {
        let mut stream = connect(&self.data_dir())?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let kind = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-type")
                .then(|| value.trim().to_owned())
        });
        Some(Answer {
            status: head.split(' ').nth(1)?.parse().ok()?,
            kind: kind.unwrap_or_default(),
            text: body.to_owned(),
        })
    }

    /// Starts a run and gives its path below `/api`.
    pub fn run(&self, definition: &str, args: &Value) -> String {
        let body = json!({"project_id": self.project, "definition": definition, "args": args});
        let answer = self.post("/api/workflow-executions", &body);
        assert_eq!(answer.status, 201, "{answer:?}");
        let data = &answer.json()["data"];
        assert_eq!(data["status"], "pending");
        format!("/api/workflow-executions/{}", data["id"].as_str().unwrap())
    }

    /// The run, once this holds.
    pub fn run_when(&self, run: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut found = Value::Null;
        self.until(&format!("{what}: {run}"), || {
            found = self.get(run).json()["data"].take();
            holds(&found)
        });
        found
    }

    pub fn run_until(&self, run: &str, status: &str) -> Value {
        self.run_when(run, status, |run| run["status"] == status)
    }

    /// Live events as JSON, from a connection of their own: all from now on, since it has been
    /// answered. Ends when none comes in time, signs of life or not.
    pub fn events(&self, query: &str) -> impl Iterator<Item = Value> + use<> {
        let mut stream = connect(&self.data_dir()).unwrap();
        let request = format!("GET /api/events?{query} HTTP/1.0\r\nhost: b\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        assert!(head[0].contains(" 200 "), "{head:?}");
        std::iter::from_fn(move || {
            let begun = Instant::now();
            let in_time = lines.by_ref().take_while(|_| begun.elapsed() < PATIENCE);
            let mut told =
                in_time.filter_map(|line| line.strip_prefix("data: ").map(str::to_owned));
            told.find_map(|data| serde_json::from_str(&data).ok())
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if matches!(self.dir, Dir::Lent(_)) {
            return;
        }
        // Asked first: the host knows best how to end what it runs.
        if self.host.is_some() {
            self.cancel_all();
        }
        if let Some(mut host) = self.host.take() {
            let _ended = host.kill();
            let _reaped = host.wait();
        } else {
            // One that a verb has started.
            let _left = self.try_request("POST", "/api/host/handover", None);
        }
        world_end::end(&self.data_dir());
    }
}

impl World {
    /// Cancels what is unfinished, and waits a little until it has ended. Never panics.
    fn cancel_all(&self) {
        let begun = Instant::now();
        let path = "/api/workflow-executions?status=pending,running,paused&limit=200";
        while begun.elapsed() < FAREWELL {
            let Some(answer) = self.try_request("GET", path, None) else {
                return;
            };
            let listed: Value = serde_json::from_str(&answer.text).unwrap_or_default();
            let runs = listed["data"].as_array().cloned().unwrap_or_default();
            if runs.is_empty() {
                return;
            }
            let fresh = runs
                .iter()
                .filter(|run| run["cancel_requested_at"].is_null());
            for run in fresh.filter_map(|run| run["id"].as_str()) {
                let cancel = format!("/api/workflow-executions/{run}/cancel");
                self.try_request("POST", &cancel, Some(&json!({})));
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// The processes of this world: its hosts, its shepherds and what these run.
    pub fn processes(&self) -> Vec<i32> {
        world_end::processes(&self.data_dir())
    }
}

fn connect(data_dir: &Path) -> Option<UnixStream> {
    baton_runner::connect_unix(&data_dir.join("host.sock")).ok()
}

/// The step of this key in a run.
pub fn step<'r>(run: &'r Value, key: &str) -> &'r Value {
    let steps = run["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step_id"] == key).unwrap()
}
