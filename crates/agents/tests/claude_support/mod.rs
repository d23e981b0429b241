//! Reads a recording of Claude Code as a host would, and writes what the driver makes of it, an
//! output a line.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::{Path, PathBuf};

use baton_agents::{Driver, Exit, Order, Output, Setup, claude};
use baton_core::activity::{Activity, ToolUse, Usage};
use serde_json::Value;

/// The recordings' directory.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/claude")
}

/// A recording by its name.
pub struct Recording {
    pub lines: Vec<String>,
    pub setup: Setup,
    pub exit: Exit,
}

impl Recording {
    pub fn read(name: &str) -> Self {
        let file = |end: &str| std::fs::read_to_string(directory().join(format!("{name}.{end}")));
        let text = file("jsonl").expect("a recording");
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let rest = lines.pop().unwrap_or_default();
        let meta: Value =
            serde_json::from_str(&file("meta.json").expect("its meta")).expect("JSON");
        let command: Vec<&str> = meta["cmd"].as_array().map_or(Vec::new(), |words| {
            words.iter().filter_map(Value::as_str).collect()
        });
        let after = |flag: &str| {
            let at = command.iter().position(|word| *word == flag)?;
            command.get(at + 1).map(ToString::to_string)
        };
        let code = meta["exit"]
            .as_i64()
            .and_then(|code| i32::try_from(code).ok());
        Self {
            lines,
            setup: Setup {
                prompt: "the prompt".into(),
                new_session: after("--session-id").unwrap_or_default(),
                resume: after("--resume"),
                deny_tools: after("--disallowedTools").into_iter().collect(),
                scratch: "/scratch/1".into(),
                ..Setup::default()
            },
            exit: Exit {
                code: code.filter(|code| *code >= 0),
                signal: code.filter(|code| *code < 0).map(|code| -code),
                stderr: file("stderr.txt").unwrap_or_default(),
                rest,
            },
        }
    }

    pub fn driver(&self) -> Box<dyn Driver> {
        claude(&self.setup).expect("a setup").1
    }
}

/// All recordings' names.
pub fn names() -> Vec<String> {
    let mut names = ending(".jsonl");
    names.retain(|name| !name.ends_with(".talk"));
    names
}

/// All talks' names.
pub fn talks() -> Vec<String> {
    ending(".talk.jsonl")
}

fn ending(end: &str) -> Vec<String> {
    let files = std::fs::read_dir(directory()).expect("recordings");
    let names = files.filter_map(|file| {
        let name = file.ok()?.file_name().into_string().ok()?;
        name.strip_suffix(end).map(str::to_owned)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The outputs of a recording, and of the orders a host would give at an output.
pub fn told(recording: &Recording, react: &mut dyn FnMut(&Output) -> Vec<Order>) -> Vec<Output> {
    let mut driver = recording.driver();
    let mut all = driver.begin();
    for line in &recording.lines {
        let outputs = driver.line(line);
        for output in outputs {
            let orders = react(&output);
            all.push(output);
            for order in orders {
                all.extend(driver.order(&order));
            }
        }
    }
    all.extend(driver.ended(&recording.exit));
    all
}

/// The outputs of a talk: of its lines, and of its orders where they were given.
pub fn talked(name: &str) -> Vec<Output> {
    let path = directory().join(format!("{name}.talk.jsonl"));
    let text = std::fs::read_to_string(path).expect("a talk");
    let mut driver: Option<Box<dyn Driver>> = None;
    let mut all = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(setup) = line.get("setup") {
            let setup = Setup {
                prompt: text(&setup["prompt"]),
                new_session: text(&setup["new_session"]),
                resume: setup["resume"].as_str().map(str::to_owned),
                fork: setup["fork"] == true,
                scratch: text(&setup["scratch"]).into(),
                ..Setup::default()
            };
            let mut begun = claude(&setup).expect("a setup").1;
            all.extend(begun.begin());
            driver = Some(begun);
            continue;
        }
        let driver = driver.as_mut().expect("a setup first");
        all.extend(if let Some(order) = line.get("order") {
            let order: Order = serde_json::from_value(order.clone()).expect("an order");
            driver.order(&order)
        } else if let Some(line) = line.get("line") {
            driver.line(&line.to_string())
        } else {
            let code = line["exit"]
                .as_i64()
                .and_then(|code| i32::try_from(code).ok());
            driver.ended(&Exit {
                code,
                stderr: text(&line["stderr"]),
                ..Exit::default()
            })
        });
    }
    all
}

/// An output in a line.
pub fn line(output: &Output) -> String {
    match output {
        Output::Send { id, text } => format!("> {id} {}", cut(text.trim_end(), 300)),
        Output::Activity { parent, activity } => {
            let within = parent.as_ref().map_or(String::new(), |parent| {
                format!("[in {}] ", &parent[..10.min(parent.len())])
            });
            format!("  {within}{}", show(activity))
        }
        Output::Usage(usage) => format!("  usage {}", show_usage(usage)),
        Output::Ask(question) => cut(&format!("? {question:?}"), 600),
        other => cut(&format!("= {other:?}"), 600),
    }
}

fn show(activity: &Activity) -> String {
    match activity {
        Activity::ToolUse(tool) => show_tool(tool),
        Activity::Todos { items } => {
            let items = items
                .iter()
                .map(|item| format!("{:?} {}", item.status, item.content));
            format!("todos {}", items.collect::<Vec<_>>().join(", "))
        }
        other => cut(&format!("{other:?}"), 300),
    }
}

fn show_tool(tool: &ToolUse) -> String {
    let mut shown = format!(
        "{} {:?} {:?} `{}`",
        tool.name, tool.tool, tool.status, tool.title
    );
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            shown.push_str(&format!(" {name}={}", cut(&value, 200)));
        }
    };
    add("bytes", tool.bytes.map(|bytes| bytes.to_string()));
    add("exit", tool.exit_code.map(|code| code.to_string()));
    add("diff", tool.diff.as_ref().map(|diff| format!("{diff:?}")));
    add(
        "output",
        tool.output.as_ref().map(|text| format!("{text:?}")),
    );
    shown
}

fn show_usage(usage: &Usage) -> String {
    format!(
        "in {} out {} cached {}/{}{}{}{}",
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage
            .cost_usd
            .map_or(String::new(), |usd| format!(" ${usd:.6}")),
        if usage.estimate { " estimate" } else { "" },
        usage
            .context_used
            .map_or(String::new(), |used| format!(" context {used}")),
    )
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most).collect();
    format!("{head}…")
}
