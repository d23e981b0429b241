//! One data directory and one project, and the host over them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{http, processes, until};

/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The binary under test.
pub const BATON: &str = env!("CARGO_BIN_EXE_baton");

/// A data directory and a project of its own. Dropping it ends what is left of it.
pub struct World {
    /// Held for its end.
    temp: Option<tempfile::TempDir>,
    /// The data directory.
    pub data: PathBuf,
    /// The project.
    pub project: PathBuf,
    /// In the environment of every process of its runs, and in the path of its data directory.
    pub mark: String,
    /// Beside that, what the environment of its runs has.
    pub environment: BTreeMap<String, String>,
    /// Its hosts are `baton serve`: they listen on an address as well.
    pub serves: bool,
    hosts: RefCell<Vec<Child>>,
}

impl World {
    /// A new one, in a temporary directory.
    pub fn new() -> Self {
        let temp = tempfile::Builder::new()
            .prefix("baton-w-")
            .tempdir()
            .unwrap();
        let mut world = Self::at(temp.path());
        world.temp = Some(temp);
        world
    }

    /// A new one below `root`, which has a name of its own.
    pub fn at(root: &Path) -> Self {
        let project = root.join("project");
        std::fs::create_dir_all(project.join(".agent/workflows/definitions")).unwrap();
        Self {
            temp: None,
            data: root.join("data"),
            project,
            mark: root.file_name().unwrap().to_str().unwrap().to_owned(),
            environment: BTreeMap::new(),
            serves: false,
            hosts: RefCell::default(),
        }
    }

    /// Writes a workflow definition.
    pub fn define(&self, key: &str, text: &str) {
        let dir = self.project.join(".agent/workflows/definitions");
        std::fs::write(dir.join(format!("{key}.yaml")), text).unwrap();
    }

    /// Writes a TypeScript definition.
    #[allow(dead_code, reason = "each test binary uses its own part of it")]
    pub fn define_code(&self, key: &str, text: &str) {
        let dir = self.project.join(".agent/workflows/definitions");
        std::fs::write(dir.join(format!("{key}.ts")), text).unwrap();
    }

    /// The binary with these words, on this data directory, in this project.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BATON);
        command.args(words);
        command
            .current_dir(&self.project)
            .env("BATON_DATA_DIR", &self.data)
            .env("BATON_IDLE_EXIT", "300s")
            .env("XDG_CONFIG_HOME", self.data.join("no-config"))
            .env("WORLD", &self.mark)
            .env("TRACE", self.trace())
            .env_remove("BATON_ATTEMPT")
            .stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end.
    pub fn baton(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Where the scripts write what they do.
    pub fn trace(&self) -> PathBuf {
        self.project.join("trace")
    }

    /// Where each `baton serve` says its address.
    pub fn served(&self) -> PathBuf {
        self.project.join("served")
    }

    /// Starts a host and does not wait for it. One that finds another in its place ends.
    pub fn start_host(&self) -> i32 {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.project.join("host.log"))
            .unwrap();
        let data = self.data.to_str().unwrap();
        let (words, out) = match self.serves {
            true => {
                let free = ["--listen", "127.0.0.1:0"];
                let said = std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.served())
                    .unwrap();
                (
                    [&["serve", "--data-dir", data], &free[..]].concat(),
                    said.into(),
                )
            }
            false => (
                vec!["host", "--data-dir", data, "--background"],
                Stdio::null(),
            ),
        };
        let mut command = self.command(&words);
        let child = command.stdout(out).stderr(log).spawn().unwrap();
        let pid = child.id().cast_signed();
        let mut hosts = self.hosts.borrow_mut();
        // Those that have ended are reaped on the way.
        hosts.retain_mut(|host| matches!(host.try_wait(), Ok(None)));
        hosts.push(child);
        pid
    }

    /// Waits until a host answers; says what there is when none does.
    pub fn await_host(&self) {
        let begun = std::time::Instant::now();
        loop {
            let failed = match self.ask("GET", "/healthz", None, None) {
                Ok(_) => return,
                Err(error) => error,
            };
            assert!(
                begun.elapsed() < LIMIT / 2,
                "no host answers: {failed}\nholder of the lock: {:?}\nprocesses: {:#?}\n{}",
                processes::host(&self.data),
                processes::marked(&self.mark),
                self.host_log(),
            );
            super::pause(Duration::from_millis(5));
        }
    }

    /// The end of what the hosts said.
    pub fn host_log(&self) -> String {
        let log = std::fs::read_to_string(self.project.join("host.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// One request.
    pub fn ask(
        &self,
        method: &str,
        target: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> std::io::Result<http::Answer> {
        http::send(&self.data.join("host.sock"), method, target, key, body)
    }

    /// What is at this path; asked again while no host answers.
    pub fn get(&self, target: &str) -> Value {
        until(target, LIMIT, || {
            let answer = self.ask("GET", target, None, None).ok()?;
            (answer.status == 200).then_some(answer.body)
        })
    }

    /// Registers the project and gives its id.
    pub fn register(&self) -> String {
        self.register_at(&self.project)
    }

    /// Registers another project and gives its id.
    pub fn register_at(&self, project: &Path) -> String {
        let body = json!({"path": project});
        let answer = self
            .ask("POST", "/api/projects", None, Some(&body))
            .unwrap();
        answer.body["data"]["id"].as_str().unwrap().to_owned()
    }

    /// Starts a run of `definition`, once, however often the host dies meanwhile; none while no
    /// host answers.
    pub fn start(&self, project: &str, definition: &str, key: &str) -> Option<String> {
        self.start_with(project, definition, key, &json!({}))
    }

    /// The same, with args.
    pub fn start_with(
        &self,
        project: &str,
        definition: &str,
        key: &str,
        args: &Value,
    ) -> Option<String> {
        let mut environment = json!({
            "PATH": std::env::var("PATH").unwrap_or_default(),
            "WORLD": self.mark,
            "TRACE": self.trace(),
        });
        for (name, value) in &self.environment {
            environment[name] = value.as_str().into();
        }
        let body = json!({
            "project_id": project,
            "definition": definition,
            "environment": environment,
            "args": args,
        });
        let path = "/api/workflow-executions";
        let answer = self.ask("POST", path, Some(key), Some(&body)).ok()?;
        assert!(answer.status < 300, "{definition}: {answer:?}");
        Some(answer.body["data"]["id"].as_str()?.to_owned())
    }

    /// All events of a run.
    pub fn events(&self, run: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::from("0");
        loop {
            let path = format!("/api/workflow-executions/{run}/events?limit=200&cursor={cursor}");
            let page = self.get(&path);
            all.extend(page["data"].as_array().into_iter().flatten().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return all,
            }
        }
    }

    /// A run as it stands; none while no host answers.
    pub fn run(&self, run: &str) -> Option<Value> {
        let path = format!("/api/workflow-executions/{run}");
        let mut answer = self.ask("GET", &path, None, None).ok()?;
        (answer.status == 200).then(|| answer.body["data"].take())
    }

    /// The status of a run; none while no host answers.
    pub fn status(&self, run: &str) -> Option<String> {
        Some(self.run(run)?["status"].as_str()?.to_owned())
    }

    /// Ends the host and says what is left of this world.
    pub fn close(&self) -> Vec<String> {
        let begun = std::time::Instant::now();
        loop {
            if let Some(host) = processes::host(&self.data) {
                processes::ask_to_leave(host);
            }
            self.hosts
                .borrow_mut()
                .retain_mut(|host| matches!(host.try_wait(), Ok(None)));
            let left = processes::marked(&self.mark);
            if left.is_empty() || begun.elapsed() > Duration::from_secs(15) {
                return left;
            }
            super::pause(Duration::from_millis(20));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && std::env::var_os("BATON_KEEP").is_some()
            && let Some(temp) = self.temp.take()
        {
            eprintln!("kept: {}", temp.keep().display());
        }
        for line in self.close() {
            let pid = line.split(' ').next().and_then(|pid| pid.parse().ok());
            let _gone: Option<bool> = pid.map(processes::kill);
        }
    }
}
