//! How fast agents' lines become activities: each line parsed and normalised by its driver, each
//! activity made a line of `events.jsonl`; then the same with the lines appended to a file, one write
//! each, as the host does. The lines are recorded ones: every conversation is replayed to a new
//! driver again and again. Prints a JSON object per line; MB are megabytes
//! of the agents' own lines, by the clock and by the thread's own processor time, which other work on the
//! machine does not stretch.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/lines/mod.rs"]
mod lines;

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use baton_agents::{Driver, Order, Output, Permission, Setup};
use baton_core::activity::{Activity, Record};
use serde::Serialize;

/// What a driver hears.
enum Heard {
    Line(String),
    Order(Order),
}

/// A conversation that can be replayed.
struct Talk {
    driver: fn() -> Box<dyn Driver>,
    heard: Vec<Heard>,
    bytes: usize,
}

/// A line of `events.jsonl`, as the host writes it.
#[derive(Serialize)]
struct Line<'a> {
    at: &'a str,
    #[serde(flatten)]
    record: &'a Record,
}

/// Remembers what its driver hears.
struct Listening {
    driver: Box<dyn Driver>,
    heard: Vec<Heard>,
}

impl Driver for Listening {
    fn capabilities(&self) -> baton_agents::Capabilities {
        self.driver.capabilities()
    }

    fn begin(&mut self) -> Vec<Output> {
        self.driver.begin()
    }

    fn line(&mut self, line: &str) -> Vec<Output> {
        self.heard.push(Heard::Line(line.to_owned()));
        self.driver.line(line)
    }

    fn order(&mut self, order: &Order) -> Vec<Output> {
        self.heard.push(Heard::Order(order.clone()));
        self.driver.order(order)
    }

    fn ended(&mut self, exit: &baton_agents::Exit) -> Vec<Output> {
        self.driver.ended(exit)
    }
}

fn setup(program: &str) -> Setup {
    Setup {
        program: vec![program.into()],
        prompt: "work".into(),
        permission: Permission::AcceptEdits,
        new_session: "6aa640d2-4b08-4d7b-93c6-aa9433fa324c".into(),
        cwd: "/workspace/project".into(),
        scratch: "/workspace/scratch".into(),
        ..Setup::default()
    }
}

fn claude() -> Box<dyn Driver> {
    baton_agents::claude(&setup("claude")).unwrap().1
}

fn codex() -> Box<dyn Driver> {
    baton_agents::codex(&setup("codex")).unwrap().1
}

fn acp() -> Box<dyn Driver> {
    baton_agents::acp(&setup("agent")).unwrap().1
}

fn gemini() -> Box<dyn Driver> {
    baton_agents::gemini(&setup("gemini")).unwrap().1
}

impl Talk {
    fn of(driver: fn() -> Box<dyn Driver>, heard: Vec<Heard>) -> Self {
        let bytes = heard.iter().map(|heard| match heard {
            Heard::Line(line) => line.len() + 1,
            Heard::Order(_) => 0,
        });
        let bytes = bytes.sum();
        Self {
            driver,
            heard,
            bytes,
        }
    }

    /// A recording of the agent's lines alone.
    fn said(driver: fn() -> Box<dyn Driver>, path: &str) -> Self {
        let text = lines::recording(path);
        let heard = text.lines().map(|line| Heard::Line(line.into()));
        Self::of(driver, heard.collect())
    }

    /// A recording of both directions with another client.
    fn both(driver: fn() -> Box<dyn Driver>, path: &str) -> Self {
        let mut listening = Listening {
            driver: driver(),
            heard: Vec::new(),
        };
        lines::converse(&mut listening, &lines::recording(path));
        Self::of(driver, listening.heard)
    }

    /// A recording of both directions with our own driver, its orders among them.
    fn ours(driver: fn() -> Box<dyn Driver>, path: &str) -> Self {
        let text = lines::recording(path);
        let events = text.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            match event["dir"].as_str() {
                Some("<") => Some(Heard::Line(event["msg"].to_string())),
                Some("!") => Some(Heard::Order(
                    serde_json::from_value(event["order"].clone()).unwrap(),
                )),
                _ => None,
            }
        });
        Self::of(driver, events.flatten().collect())
    }

    /// Replays it; every activity goes to `keep` as a line.
    fn replay(&self, line: &mut Vec<u8>, mut keep: impl FnMut(&[u8])) -> u64 {
        let mut driver = (self.driver)();
        let (mut offset, mut activities) = (0, 0);
        let mut take = |outputs: Vec<Output>, offset: u64| {
            for output in outputs {
                let (parent, activity) = match output {
                    Output::Activity { parent, activity } => (parent, activity),
                    Output::Usage(usage) => (None, Activity::Usage(usage)),
                    _ => continue,
                };
                let record = Record {
                    offset,
                    parent,
                    activity,
                };
                line.clear();
                let at = "2026-11-21T05:00:00.000Z";
                serde_json::to_writer(
                    &mut *line,
                    &Line {
                        at,
                        record: &record,
                    },
                )
                .unwrap();
                line.push(b'\n');
                keep(line);
                activities += 1;
            }
        };
        take(driver.begin(), 0);
        for heard in &self.heard {
            match heard {
                Heard::Line(text) => {
                    take(driver.line(text), offset);
                    offset += text.len() as u64 + 1;
                }
                Heard::Order(order) => take(driver.order(order), offset),
            }
        }
        activities
    }
}

/// Long lines, which hold most of the bytes of a day's work: files read and commands' outputs.
fn long() -> Vec<Talk> {
    let text: String = (0..400)
        .map(|n| format!("    let number_{n} = \"a line of code\"; // \\ {n}\n"))
        .collect();
    let quoted = serde_json::to_string(&text).unwrap();
    let mut claude_lines = vec![Heard::Line(
        lines::recording("claude/simple.jsonl")
            .lines()
            .next()
            .unwrap()
            .into(),
    )];
    let mut codex_lines = Vec::new();
    for n in 0..20 {
        claude_lines.push(Heard::Line(format!(r#"{{"type":"assistant","message":{{"id":"msg_{n}","type":"message","role":"assistant","model":"m","content":[{{"type":"tool_use","id":"toolu_{n}","name":"Read","input":{{"file_path":"/workspace/project/src/{n}.rs"}}}}],"usage":{{"input_tokens":10,"output_tokens":1}}}},"parent_tool_use_id":null,"session_id":"s"}}"#)));
        claude_lines.push(Heard::Line(format!(r#"{{"type":"user","message":{{"role":"user","content":[{{"tool_use_id":"toolu_{n}","type":"tool_result","content":{quoted}}}]}},"parent_tool_use_id":null,"session_id":"s","tool_use_result":{{"type":"text","file":{{"filePath":"/workspace/project/src/{n}.rs","content":{quoted},"numLines":400,"startLine":1,"totalLines":400}}}}}}"#)));
        for (method, status, output) in [
            ("started", "inProgress", "null"),
            ("completed", "completed", &*quoted),
        ] {
            codex_lines.push(Heard::Line(format!(r#"{{"method":"item/{method}","params":{{"item":{{"type":"commandExecution","id":"call_{n}","command":"/bin/bash -lc 'cat src/{n}.rs'","cwd":"/workspace/project","processId":"1","status":"{status}","commandActions":[{{"type":"read","command":"cat","name":"{n}.rs","path":"src/{n}.rs"}}],"aggregatedOutput":{output},"exitCode":0,"durationMs":3}},"threadId":"t","turnId":"u"}}}}"#)));
        }
    }
    vec![Talk::of(claude, claude_lines), Talk::of(codex, codex_lines)]
}

/// Seconds that this thread has had a processor.
fn processor() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measure(mix: &str, talks: &[Talk], file: Option<&File>) {
    let least = 96 << 20;
    let mut line = Vec::new();
    let (mut bytes, mut activities, mut written) = (0, 0, 0);
    let (begun, worked) = (Instant::now(), processor());
    while bytes < least {
        for talk in talks {
            activities += talk.replay(&mut line, |line| {
                written += line.len();
                if let Some(mut file) = file {
                    file.write_all(line).unwrap();
                }
            });
            bytes += talk.bytes;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let worked = processor() - worked;
    let rate = |seconds: f64| bytes as f64 / 1e6 / seconds;
    let bench = if file.is_some() {
        "ingest_to_file"
    } else {
        "ingest"
    };
    println!(
        r#"{{"bench":"{bench}","mix":"{mix}","bytes":{bytes},"activities":{activities},"written":{written},"mb_per_s":{:.0},"mb_per_cpu_s":{:.0}}}"#,
        rate(seconds),
        rate(worked)
    );
}

fn main() {
    let claude_talks = || {
        [
            "edit",
            "todo_tasks",
            "subagent",
            "long_tool_output",
            "edit_partial",
        ]
        .map(|name| Talk::said(claude, &format!("claude/{name}.jsonl")))
    };
    let codex_talks = || {
        ["approvals", "steer", "mcp", "interrupt"]
            .map(|name| Talk::ours(codex, &format!("codex/app_server_{name}.jsonl")))
    };
    let acp_talks = || {
        [
            Talk::both(acp, "acp/claude_0.100_edit.jsonl"),
            Talk::both(acp, "acp/codex_2.6_todo.jsonl"),
            Talk::both(gemini, "acp/gemini_edit.jsonl"),
        ]
    };
    measure("claude", &claude_talks(), None);
    measure("codex", &codex_talks(), None);
    measure("acp", &acp_talks(), None);
    measure("long", &long(), None);
    let mut all: Vec<Talk> = claude_talks().into();
    all.extend(codex_talks());
    all.extend(acp_talks());
    measure("recorded", &all, None);
    all.extend(long());
    measure("all", &all, None);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = File::create(directory.path().join("events.jsonl")).unwrap();
    measure("all", &all, Some(&file));
}
