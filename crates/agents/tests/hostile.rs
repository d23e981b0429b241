//! Whatever an agent prints: no driver panics, and the same lines give the same outputs.

#![allow(clippy::unwrap_used, reason = "all of it is for tests")]

mod lines;

use baton_agents::{Driver, Exit, Order, Output, Setup, acp, command, gemini, gemini_stream};
use baton_core::activity::{Activity, Answer};
use lines::recording;
use serde_json::Value;

/// SplitMix64: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        usize::try_from(z % most.max(1) as u64).unwrap()
    }
}

type Make = fn(&Setup) -> Box<dyn Driver>;

const MAKERS: [Make; 5] = [
    |setup| acp(setup).unwrap().1,
    |setup| gemini(setup).unwrap().1,
    |setup| gemini_stream(setup).unwrap().1,
    |setup| command(setup).unwrap().1,
    |setup| {
        let resume = Some("old".into());
        acp(&Setup {
            resume,
            ..setup.clone()
        })
        .unwrap()
        .1
    },
];

fn setup() -> Setup {
    Setup {
        program: vec!["agent".into()],
        prompt: "go".into(),
        cwd: "/workspace/project".into(),
        ..Setup::default()
    }
}

/// All the agents' lines of the recordings.
fn corpus() -> Vec<String> {
    let mut all = Vec::new();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    for agent in ["acp", "gemini"] {
        let mut names: Vec<_> = std::fs::read_dir(format!("{root}/{agent}"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".jsonl"))
            .collect();
        names.sort();
        for name in names {
            for line in recording(&format!("{agent}/{name}")).lines() {
                let wrapped: Option<Value> = serde_json::from_str(line).ok();
                let message = wrapped.and_then(|value| value.get("msg").cloned());
                all.push(message.map_or(line.to_owned(), |message| message.to_string()));
            }
        }
    }
    all.retain(|line| line.len() < 20_000);
    all
}

/// Feeds lines and orders in between; gives what came out.
fn run(driver: &mut dyn Driver, lines: &[String], seed: u64) -> Vec<Output> {
    let mut dice = Dice(seed);
    let mut outputs = driver.begin();
    for line in lines {
        outputs.extend(driver.line(line));
        let text = String::from("x");
        let question = match outputs.iter().rev().find_map(|output| match output {
            Output::Ask(question) => Some(question.id.clone()),
            _ => None,
        }) {
            Some(question) => question,
            None => "none".into(),
        };
        let order = match dice.roll(40) {
            0 => Order::Interrupt {},
            1 => Order::Tell {
                message: 1,
                text,
                now: true,
            },
            2 => Order::Ask {
                id: "a".into(),
                text,
            },
            3 => Order::Answer {
                question,
                answer: Answer::Reject { message: None },
            },
            4..8 => {
                let answer = Answer::Approve {
                    remember: true,
                    message: None,
                };
                Order::Answer { question, answer }
            }
            8 => Order::Finish {},
            _ => continue,
        };
        outputs.extend(driver.order(&order));
    }
    let rest = lines.last().cloned().unwrap_or_default();
    outputs.extend(driver.ended(&Exit {
        code: Some(1),
        rest,
        ..Exit::default()
    }));
    outputs.extend(driver.ended(&Exit::default()));
    let _ = driver.capabilities();
    outputs
}

fn both(lines: &[String], seed: u64) {
    for make in MAKERS {
        let first = run(&mut *make(&setup()), lines, seed);
        let second = run(&mut *make(&setup()), lines, seed);
        assert!(first == second, "seed {seed}: a replay gives other outputs");
    }
}

fn damaged(line: &str, dice: &mut Dice) -> String {
    let at = dice.roll(line.len() + 1);
    let at = (0..=at)
        .rev()
        .find(|at| line.is_char_boundary(*at))
        .unwrap();
    let (head, tail) = line.split_at(at);
    match dice.roll(4) {
        0 => head.into(),
        1 => tail.into(),
        2 => format!(
            "{head}{}{tail}",
            ["null", "{", "\"", "1e999", "\u{0}", "[]"][dice.roll(6)]
        ),
        _ => line.into(),
    }
}

#[test]
fn shuffled_and_damaged_lines_break_nothing() {
    let corpus = corpus();
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let lines: Vec<String> = (0..200)
            .map(|_| {
                let line = &corpus[dice.roll(corpus.len())];
                damaged(line, &mut dice)
            })
            .collect();
        both(&lines, seed);
    }
}

/// A value in which any field may be anything.
fn twisted(value: &Value, dice: &mut Dice) -> Value {
    if dice.roll(12) == 0 {
        let any = [
            "null",
            "true",
            "-1",
            "0.5",
            "\"\"",
            "\"x\"",
            "[]",
            "{}",
            "[[null]]",
            "{\"type\":7}",
        ];
        return serde_json::from_str(any[dice.roll(any.len())]).unwrap();
    }
    match value {
        Value::Array(items) => items.iter().map(|item| twisted(item, dice)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), twisted(field, dice)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn fields_of_any_type_break_nothing() {
    let corpus: Vec<Value> = corpus()
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let start = dice.roll(corpus.len());
        let lines: Vec<String> = corpus
            .iter()
            .cycle()
            .skip(start)
            .take(150)
            .map(|value| twisted(value, &mut dice).to_string())
            .collect();
        both(&lines, seed);
    }
}

#[test]
fn recordings_cut_anywhere_break_nothing() {
    let corpus = corpus();
    let mut dice = Dice(7);
    for seed in 0..60 {
        let start = dice.roll(corpus.len());
        let mut lines: Vec<String> = corpus.iter().skip(start).take(60).cloned().collect();
        if let Some(last) = lines.last_mut() {
            *last = damaged(last, &mut dice);
        }
        both(&lines, seed);
    }
}

#[test]
fn deep_and_long_lines_are_taken() {
    let deep = "[".repeat(1_000) + &"]".repeat(1_000);
    let objects = "{\"a\":".repeat(1_000) + "1" + &"}".repeat(1_000);
    let long = "x".repeat(5 << 20);
    let chunk = |update: &str| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{{\"update\":{update}}}}}"
        )
    };
    let content = format!("{{\"type\":\"text\",\"text\":\"{long}\"}}");
    let content = format!("[{{\"type\":\"content\",\"content\":{content}}}]");
    let ready = [
        r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}"#.to_owned(),
    ];
    let lines: Vec<String> = ready
        .into_iter()
        .chain([
            deep.clone(),
            objects,
            long.clone(),
            chunk(&format!("{{\"sessionUpdate\":\"agent_message_chunk\",\"content\":{{\"type\":\"text\",\"text\":\"{long}\"}}}}")),
            chunk(&format!("{{\"sessionUpdate\":\"tool_call\",\"toolCallId\":\"t\",\"status\":\"completed\",\"title\":\"{long}\",\"content\":{content}}}")),
            chunk(&format!("{{\"sessionUpdate\":\"plan\",\"entries\":{deep}}}")),
            format!("{{\"type\":\"tool_use\",\"tool_name\":\"replace\",\"tool_id\":\"t\",\"parameters\":{{\"old_string\":\"a\",\"new_string\":\"{long}\"}}}}"),
            format!("{{\"type\":\"tool_result\",\"tool_id\":\"t\",\"status\":\"success\",\"output\":\"{long}\"}}"),
        ])
        .collect();
    both(&lines, 1);
    for make in MAKERS {
        let outputs = run(&mut *make(&setup()), &lines, 1);
        for output in outputs {
            if let Output::Activity {
                activity: Activity::ToolUse(tool),
                ..
            } = output
            {
                assert!(tool.output.unwrap_or_default().len() <= 4 << 10);
                assert!(tool.diff.unwrap_or_default().len() <= 64 << 10);
                assert!(tool.title.len() <= 1 << 10);
            }
        }
    }
}

#[test]
fn a_line_of_an_unknown_kind_is_kept_as_unknown() {
    let unknown = |make: Make, line: &str| {
        let mut driver = make(&setup());
        driver.begin();
        match driver.line(line).as_slice() {
            [
                Output::Activity {
                    activity: Activity::Unknown { what },
                    ..
                },
            ] => what.clone(),
            other => panic!("{line}: {other:?}"),
        }
    };
    assert_eq!(
        unknown(MAKERS[0], r#"{"jsonrpc":"2.0","method":"x/y"}"#),
        "x/y"
    );
    assert_eq!(unknown(MAKERS[0], r#"{"type":"surprise"}"#), "surprise");
    assert_eq!(
        unknown(
            MAKERS[0],
            r#"{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"new_thing"}}}"#
        ),
        "new_thing"
    );
    assert_eq!(unknown(MAKERS[2], r#"{"type":"surprise"}"#), "surprise");
    assert_eq!(unknown(MAKERS[2], "plain words"), "not JSON");
}
