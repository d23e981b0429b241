//! Drives a process through a driver over pipes, as the host does, and notes every line both ways
//! and every order in its place: what a recording is made of. Also used by the fakes' tests.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use baton_agents::{Driver, Exit, Order, Output, Start, Turn};
use baton_core::activity::{Answer, Question};
use serde_json::{Value, json};

/// Longest wait for a line.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Session {
    pub driver: Box<dyn Driver>,
    /// Everything the driver has said.
    pub said: Vec<Output>,
    /// `{"dir": ">" | "<", "msg"}` and `{"dir": "!", "order"}`.
    pub recording: Vec<Value>,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: std::thread::JoinHandle<String>,
    written: Vec<String>,
    looked: usize,
}

impl Session {
    pub fn open(start: &Start, driver: Box<dyn Driver>, cwd: &Path, env: &[(&str, &str)]) -> Self {
        for (path, content) in &start.files {
            std::fs::write(path, content).unwrap();
        }
        let mut command = Command::new(&start.words[0]);
        command
            .args(&start.words[1..])
            .current_dir(cwd)
            .envs(&start.env)
            .envs(env.iter().copied())
            .stdin(if start.stdin {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if line.is_err() || sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut session = Self {
            driver,
            said: Vec::new(),
            recording: Vec::new(),
            stdin: child.stdin.take(),
            child,
            lines,
            stderr,
            written: Vec::new(),
            looked: 0,
        };
        let outputs = session.driver.begin();
        session.take(outputs);
        session
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match &output {
                Output::Send { id, text } => {
                    assert!(!self.written.contains(id), "sent twice: {id}");
                    assert!(text.is_empty() || text.ends_with('\n') || id == "codex-prompt");
                    self.written.push(id.clone());
                    self.recording
                        .push(json!({"dir": ">", "msg": message(text)}));
                    if let Some(stdin) = &mut self.stdin {
                        // It may be gone already.
                        let _ = stdin
                            .write_all(text.as_bytes())
                            .and_then(|()| stdin.flush());
                    }
                }
                Output::CloseStdin => self.stdin = None,
                Output::Sigint => {
                    let id = self.child.id().to_string();
                    Command::new("kill").args(["-INT", &id]).status().unwrap();
                }
                _ => {}
            }
            self.said.push(output);
        }
    }

    pub fn order(&mut self, order: Order) {
        self.recording.push(json!({"dir": "!", "order": order}));
        let outputs = self.driver.order(&order);
        self.take(outputs);
    }

    pub fn answer(&mut self, question: &Question, answer: Answer) {
        let question = question.id.clone();
        self.order(Order::Answer { question, answer });
    }

    /// Reads on until the driver says what is looked for; each output is looked at once.
    pub fn until<T>(&mut self, find: impl Fn(&Output) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            while self.looked < self.said.len() {
                self.looked += 1;
                if let Some(found) = find(&self.said[self.looked - 1]) {
                    return found;
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.line(&line),
                Err(error) => panic!("{error}, having said {:#?}", self.said),
            }
        }
    }

    pub fn turn(&mut self) -> Turn {
        self.until(|output| match output {
            Output::Turn(turn) => Some(turn.clone()),
            _ => None,
        })
    }

    pub fn question(&mut self) -> Question {
        self.until(|output| match output {
            Output::Ask(question) => Some(question.clone()),
            _ => None,
        })
    }

    pub fn session_id(&self) -> String {
        let id = |output: &Output| match output {
            Output::Session { id, .. } => Some(id.clone()),
            _ => None,
        };
        self.said.iter().rev().find_map(id).expect("a session")
    }

    fn line(&mut self, line: &str) {
        self.recording
            .push(json!({"dir": "<", "msg": message(line)}));
        let outputs = self.driver.line(line);
        self.take(outputs);
    }

    /// Lets it end by itself, and gives all that was said, and how it ended.
    pub fn finish(mut self) -> (Vec<Output>, Vec<Value>, Exit) {
        self.order(Order::Finish {});
        self.end()
    }

    /// Waits for its end.
    pub fn end(mut self) -> (Vec<Output>, Vec<Value>, Exit) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.line(&line);
        }
        let status = self.child.wait().unwrap();
        let exit = Exit {
            code: status.code(),
            signal: std::os::unix::process::ExitStatusExt::signal(&status),
            stderr: self.stderr.join().unwrap(),
            rest: String::new(),
        };
        let outputs = self.driver.ended(&exit);
        self.said.extend(outputs);
        (self.said, self.recording, exit)
    }
}

fn message(text: &str) -> Value {
    serde_json::from_str(text.trim_end()).unwrap_or_else(|_| json!(text))
}
