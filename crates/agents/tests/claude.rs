//! Claude Code's recordings through its driver. `recordings/claude/` are those of 2.1.329 (and two of
//! 2.1.197) against a scripted model server; a snapshot each. `*.talk.jsonl` are talks of Baton's driver with 2.1.329,
//! orders included, written down by `baton-fakes`' `real_claude` tests.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod claude_support;

use baton_agents::{Driver, Exit, Order, Output, Setup, claude};
use baton_core::activity::{Activity, Answer};
use claude_support::{Recording, line, names, talked, talks, told};

/// What a host says, by recording and output.
fn react(name: &str) -> impl FnMut(&Output) -> Vec<Order> + use<> {
    let name = name.to_owned();
    let mut asked = 0;
    let mut turns = 0;
    move |output| {
        let interrupt = matches!(
            output,
            Output::Activity {
                activity: Activity::ToolUse(_),
                ..
            }
        );
        if name == "stdin_interrupt" && interrupt && turns == 0 {
            turns += 1;
            return vec![Order::Interrupt {}];
        }
        match output {
            Output::Ask(question) => {
                asked += 1;
                let answer = if asked == 1 {
                    Answer::Approve {
                        remember: false,
                        message: None,
                    }
                } else {
                    let message = Some("engine denied this command".into());
                    Answer::Reject { message }
                };
                let question = question.id.clone();
                vec![Order::Answer { question, answer }]
            }
            Output::Turn(_) if name == "stdin_two_turns" || name == "stdin_interrupt" => {
                turns += 1;
                let ask = Order::Ask {
                    id: turns.to_string(),
                    text: "go on".into(),
                };
                let last = if name == "stdin_interrupt" { 3 } else { 2 };
                if turns < last {
                    vec![ask]
                } else {
                    vec![Order::Finish {}]
                }
            }
            _ => Vec::new(),
        }
    }
}

fn snapshots() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/claude");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind_to_scope()
}

#[test]
fn a_talk_is_told_as_it_was() {
    let _guard = snapshots();
    for name in talks() {
        let lines: Vec<String> = talked(&name).iter().map(line).collect();
        insta::assert_snapshot!(format!("talk-{name}"), lines.join("\n"));
    }
}

#[test]
fn a_recording_is_told_as_it_was() {
    let _guard = snapshots();
    for name in names() {
        let outputs = told(&Recording::read(&name), &mut react(&name));
        let lines: Vec<String> = outputs.iter().map(line).collect();
        insta::assert_snapshot!(name, lines.join("\n"));
    }
}

#[test]
fn the_same_lines_and_orders_give_the_same_outputs_again() {
    for name in names() {
        let recording = Recording::read(&name);
        let once = told(&recording, &mut react(&name));
        assert_eq!(once, told(&recording, &mut react(&name)), "{name}");
        let mut ids: Vec<&str> = once
            .iter()
            .filter_map(|output| match output {
                Output::Send { id, .. } => Some(id.as_str()),
                _ => None,
            })
            .collect();
        let sends = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), sends, "{name}: an id was used twice");
    }
}

#[test]
fn every_recording_ends_its_last_turn_once() {
    for name in names() {
        let outputs = told(&Recording::read(&name), &mut react(&name));
        let mut open = true;
        for output in &outputs {
            match output {
                Output::Turn(_) => assert!(std::mem::replace(&mut open, false), "{name}: twice"),
                Output::Busy => open = true,
                Output::Send { id, .. } if id.starts_with("ask-") => open = true,
                _ => {}
            }
        }
        assert!(!open, "{name}: no end");
    }
}

/// A small generator, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }
}

fn feed(lines: &[String], dice: &mut Dice) {
    let setup = Setup {
        resume: (dice.roll(2) == 0).then(|| "s".into()),
        ..Setup::default()
    };
    let mut driver: Box<dyn Driver> = claude(&setup).unwrap().1;
    driver.begin();
    let mut asked = Vec::new();
    for line in lines {
        for output in driver.line(line) {
            check(&output);
            if let Output::Ask(question) = output {
                asked.push(question.id);
            }
        }
        let order = match dice.roll(12) {
            0 => Order::Interrupt {},
            1 => Order::Tell {
                message: 1,
                text: "[message 1] ü".into(),
                now: true,
            },
            2 => Order::Finish {},
            3 => Order::Answer {
                question: asked.pop().unwrap_or_default(),
                answer: Answer::Choices {
                    answers: [("q".into(), vec![])].into(),
                },
            },
            _ => continue,
        };
        driver.order(&order).iter().for_each(check);
    }
    let exit = Exit {
        rest: lines.first().cloned().unwrap_or_default(),
        ..Exit::default()
    };
    driver.ended(&exit).iter().for_each(check);
}

/// The bounds of `activity.rs`.
fn check(output: &Output) {
    if let Output::Activity {
        activity: Activity::ToolUse(tool),
        ..
    } = output
    {
        assert!(
            tool.output
                .as_ref()
                .is_none_or(|text| text.len() <= 4 << 10)
        );
        assert!(tool.diff.as_ref().is_none_or(|text| text.len() <= 64 << 10));
        assert!(tool.title.len() <= 1 << 10);
    }
}

#[test]
fn no_line_can_make_it_panic() {
    let mut dice = Dice(0x5eed);
    let recordings: Vec<Vec<String>> = names()
        .iter()
        .map(|name| Recording::read(name).lines)
        .collect();
    let all: Vec<&String> = recordings.iter().flatten().collect();
    for lines in &recordings {
        // Shuffled, with lines of others among them, and cut anywhere.
        for _ in 0..4 {
            let mut lines = lines.clone();
            for at in 0..lines.len() {
                let other = dice.roll(lines.len());
                lines.swap(at, other);
                if dice.roll(4) == 0 {
                    lines[at].clone_from(all[dice.roll(all.len())]);
                }
                if dice.roll(6) == 0 {
                    let mut cut = dice.roll(lines[at].len() + 1);
                    while !lines[at].is_char_boundary(cut) {
                        cut -= 1;
                    }
                    lines[at].truncate(cut);
                }
            }
            feed(&lines, &mut dice);
        }
        // Values of the wrong kind in the right places.
        for _ in 0..4 {
            let wrong = |line: &String| wrong(line, &mut dice);
            let lines: Vec<String> = lines.iter().map(wrong).collect();
            feed(&lines, &mut dice);
        }
    }
}

fn wrong(line: &str, dice: &mut Dice) -> String {
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(line) else {
        return line.to_owned();
    };
    replace(&mut value, dice);
    value.to_string()
}

fn replace(value: &mut serde_json::Value, dice: &mut Dice) {
    use serde_json::{Value, json};
    if dice.roll(25) == 0 {
        let huge = u64::MAX;
        let others = [
            Value::Null,
            json!(true),
            json!(-1.5e300),
            json!(huge),
            json!("ü…\u{0}"),
            json!([]),
            json!([null, 1, "x", {"type": "tool_result"}]),
            json!({}),
        ];
        value.clone_from(&others[dice.roll(others.len())]);
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, dice)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, dice)),
        _ => {}
    }
}

#[test]
fn odd_lines_are_unknown_and_long_ones_are_bounded() {
    let what = |line: &str| {
        let outputs = claude(&Setup::default()).unwrap().1.line(line);
        match &outputs[..] {
            [
                Output::Activity {
                    activity: Activity::Unknown { what },
                    ..
                },
            ] => what.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(what("nonsense"), "not a JSON object");
    assert_eq!(what("[1]"), "not a JSON object");
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    assert_eq!(what(&deep), "not a JSON object");
    assert_eq!(what(&format!("{{\"type\":{deep}}}")), "not a JSON object");
    assert_eq!(what("{}"), "no type");
    assert_eq!(what(r#"{"type":"new_thing"}"#), "new_thing");
    assert_eq!(what(r#"{"type":"system","subtype":"new"}"#), "system/new");

    let mut driver = claude(&Setup::default()).unwrap().1;
    let long = "ü".repeat(2_500_000);
    let begun = serde_json::json!({"type": "assistant", "message": {"id": "m", "content": [
        {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": long}}]}});
    let ended = serde_json::json!({"type": "user", "message": {"content": [
        {"type": "tool_result", "tool_use_id": "t", "content": long, "is_error": true}]}});
    for line in [begun, ended] {
        let outputs = driver.line(&line.to_string());
        assert!(!outputs.is_empty());
        outputs.iter().for_each(check);
    }
}
