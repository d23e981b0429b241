//! Recordings of the real Codex (0.169.0) through the drivers: what they said is pinned, and they
//! break on nothing.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use baton_agents::{Driver, Exit, Order, Output, Permission, Setup};
use baton_core::activity::{Activity, Answer};
use serde_json::{Value, json};

fn recordings() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/codex")
}

fn setup(resume: bool, fork: bool) -> Setup {
    Setup {
        program: vec!["codex".into()],
        prompt: "the prompt".into(),
        cwd: "/workspace/project".into(),
        resume: resume.then(|| "01a1fabf-d682-7aa0-a46d-09e35fb0cdbc".into()),
        fork,
        ..Setup::default()
    }
}

/// What goes into a driver.
#[derive(Debug, Clone)]
enum In {
    Line(String),
    Order(Order),
}

/// A recording as inputs, and what was written to the server when it was made. In those made by hand
/// there are no orders: answers to questions are made of what was written.
fn inputs(name: &str) -> (Vec<In>, Vec<Value>) {
    let text = std::fs::read_to_string(recordings().join(format!("{name}.jsonl"))).unwrap();
    if name.starts_with("exec_") {
        return (
            text.lines().map(|line| In::Line(line.into())).collect(),
            Vec::new(),
        );
    }
    let by_hand = name.ends_with("_by_hand");
    let (mut all, mut written) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        match entry["dir"].as_str().unwrap() {
            "<" => all.push(In::Line(entry["msg"].to_string())),
            "!" => all.push(In::Order(
                serde_json::from_value(entry["order"].clone()).unwrap(),
            )),
            _ if by_hand => {
                if let Some(decision) = entry["msg"]["result"]["decision"].as_str() {
                    let answer = match decision {
                        "accept" => Answer::Approve {
                            remember: false,
                            message: None,
                        },
                        _ => Answer::Reject { message: None },
                    };
                    let question = format!("codex-{}", entry["msg"]["id"]);
                    all.push(In::Order(Order::Answer { question, answer }));
                }
            }
            _ => written.push(entry["msg"].clone()),
        }
    }
    (all, written)
}

fn driver(name: &str) -> Box<dyn Driver> {
    let resumed = name.contains("resume") || name.ends_with("lost") || name.ends_with("fork");
    let setup = setup(resumed, name.ends_with("fork"));
    let made = if name.starts_with("exec_") {
        baton_agents::codex_exec(&setup, None)
    } else {
        baton_agents::codex(&setup)
    };
    made.unwrap().1
}

fn feed(driver: &mut dyn Driver, inputs: &[In]) -> Vec<Output> {
    let mut said = driver.begin();
    for input in inputs {
        said.extend(match input {
            In::Line(line) => driver.line(line),
            In::Order(order) => driver.order(order),
        });
    }
    said
}

fn names(start: &str) -> Vec<String> {
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_suffix(".jsonl")?.to_owned())
    };
    let all = std::fs::read_dir(recordings())
        .unwrap()
        .filter_map(|entry| name(entry.unwrap()));
    let mut all: Vec<String> = all.filter(|name| name.starts_with(start)).collect();
    all.sort();
    all
}

/// One line for an output.
fn show(output: &Output) -> String {
    let line = match output {
        Output::Send { id, text } => format!("send {id}: {}", text.trim_end()),
        Output::Activity {
            parent: None,
            activity,
        } => serde_json::to_string(activity).unwrap(),
        Output::Activity {
            parent: Some(parent),
            activity,
        } => {
            format!("[{parent}] {}", serde_json::to_string(activity).unwrap())
        }
        Output::Ask(question) => format!("ask {}", serde_json::to_string(question).unwrap()),
        Output::Usage(usage) => format!("usage {}", serde_json::to_string(usage).unwrap()),
        other => format!("{other:?}"),
    };
    if line.chars().count() > 400 {
        return line.chars().take(400).chain("…".chars()).collect();
    }
    line
}

fn snapshot(name: &str, said: &[Output]) {
    let lines: Vec<String> = said.iter().map(show).collect();
    let version = concat!("\"version\":\"", env!("CARGO_PKG_VERSION"), "\"");
    let text = lines.join("\n").replace(version, "\"version\":\"(ours)\"");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(format!("codex_{name}"), text);
    });
}

#[test]
fn the_app_server_says_what_was_recorded() {
    for name in names("app_server_") {
        let (inputs, written) = inputs(&name);
        let mut driver = driver(&name);
        let mut said = feed(&mut *driver, &inputs);
        let code = Some(0);
        said.extend(driver.ended(&Exit {
            code,
            ..Exit::default()
        }));
        snapshot(&name, &said);
        // The driver of the recording has written the same.
        let sent = said.iter().filter_map(|output| match output {
            Output::Send { text, .. } => serde_json::from_str::<Value>(text).ok(),
            _ => None,
        });
        let method = |all: Vec<Value>| -> Vec<Value> {
            all.iter()
                .map(|m| json!([m["id"], m["method"], m["result"]]))
                .collect()
        };
        if !written.is_empty() {
            assert_eq!(method(sent.collect()), method(written), "{name}");
        }
    }
}

#[test]
fn exec_says_what_was_recorded() {
    for name in names("exec_") {
        let (inputs, _) = inputs(&name);
        let mut driver = driver(&name);
        let mut said = feed(&mut *driver, &inputs);
        let code = Some(i32::from(name.contains("sigint")));
        said.extend(driver.ended(&Exit {
            code,
            ..Exit::default()
        }));
        snapshot(&name, &said);
    }
}

#[test]
fn an_end_without_a_word_is_named_by_its_errors() {
    for name in ["resume_missing", "not_git", "sigkill_then_resume"] {
        let name = format!("exec_{name}");
        let stderr =
            std::fs::read_to_string(recordings().join(format!("{name}.stderr.txt"))).unwrap();
        let mut driver = driver(&name);
        let said = driver.ended(&Exit {
            code: Some(1),
            stderr,
            ..Exit::default()
        });
        snapshot(&name, &said);
    }
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap() % limit.max(1)
    }

    fn cut(&mut self, text: &str) -> String {
        let at = self.below(text.len());
        String::from_utf8_lossy(&text.as_bytes()[..at]).into_owned()
    }

    fn json(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.next().is_multiple_of(2)),
            2 => json!(-5_i64),
            3 => json!(self.next() * 1_000_000_007),
            4 => json!("Reconnecting... 9999999999/x (é"),
            5 => Value::Array((0..self.below(4)).map(|_| self.json(depth - 1)).collect()),
            _ => {
                let keys = [
                    "method", "id", "type", "params", "item", "turn", "error", "text", "thread",
                    "status", "changes", "plan", "x",
                ];
                (0..self.below(6))
                    .map(|_| {
                        (
                            keys[self.below(keys.len())].to_owned(),
                            self.json(depth - 1),
                        )
                    })
                    .collect()
            }
        }
    }

    /// Puts something else into one place of a value.
    fn spoil(&mut self, value: &mut Value) {
        let inner = match value {
            Value::Object(map) if !map.is_empty() => {
                let at = self.below(map.len());
                map.values_mut().nth(at)
            }
            Value::Array(all) if !all.is_empty() => {
                let at = self.below(all.len());
                all.get_mut(at)
            }
            _ => None,
        };
        match inner {
            Some(inner) if self.below(4) > 0 => self.spoil(inner),
            Some(inner) => *inner = self.json(2),
            None => *value = self.json(2),
        }
    }

    fn order(&mut self) -> Order {
        let question = format!("codex-{}", self.below(3));
        let message = self.below(9) as u32;
        match self.below(6) {
            0 => Order::Interrupt {},
            1 => Order::Finish {},
            2 => Order::Tell {
                message,
                text: "é\n".into(),
                now: true,
            },
            3 => Order::Ask {
                id: "a".into(),
                text: String::new(),
            },
            4 => Order::Answer {
                question,
                answer: Answer::Reject {
                    message: Some("no".into()),
                },
            },
            _ => Order::Answer {
                question,
                answer: Answer::Choices {
                    answers: [("q".into(), vec![])].into(),
                },
            },
        }
    }
}

#[test]
fn nothing_that_is_said_breaks_a_driver() {
    let mut dice = Dice(7);
    for name in [names("app_server_"), names("exec_")].concat() {
        let (recorded, _) = inputs(&name);
        for _ in 0..12 {
            let mut spoiled: Vec<In> = Vec::new();
            for input in &recorded {
                let In::Line(line) = input else { continue };
                match dice.below(8) {
                    0 => spoiled.push(In::Line(dice.cut(line))),
                    1 => spoiled.push(In::Line(dice.json(5).to_string())),
                    2 => spoiled.push(In::Order(dice.order())),
                    3 | 4 => {
                        let mut value = serde_json::from_str(line).unwrap();
                        dice.spoil(&mut value);
                        spoiled.push(In::Line(value.to_string()));
                    }
                    _ => spoiled.push(input.clone()),
                }
            }
            if dice.below(2) == 0 {
                for at in (1..spoiled.len()).rev() {
                    let other = dice.below(at + 1);
                    spoiled.swap(at, other);
                }
            }
            let run = || {
                let mut driver = driver(&name);
                let mut said = feed(&mut *driver, &spoiled);
                said.extend(driver.ended(&Exit {
                    signal: Some(9),
                    rest: "{".into(),
                    stderr: "é".repeat(9_000),
                    ..Exit::default()
                }));
                said
            };
            assert_eq!(run(), run(), "the same again, for {name}");
        }
    }
}

#[test]
fn what_is_not_known_is_told_with_its_kind() {
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let lines = [
        (
            r#"{"method":"thread/levitated","params":{}}"#,
            "thread/levitated",
        ),
        (
            r#"{"method":"item/completed","params":{"item":{"type":"teleport"}}}"#,
            "item teleport",
        ),
        (r#"{"type":"strange"}"#, "strange"),
        (&deep, "not a JSON object"),
        ("{\"method\":\"x", "not a JSON object"),
        (r#"{"id":99,"result":{}}"#, "a response to nothing"),
    ];
    let mut driver = driver("app_server");
    for (line, what) in lines {
        let activity = Activity::Unknown { what: what.into() };
        assert_eq!(
            driver.line(line),
            [Output::Activity {
                parent: None,
                activity
            }],
            "{line:.60}"
        );
    }
    let asked =
        driver.line(r#"{"method":"account/chatgptAuthTokens/refresh","id":"r","params":{}}"#);
    assert!(
        matches!(&asked[0], Output::Send { id, text } if id == "codex-r-refused" && text.contains("-32601")),
        "{asked:?}"
    );
}

#[test]
fn activities_stay_small_whatever_is_said() {
    let huge = "é".repeat(2_500_000);
    let items = [
        json!({"type": "commandExecution", "id": "1", "command": huge, "aggregatedOutput": huge, "status": "failed"}),
        json!({"type": "fileChange", "id": "1", "changes": [{"path": huge, "kind": {"type": "add"}, "diff": huge}], "status": "completed"}),
        json!({"type": "mcpToolCall", "id": "1", "server": huge, "tool": huge, "arguments": {"a": huge}, "result": {"content": [{"text": huge}]}}),
        json!({"type": huge}),
    ];
    let mut driver = driver("app_server");
    for item in items {
        for method in ["item/started", "item/completed"] {
            let line = json!({"method": method, "params": {"item": item}}).to_string();
            for output in driver.line(&line) {
                let Output::Activity { activity, .. } = output else {
                    continue;
                };
                let length = serde_json::to_string(&activity).unwrap().len();
                assert!(length < 90_000, "{length} of {}", show_kind(&activity));
            }
        }
        let change = json!({"method": "item/started", "params": {"item": {"type": "fileChange", "id": "1", "changes": [{"path": huge, "diff": huge}]}}});
        driver.line(&change.to_string());
        for (id, method) in [
            (0, "item/fileChange/requestApproval"),
            (1, "item/commandExecution/requestApproval"),
            (2, "item/permissions/requestApproval"),
        ] {
            let params = json!({"itemId": "1", "command": huge, "reason": huge, "cwd": huge, "permissions": {"network": huge}});
            let outputs =
                driver.line(&json!({"method": method, "id": id, "params": params}).to_string());
            let Output::Ask(question) = &outputs[0] else {
                panic!("{method}")
            };
            assert!(
                serde_json::to_string(question).unwrap().len() < 50_000,
                "{method}"
            );
        }
    }
}

fn show_kind(activity: &Activity) -> String {
    show(&Output::Activity {
        parent: None,
        activity: activity.clone(),
    })
}

#[test]
fn what_is_asked_for_and_not_there_is_said() {
    let mut setup = setup(false, false);
    setup.max_turns = Some(4);
    let (start, mut driver) = baton_agents::codex(&setup).unwrap();
    assert_eq!(
        start.words,
        [
            "codex",
            "-c",
            "tools.update_plan={enabled=true}",
            "app-server"
        ]
    );
    assert!(
        matches!(&driver.begin()[0], Output::Activity { activity: Activity::Error { message }, .. } if message.contains("max_turns"))
    );
    setup.allow_tools = vec!["Read".into()];
    setup.permission = Permission::Plan;
    assert!(baton_agents::codex(&setup).is_err_and(|refused| refused.0.contains("tools")));
}

#[test]
fn words_that_come_too_late_for_a_turn_begin_the_next() {
    let mut driver = driver("app_server");
    driver.begin();
    let line = |driver: &mut dyn Driver, value: Value| driver.line(&value.to_string());
    line(
        &mut *driver,
        json!({"id": 1, "result": {"userAgent": "baton/0.169.0 (x)"}}),
    );
    line(
        &mut *driver,
        json!({"id": 2, "result": {"thread": {"id": "t"}, "model": "gpt-5.5"}}),
    );
    line(
        &mut *driver,
        json!({"id": 3, "result": {"turn": {"id": "one"}}}),
    );
    let tell = Order::Tell {
        message: 5,
        text: "[message 5] wait".into(),
        now: false,
    };
    let steered = driver.order(&tell);
    assert!(show(&steered[0]).contains("turn/steer"), "{steered:?}");
    let over = line(
        &mut *driver,
        json!({"method": "turn/completed", "params": {"threadId": "t", "turn": {"id": "one", "status": "completed"}}}),
    );
    assert!(matches!(over.last(), Some(Output::Turn(_))), "{over:?}");
    let late = line(
        &mut *driver,
        json!({"id": 4, "error": {"code": -32600, "message": "no active turn to steer"}}),
    );
    assert!(
        show(&late[0]).contains("turn/start") && late[1] == Output::Busy,
        "{late:?}"
    );
    line(
        &mut *driver,
        json!({"id": 5, "result": {"turn": {"id": "two"}}}),
    );
    let user =
        json!({"type": "userMessage", "id": "u", "clientId": "baton-message-5", "content": []});
    let taken = line(
        &mut *driver,
        json!({"method": "item/completed", "params": {"threadId": "t", "turnId": "two", "item": user}}),
    );
    assert_eq!(taken, [Output::Taken { message: 5 }]);
}
