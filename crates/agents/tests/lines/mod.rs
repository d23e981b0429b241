//! Outputs as lines for snapshots, and recordings as what a driver hears.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses a part of it, and all of it is for tests"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use baton_agents::{Driver, Exit, Order, Output, Turn};
use baton_core::activity::{Activity, Answer, Asks, ToolUse};
use serde_json::Value;

pub fn recording(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// One line an output, long texts cut.
pub fn show(outputs: &[Output]) -> String {
    let lines: Vec<String> = outputs.iter().map(line).collect();
    lines.join("\n")
}

fn cut(text: &str) -> String {
    let line = text.replace('\n', "⏎");
    match line.char_indices().nth(120) {
        Some((at, _)) => format!("{}… ({} bytes)", &line[..at], text.len()),
        None => line,
    }
}

fn line(output: &Output) -> String {
    match output {
        Output::Send { id, text } => format!("send {id}: {}", sent(text)),
        Output::CloseStdin => "close stdin".into(),
        Output::Sigint => "sigint".into(),
        Output::Activity { parent, activity } => {
            let within = parent.as_ref().map(|parent| format!("[{parent}] "));
            format!("  {}{}", within.unwrap_or_default(), did(activity))
        }
        Output::Session { id, transcript } => format!("session {id} {transcript:?}"),
        Output::Ask(question) => match &question.asks {
            Asks::Permission {
                tool,
                input,
                can_remember,
            } => format!(
                "ask {}: {} | {tool} {} remember={can_remember}",
                question.id,
                cut(&question.text),
                cut(&input.to_string())
            ),
            other => format!("ask {}: {} | {other:?}", question.id, cut(&question.text)),
        },
        Output::Closed { question } => format!("closed {question}"),
        Output::Taken { message } => format!("taken {message}"),
        Output::Usage(usage) => format!("usage {}", serde_json::to_string(usage).unwrap()),
        Output::Turn(Turn::Done { text, structured }) => {
            format!("TURN done: {} {structured:?}", cut(text))
        }
        Output::Turn(Turn::Interrupted) => "TURN interrupted".into(),
        Output::Turn(Turn::Failed(failure)) => {
            format!("TURN failed {:?}: {}", failure.kind, cut(&failure.message))
        }
        Output::Fatal(failure) => format!("FATAL {:?}: {}", failure.kind, cut(&failure.message)),
        Output::Busy => "busy".into(),
        Output::Limited { resets_at } => format!("limited {resets_at:?}"),
    }
}

fn sent(text: &str) -> String {
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        return cut(text);
    };
    match message["method"].as_str() {
        Some(method) => format!("{method} {}", cut(&message["params"].to_string())),
        None => cut(text.trim_end()),
    }
}

fn did(activity: &Activity) -> String {
    match activity {
        Activity::Message { text } => format!("message: {}", cut(text)),
        Activity::MessageDelta { text } => format!("+ {}", cut(text)),
        Activity::Thinking { text } => format!("thinking: {}", cut(text)),
        Activity::ToolUse(tool) => used(tool),
        Activity::Todos { items } => {
            let items = items
                .iter()
                .map(|item| format!("{:?} {}", item.status, item.content));
            format!("todos: {}", items.collect::<Vec<_>>().join(" | "))
        }
        other => cut(&serde_json::to_string(other).unwrap()),
    }
}

fn used(tool: &ToolUse) -> String {
    let mut line = format!(
        "{:?} {:?} {} {}",
        tool.tool, tool.status, tool.name, tool.id
    );
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(" {name}={}", cut(&value)));
        }
    };
    add("title", Some(tool.title.clone()));
    add(
        "paths",
        (!tool.paths.is_empty()).then(|| tool.paths.join(",")),
    );
    add("bytes", tool.bytes.map(|bytes| bytes.to_string()));
    add("command", tool.command.clone());
    add("exit", tool.exit_code.map(|code| code.to_string()));
    add("diff", tool.diff.clone());
    add("output", tool.output.clone());
    line
}

/// A recording of both directions of the Agent Client Protocol against a driver: its lines under
/// the ids the driver gave its requests; what the recorded client answered and told as orders.
/// What the driver asks beyond the recorded client (a mode) is answered with `{}`.
pub fn converse(driver: &mut dyn Driver, text: &str) -> Vec<Output> {
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let asked: Vec<&str> = events
        .iter()
        .filter(|event| event["dir"] == ">")
        .filter_map(|event| event["msg"]["method"].as_str())
        .collect();
    let mut talk = Conversation {
        ids: BTreeMap::new(),
        questions: Vec::new(),
        all: Vec::new(),
    };
    let outputs = driver.begin();
    talk.take(driver, outputs, &asked);
    let mut methods = BTreeMap::new();
    for event in &events {
        let mut message = event["msg"].clone();
        if event["dir"] == ">" {
            match message["method"].as_str() {
                Some("session/cancel") => {
                    let outputs = driver.order(&Order::Interrupt {});
                    talk.take(driver, outputs, &asked);
                }
                Some(method) => {
                    methods.insert(message["id"].as_u64().unwrap(), method.to_owned());
                }
                None if message["result"]["outcome"]["outcome"] == "selected" => {
                    let question = talk.questions.remove(0);
                    let answer = Answer::Approve {
                        remember: false,
                        message: None,
                    };
                    let outputs = driver.order(&Order::Answer { question, answer });
                    talk.take(driver, outputs, &asked);
                }
                None => {}
            }
            continue;
        }
        if message["method"].is_null() {
            let method = &methods[&message["id"].as_u64().unwrap()];
            message["id"] = talk.ids[method].into();
        }
        let outputs = driver.line(&message.to_string());
        talk.take(driver, outputs, &asked);
    }
    talk.all
}

struct Conversation {
    /// Of the driver's requests, by method.
    ids: BTreeMap<String, u64>,
    questions: Vec<String>,
    all: Vec<Output>,
}

impl Conversation {
    fn take(&mut self, driver: &mut dyn Driver, outputs: Vec<Output>, asked: &[&str]) {
        for output in outputs {
            let mut answer = None;
            if let Output::Ask(question) = &output {
                self.questions.push(question.id.clone());
            }
            if let Output::Send { text, .. } = &output {
                let message: Value = serde_json::from_str(text).unwrap();
                if let (Some(method), Some(id)) =
                    (message["method"].as_str(), message["id"].as_u64())
                {
                    self.ids.insert(method.into(), id);
                    if !asked.contains(&method) {
                        answer = Some(format!(
                            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}"
                        ));
                    }
                }
            }
            self.all.push(output);
            if let Some(answer) = answer {
                let outputs = driver.line(&answer);
                self.take(driver, outputs, asked);
            }
        }
    }
}

/// Feeds whole lines, and the end.
pub fn feed(driver: &mut dyn Driver, text: &str, exit: &Exit) -> Vec<Output> {
    let mut outputs = driver.begin();
    let mut exit = exit.clone();
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => outputs.extend(driver.line(line)),
            None => exit.rest = line.into(),
        }
    }
    outputs.extend(driver.ended(&exit));
    outputs
}
