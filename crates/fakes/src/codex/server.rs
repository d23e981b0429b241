//! The JSON-RPC side of the fake: requests of the client, threads on disk, and what is told.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::exec::Exec;
use super::shells::Shells;
use crate::memory::{self, Session};

/// Who listens.
pub enum Voice {
    /// A client over JSON-RPC.
    AppServer,
    /// A reader of `exec --json`.
    Exec(Exec),
}

/// What an approval policy and a sandbox come to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// A person is asked for what is not allowed; else it is refused.
    pub asks: bool,
    /// Files are written without asking.
    pub edits: bool,
    /// Commands run without asking.
    pub runs: bool,
    /// A yes was given for the session.
    pub always: bool,
}

/// Why a turn does not go on.
#[derive(Debug)]
pub enum Stop {
    Interrupted,
    /// With a `TurnError`.
    Failed(Value),
    /// The process ends at once.
    End,
}

/// The fake.
pub struct Server {
    pub voice: Voice,
    pub policy: Policy,
    /// `update_plan` is switched on.
    pub plans: bool,
    pub thread: String,
    pub turn: String,
    pub session: Session,
    pub shells: Shells,
    /// Words that came while a turn was at work.
    pub steered: Vec<String>,
    /// Answers to our own requests.
    pub answers: BTreeMap<u64, Value>,
    interrupted: bool,
    inbox: Receiver<Option<Value>>,
    requests: u64,
    count: u64,
}

/// The lines of standard input as JSON; `None` is its end.
pub fn stdin() -> Receiver<Option<Value>> {
    let (sender, inbox) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let message = serde_json::from_str(&line).unwrap_or(Value::Null);
            if sender.send(Some(message)).is_err() {
                return;
            }
        }
        let _ = sender.send(None);
    });
    inbox
}

impl Server {
    pub fn new(voice: Voice, inbox: Receiver<Option<Value>>, plans: bool) -> Self {
        Self {
            voice,
            policy: Policy::default(),
            plans,
            thread: String::new(),
            turn: String::new(),
            session: Session::default(),
            shells: Shells::default(),
            steered: Vec::new(),
            answers: BTreeMap::new(),
            interrupted: false,
            inbox,
            requests: 0,
            count: 0,
        }
    }

    /// Answers a client until its end.
    pub fn serve(mut self) -> ExitCode {
        while let Ok(Some(message)) = self.inbox.recv() {
            if self.heed(&message).is_err() {
                break;
            }
        }
        self.shells.kill();
        ExitCode::SUCCESS
    }

    /// One turn for `codex exec`.
    pub fn exec(mut self, resume: Option<&str>, prompt: &str) -> ExitCode {
        match resume {
            Some(id) if !self.load(id) => {
                eprintln!(
                    "Error: thread/resume: thread/resume failed: no rollout found for thread id {id} (code -32600)"
                );
                return ExitCode::FAILURE;
            }
            Some(id) => self.thread = id.to_owned(),
            None => self.thread = uuid(),
        }
        self.tell("thread/started", json!({"thread": {"id": self.thread}}));
        // A crash ends with exit code 0, without a last line.
        let failed = self.take_turn(prompt, None).unwrap_or_default();
        self.shells.kill();
        ExitCode::from(u8::from(failed))
    }

    /// A message of the client. `Err`: the process ends.
    fn heed(&mut self, message: &Value) -> Result<(), Stop> {
        let params = &message["params"];
        let Some(method) = message["method"].as_str() else {
            if let (Some(id), result) = (message["id"].as_u64(), &message["result"]) {
                self.answers.insert(id, result.clone());
                self.tell(
                    "serverRequest/resolved",
                    json!({"threadId": self.thread, "requestId": id}),
                );
            }
            return Ok(());
        };
        let id = &message["id"];
        match method {
            "initialize" => self.reply(id, &json!({
                "userAgent": "baton/0.169.0 (Debian 12.0.0; x86_64) dumb (baton; 0.1.0)",
                "codexHome": "/workspace/home/.codex", "platformFamily": "unix", "platformOs": "linux",
            })),
            "initialized" => {}
            "thread/start" => {
                self.thread = uuid();
                self.session = Session::default();
                self.opened(id, params);
            }
            "thread/resume" | "thread/fork" => {
                let old = params["threadId"].as_str().unwrap_or_default();
                if !self.load(old) {
                    self.refuse(id, &format!("no rollout found for thread id {old}"));
                    return Ok(());
                }
                let fork = method == "thread/fork";
                self.thread = if fork { uuid() } else { old.to_owned() };
                self.opened(id, params);
            }
            "turn/start" if self.turn.is_empty() => {
                let text = words(params);
                self.turn = self.id("turn");
                self.reply(id, &json!({"turn": self.turn_object("inProgress", None)}));
                self.take_turn(&text, params["clientUserMessageId"].as_str())?;
            }
            // While a turn is at work, beginning one is adding to it (measured).
            "turn/start" | "turn/steer" if !self.turn.is_empty() => {
                let expected = params["expectedTurnId"].as_str().unwrap_or(&self.turn);
                if expected != self.turn {
                    let message = format!("expected active turn id `{expected}` but found `{}`", self.turn);
                    self.refuse(id, &message);
                    return Ok(());
                }
                self.reply(id, &json!({"turnId": self.turn, "turn": self.turn_object("inProgress", None)}));
                let text = words(params);
                self.user(&text, params["clientUserMessageId"].as_str());
                self.steered.push(text);
            }
            "turn/steer" => self.refuse(id, "no active turn to steer"),
            "turn/interrupt" if self.turn.is_empty() => self.refuse(id, "no active turn to interrupt"),
            "turn/interrupt" => {
                self.reply(id, &json!({}));
                self.interrupted = true;
            }
            "thread/backgroundTerminals/clean" => {
                self.shells.kill();
                self.reply(id, &json!({}));
            }
            other => self.refuse(id, &format!("Invalid request: unknown variant `{other}`")),
        }
        Ok(())
    }

    fn load(&mut self, id: &str) -> bool {
        let found = memory::load("codex", id).ok().flatten();
        self.session = found.unwrap_or_default();
        !self.session.said.is_empty()
    }

    fn opened(&mut self, id: &Value, params: &Value) {
        let (asks, sandbox) = (&params["approvalPolicy"], &params["sandbox"]);
        let free = sandbox == "danger-full-access";
        let writes = free || sandbox == "workspace-write";
        self.policy = Policy {
            asks: asks != "never",
            edits: writes && asks != "untrusted",
            runs: writes && asks != "untrusted",
            always: false,
        };
        let path = format!(
            "/workspace/home/.codex/sessions/rollout-{}.jsonl",
            self.thread
        );
        let thread = json!({"id": self.thread, "path": path, "cliVersion": "0.169.0", "turns": []});
        let model = params["model"].as_str().unwrap_or("gpt-5.5");
        self.reply(
            id,
            &json!({"thread": thread, "model": model, "modelProvider": "fake",
            "cwd": params["cwd"], "approvalPolicy": asks, "sandbox": sandbox}),
        );
        self.tell("thread/started", json!({"thread": thread}));
    }

    /// A whole turn; whether it failed. `Err`: the process ends.
    fn take_turn(&mut self, text: &str, client: Option<&str>) -> Result<bool, Stop> {
        if self.turn.is_empty() {
            self.turn = self.id("turn");
        }
        self.interrupted = false;
        self.session.said.push(text.to_owned());
        self.save();
        self.tell(
            "turn/started",
            json!({"threadId": self.thread, "turn": self.turn_object("inProgress", None)}),
        );
        self.user(text, client);
        let (status, error) = match self.act_out(text) {
            Ok(()) => ("completed", None),
            Err(Stop::Interrupted) => ("interrupted", None),
            Err(Stop::Failed(error)) => ("failed", Some(error)),
            Err(Stop::End) => return Err(Stop::End),
        };
        if let Some(error) = &error {
            self.tell("error", json!({"error": error, "willRetry": false, "threadId": self.thread, "turnId": self.turn}));
        }
        self.save();
        let failed = error.is_some();
        let turn = self.turn_object(status, error);
        self.tell(
            "turn/completed",
            json!({"threadId": self.thread, "turn": turn, "fakeTokens": self.session.tokens}),
        );
        self.turn.clear();
        Ok(failed)
    }

    /// Listens for as long; what came is heeded.
    pub fn listen(&mut self, wait: Duration) -> Result<(), Stop> {
        match self.inbox.recv_timeout(wait) {
            Ok(Some(message)) => self.heed(&message)?,
            Ok(None) | Err(RecvTimeoutError::Disconnected) => return Err(Stop::End),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if self.interrupted {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    /// Asks the client, and waits for its answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, Stop> {
        let id = self.requests;
        self.requests += 1;
        write(&json!({"method": method, "id": id, "params": params}));
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return Ok(answer);
            }
            if let Err(stop) = self.listen(Duration::from_secs(1)) {
                self.tell(
                    "serverRequest/resolved",
                    json!({"threadId": self.thread, "requestId": id}),
                );
                return Err(stop);
            }
        }
    }

    /// Tells something.
    pub fn tell(&mut self, method: &str, params: Value) {
        match &mut self.voice {
            Voice::AppServer => {
                write(&json!({"method": method, "params": params, "emittedAtMs": 0}))
            }
            Voice::Exec(exec) => exec.translate(method, &params).iter().for_each(write),
        }
    }

    fn user(&mut self, text: &str, client: Option<&str>) {
        let id = self.id("user");
        let item = json!({"type": "userMessage", "id": id, "clientId": client, "content": [{"type": "text", "text": text, "text_elements": []}]});
        for method in ["item/started", "item/completed"] {
            self.tell(
                method,
                json!({"item": item, "threadId": self.thread, "turnId": self.turn}),
            );
        }
    }

    /// A name that is the same whenever the same is done.
    pub fn id(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}_{}", self.count)
    }

    pub fn save(&self) {
        if let Err(error) = memory::save("codex", &self.thread, &self.session) {
            eprintln!("fake codex: cannot keep its session: {error}");
        }
    }

    fn turn_object(&self, status: &str, error: Option<Value>) -> Value {
        json!({"id": self.turn, "items": [], "itemsView": "notLoaded", "status": status, "error": error})
    }

    fn reply(&self, id: &Value, result: &Value) {
        write(&json!({"id": id, "result": result}));
    }

    fn refuse(&self, id: &Value, message: &str) {
        write(&json!({"error": {"code": -32600, "message": message}, "id": id}));
    }
}

fn words(params: &Value) -> String {
    let parts = params["input"].as_array().into_iter().flatten();
    let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
    texts.join("\n")
}

/// Writes a line; nobody reading is not the fake's matter.
pub fn write(message: &Value) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{message}").and_then(|()| out.flush());
}

/// A new name for a thread.
fn uuid() -> String {
    let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid");
    random.map_or_else(
        |_| format!("thread-{}", std::process::id()),
        |id| id.trim().to_owned(),
    )
}
