//! A host in miniature: starts an agent's process as its driver says, gives the driver its lines and
//! orders, writes what the driver wants said, and remembers everything. At the end it plays all of
//! it to a new driver, which must say the same.
#![allow(dead_code, clippy::expect_used, clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use baton_agents::{Driver, Exit, Failure, Order, Output, Refused, Setup, Start, Turn};
use baton_core::activity::{Activity, Question, Usage};
use serde_json::{Value, json};

/// Makes an agent's start and driver.
pub type Agent = fn(&Setup) -> Result<(Start, Box<dyn Driver>), Refused>;

/// How long an agent may say nothing.
const PATIENCE: Duration = Duration::from_secs(120);

enum Event {
    Line(String),
    Order(Order),
}

/// A session that is spoken with.
pub struct Talk {
    agent: Agent,
    setup: Setup,
    driver: Box<dyn Driver>,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    events: Vec<Event>,
    written: BTreeSet<String>,
    /// All outputs so far.
    pub outputs: Vec<Output>,
    /// Up to where [`Talk::until`] has looked.
    seen: usize,
}

impl Talk {
    /// Starts the agent in its directory.
    pub fn start(agent: Agent, setup: &Setup, env: &[(&str, &str)]) -> Self {
        let (start, mut driver) = agent(setup).expect("a setup");
        for (path, text) in &start.files {
            std::fs::write(path, text).expect("a file of the start");
        }
        let mut command = Command::new(&start.words[0]);
        command
            .args(&start.words[1..])
            .current_dir(&setup.cwd)
            .envs(&start.env)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in &start.env_remove {
            command.env_remove(name);
        }
        let mut child = command.spawn().expect("the agent");
        let stdout = child.stdout.take().expect("its output");
        let mut errors = child.stderr.take().expect("its errors");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            while stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
                if send.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            drop(errors.read_to_string(&mut text));
            text
        });
        let begun = driver.begin();
        let mut talk = Self {
            agent,
            setup: setup.clone(),
            driver,
            stdin: child.stdin.take(),
            child,
            lines,
            stderr: Some(stderr),
            events: Vec::new(),
            written: BTreeSet::new(),
            outputs: Vec::new(),
            seen: 0,
        };
        talk.heed(begun);
        talk
    }

    /// Gives an order.
    pub fn order(&mut self, order: Order) {
        let outputs = self.driver.order(&order);
        self.events.push(Event::Order(order));
        self.heed(outputs);
    }

    fn heed(&mut self, outputs: Vec<Output>) {
        for output in &outputs {
            match output {
                Output::Send { id, text } => {
                    assert!(self.written.insert(id.clone()), "{id} was sent twice");
                    if let Some(stdin) = &mut self.stdin {
                        // It may have ended.
                        drop(stdin.write_all(text.as_bytes()));
                        drop(stdin.flush());
                    }
                }
                Output::CloseStdin => self.stdin = None,
                _ => {}
            }
        }
        if std::env::var_os("BATON_TALK").is_some() {
            outputs.iter().for_each(|output| eprintln!("{output:?}"));
        }
        self.outputs.extend(outputs);
    }

    /// Listens until an output is this; gives what is made of it.
    pub fn until<T>(&mut self, mut wanted: impl FnMut(&Output) -> Option<T>) -> T {
        loop {
            while let Some(output) = self.outputs.get(self.seen) {
                self.seen += 1;
                if let Some(found) = wanted(output) {
                    return found;
                }
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.ends_with('\n') => self.line(line),
                other => panic!("{other:?} after {:#?}", self.outputs),
            }
        }
    }

    fn line(&mut self, line: String) {
        let line = line.trim_end_matches('\n').to_owned();
        let outputs = self.driver.line(&line);
        self.events.push(Event::Line(line));
        self.heed(outputs);
    }

    /// The next end of a turn.
    pub fn turn(&mut self) -> Turn {
        self.until(|output| match output {
            Output::Turn(turn) => Some(turn.clone()),
            _ => None,
        })
    }

    /// The next end of a turn, which went well: its answer.
    pub fn answer(&mut self) -> String {
        match self.turn() {
            Turn::Done { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    /// The next question.
    pub fn question(&mut self) -> Question {
        self.until(|output| match output {
            Output::Ask(question) => Some(question.clone()),
            _ => None,
        })
    }

    /// The next activity that is wanted.
    pub fn activity<T>(&mut self, mut wanted: impl FnMut(&Activity) -> Option<T>) -> T {
        self.until(|output| match output {
            Output::Activity { activity, .. } => wanted(activity),
            _ => None,
        })
    }

    /// Lets it end (or sees it end), and gives what was said on the way.
    pub fn finish(mut self) -> Vec<Output> {
        if self.stdin.is_some() {
            self.order(Order::Finish {});
        }
        self.end()
    }

    /// Sees it end.
    pub fn end(mut self) -> Vec<Output> {
        let mut rest = String::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.ends_with('\n') {
                self.line(line);
            } else {
                rest = line;
            }
        }
        let status = self.child.wait().expect("its end");
        let stderr = self.stderr.take().expect("its errors").join();
        let exit = Exit {
            code: status.code(),
            signal: std::os::unix::process::ExitStatusExt::signal(&status),
            stderr: stderr.unwrap_or_default(),
            rest,
        };
        let outputs = self.driver.ended(&exit);
        self.heed(outputs);
        self.check_replay(&exit);
        if let Some(directory) = std::env::var_os("BATON_RECORD") {
            self.record(Path::new(&directory), &exit);
        }
        self.outputs
    }

    /// Writes the talk down, for the agents' own tests: the setup, then lines and orders as they came,
    /// then the end. Long lists that no driver reads are left out.
    fn record(&self, directory: &Path, exit: &Exit) {
        let Setup {
            prompt,
            new_session,
            resume,
            fork,
            scratch,
            ..
        } = &self.setup;
        let mut text = json!({"setup": {"prompt": prompt, "new_session": new_session,
            "resume": resume, "fork": fork, "scratch": scratch}})
        .to_string();
        for event in &self.events {
            let line = match event {
                Event::Line(line) => {
                    let mut line: Value =
                        serde_json::from_str(line).unwrap_or(line.as_str().into());
                    shorten(&mut line);
                    json!({"line": line})
                }
                Event::Order(order) => json!({"order": order}),
            };
            text.push_str(&format!("\n{line}"));
        }
        let end = json!({"exit": exit.code, "stderr": exit.stderr});
        text.push_str(&format!("\n{end}\n"));
        let cwd = self.setup.cwd.display().to_string();
        let home = cwd.trim_end_matches("/project").to_owned();
        let dashed = |path: &str| path.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let text = text
            .replace(&cwd, "/workspace/project")
            .replace(&dashed(&cwd), "-workspace-project")
            .replace(&home, "/workspace/home");
        let test = std::thread::current().name().unwrap_or("talk").to_owned();
        let session = &new_session[..4.min(new_session.len())];
        let again = if resume.is_some() { "-resumed" } else { "" };
        let path = directory.join(format!("{test}-{session}{again}.talk.jsonl"));
        std::fs::write(path, text).expect("a recording");
    }

    /// A host that has crashed: a new driver says the same again.
    fn check_replay(&self, exit: &Exit) {
        let (_, mut driver) = (self.agent)(&self.setup).expect("a setup");
        let mut again = driver.begin();
        for event in &self.events {
            again.extend(match event {
                Event::Line(line) => driver.line(line),
                Event::Order(order) => driver.order(order),
            });
        }
        again.extend(driver.ended(exit));
        assert_eq!(again, self.outputs, "a replay says something else");
    }
}

fn shorten(value: &mut Value) {
    const LONG: &[&str] = &[
        "commands",
        "models",
        "slash_commands",
        "skills",
        "plugins",
        "agents",
    ];
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if LONG.contains(&name.as_str()) && field.is_array() {
                    *field = json!([]);
                } else {
                    shorten(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}

/// The last turn of a talk, and that nothing was said to go on after it.
pub fn last_turn(outputs: &[Output]) -> &Turn {
    let at = outputs
        .iter()
        .rposition(|output| matches!(output, Output::Turn(_)));
    let at = at.unwrap_or_else(|| panic!("no turn in {outputs:#?}"));
    assert!(!outputs[at..].contains(&Output::Busy), "busy for ever");
    match &outputs[at] {
        Output::Turn(turn) => turn,
        other => panic!("{other:?}"),
    }
}

/// The failure of the last turn.
pub fn failure(outputs: &[Output]) -> &Failure {
    match last_turn(outputs) {
        Turn::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// The last sums.
pub fn usage(outputs: &[Output]) -> Usage {
    let found = outputs.iter().rev().find_map(|output| match output {
        Output::Usage(usage) => Some(*usage),
        _ => None,
    });
    found.expect("sums")
}

/// A setup for this program in this directory.
pub fn setup(program: &str, directory: &Path, prompt: &str, session: &str) -> Setup {
    Setup {
        program: vec![program.to_owned()],
        prompt: prompt.to_owned(),
        new_session: session.to_owned(),
        cwd: directory.to_owned(),
        scratch: directory.to_owned(),
        ..Setup::default()
    }
}
