//! A driver and a real process, joined by pipes as a host joins them: every line to the driver,
//! every send written once.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses a part of it, and all of it is for tests"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use baton_agents::{Driver, Exit, Order, Output, Start, Turn};
use baton_core::activity::{Activity, Question};

/// How long a real agent may say nothing: on a busy machine its start alone takes ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// What went into the driver, in its order.
enum Went {
    Line(String),
    Order(Order),
}

pub struct Talk {
    driver: Box<dyn Driver>,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<std::thread::JoinHandle<String>>,
    sent: BTreeSet<String>,
    went: Vec<Went>,
    pub outputs: Vec<Output>,
    /// How many of the outputs were looked at.
    seen: usize,
}

impl Talk {
    pub fn start(start: &Start, driver: Box<dyn Driver>, cwd: &Path, env: &[(&str, &str)]) -> Self {
        for (path, text) in &start.files {
            std::fs::write(path, text).unwrap();
        }
        let mut command = Command::new(&start.words[0]);
        command.args(&start.words[1..]).current_dir(cwd);
        command.envs(&start.env).envs(env.iter().copied());
        let stdin = if start.stdin {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, lines) = channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let mut err = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = err.read_to_string(&mut text);
            text
        });
        let stdin = child.stdin.take();
        let mut talk = Self {
            driver,
            child,
            stdin,
            lines,
            stderr: Some(stderr),
            sent: BTreeSet::new(),
            went: Vec::new(),
            outputs: Vec::new(),
            seen: 0,
        };
        let outputs = talk.driver.begin();
        talk.take(outputs);
        talk
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match &output {
                Output::Send { id, text } => {
                    assert!(self.sent.insert(id.clone()), "sent twice: {id}");
                    if let Some(stdin) = &mut self.stdin {
                        let _ = stdin.write_all(text.as_bytes());
                        let _ = stdin.flush();
                    }
                }
                Output::CloseStdin => self.stdin = None,
                _ => {}
            }
            self.outputs.push(output);
        }
    }

    pub fn order(&mut self, order: Order) {
        let outputs = self.driver.order(&order);
        self.went.push(Went::Order(order));
        self.take(outputs);
    }

    /// The next output of which `find` makes something.
    pub fn until<T>(&mut self, what: &str, find: impl Fn(&Output) -> Option<T>) -> T {
        loop {
            while self.seen < self.outputs.len() {
                self.seen += 1;
                if let Some(found) = find(&self.outputs[self.seen - 1]) {
                    return found;
                }
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let outputs = self.driver.line(&line);
                    self.went.push(Went::Line(line));
                    self.take(outputs);
                }
                Err(error) => panic!("no {what}: {error}; got {:#?}", self.outputs),
            }
        }
    }

    pub fn turn(&mut self) -> Turn {
        self.until("turn", |output| match output {
            Output::Turn(turn) => Some(turn.clone()),
            _ => None,
        })
    }

    pub fn question(&mut self) -> Question {
        self.until("question", |output| match output {
            Output::Ask(question) => Some(question.clone()),
            _ => None,
        })
    }

    pub fn session(&mut self) -> String {
        self.until("session", |output| match output {
            Output::Session { id, .. } => Some(id.clone()),
            _ => None,
        })
    }

    /// Lets it end by itself, and gives all it said.
    pub fn finish(mut self, fresh: Box<dyn Driver>) -> Vec<Output> {
        self.order(Order::Finish {});
        self.end(fresh)
    }

    /// Waits for its end.
    pub fn end(mut self, fresh: Box<dyn Driver>) -> Vec<Output> {
        loop {
            let is_over = |output: &Output| matches!(output, Output::Turn(_));
            let patience = match self.outputs.iter().any(is_over) {
                true => Duration::from_secs(10),
                false => PATIENCE,
            };
            let line = match self.lines.recv_timeout(patience) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => break,
                // As a host does with what does not end by itself.
                Err(RecvTimeoutError::Timeout) => {
                    let pid = self.child.id().to_string();
                    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
                    continue;
                }
            };
            let outputs = self.driver.line(&line);
            self.went.push(Went::Line(line));
            self.take(outputs);
        }
        let status = self.child.wait().unwrap();
        let exit = Exit {
            code: status.code(),
            signal: std::os::unix::process::ExitStatusExt::signal(&status),
            stderr: self.stderr.take().unwrap().join().unwrap(),
            rest: String::new(),
        };
        let outputs = self.driver.ended(&exit);
        self.outputs.extend(outputs);
        self.replay(fresh, &exit);
        std::mem::take(&mut self.outputs)
    }

    /// A new host makes a new driver and feeds it the same again.
    fn replay(&self, mut fresh: Box<dyn Driver>, exit: &Exit) {
        let mut outputs = fresh.begin();
        for went in &self.went {
            outputs.extend(match went {
                Went::Line(line) => fresh.line(line),
                Went::Order(order) => fresh.order(order),
            });
        }
        outputs.extend(fresh.ended(exit));
        assert_eq!(outputs, self.outputs, "a replay gives other outputs");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The activities among outputs.
pub fn activities(outputs: &[Output]) -> Vec<Activity> {
    let activity = |output: &Output| match output {
        Output::Activity { activity, .. } => Some(activity.clone()),
        _ => None,
    };
    outputs.iter().filter_map(activity).collect()
}
