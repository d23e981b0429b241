//! Gemini CLI's JSON stream as recorded with 0.61.0, and its command lines.

#![allow(clippy::unwrap_used, reason = "all of it is for tests")]

mod lines;

use baton_agents::{Exit, Order, Output, Permission, Setup, Turn, gemini, gemini_stream};
use lines::{feed, recording, show};
use serde_json::Value;

fn setup() -> Setup {
    Setup {
        prompt: "-go".into(),
        system_prompt: Some("Be brief.".into()),
        model: Some("gemini-2.5-flash".into()),
        permission: Permission::AcceptEdits,
        cwd: "/workspace/project".into(),
        new_session: "11111111-2222-4333-8444-555555555555".into(),
        ..Setup::default()
    }
}

#[test]
fn every_recording_means_what_it_says() {
    let exits: Value = serde_json::from_str(&recording("gemini/exits.json")).unwrap();
    for (name, end) in exits.as_object().unwrap() {
        let number = |name: &str| end[name].as_i64().and_then(|n| i32::try_from(n).ok());
        let exit = Exit {
            code: number("code"),
            signal: number("signal"),
            stderr: end["stderr"].as_str().unwrap().into(),
            rest: String::new(),
        };
        let text = match name.as_str() {
            "err_no_key" | "resume_missing" => String::new(),
            _ => recording(&format!("gemini/{name}.jsonl")),
        };
        let play = || feed(&mut *gemini_stream(&setup()).unwrap().1, &text, &exit);
        let outputs = play();
        assert_eq!(outputs, play());
        insta::assert_snapshot!(name.as_str(), show(&outputs));
    }
}

#[test]
fn an_interrupt_is_a_signal_and_its_end_no_failure() {
    let mut driver = gemini_stream(&setup()).unwrap().1;
    driver.begin();
    assert_eq!(driver.order(&Order::Interrupt {}), [Output::Sigint]);
    let outputs = driver.ended(&Exit {
        code: Some(0),
        ..Exit::default()
    });
    assert_eq!(outputs.last(), Some(&Output::Turn(Turn::Interrupted)));
}

#[test]
fn it_is_started_as_it_was_measured() {
    let (start, _) = gemini(&setup()).unwrap();
    assert_eq!(start.words, ["gemini", "-m", "gemini-2.5-flash", "--acp"]);
    assert_eq!(start.env["GEMINI_CLI_NO_RELAUNCH"], "true");
    assert_eq!(start.env["GEMINI_CLI_TRUST_WORKSPACE"], "true");
    assert!(start.stdin && !start.stdout_to_file);

    let (start, _) = gemini_stream(&setup()).unwrap();
    assert_eq!(
        start.words[3..],
        [
            "--output-format",
            "stream-json",
            "--approval-mode",
            "auto_edit",
            "--session-id",
            "11111111-2222-4333-8444-555555555555",
            "--prompt=Be brief.\n\n-go",
        ]
    );
    assert!(!start.stdin && start.stdout_to_file);
    let resumed = Setup {
        resume: Some("r".into()),
        ..setup()
    };
    let (start, _) = gemini_stream(&resumed).unwrap();
    assert!(
        start
            .words
            .ends_with(&["--resume".into(), "r".into(), "--prompt=-go".into()])
    );

    let long = Setup {
        prompt: "x".repeat(200_000),
        ..setup()
    };
    let (start, mut driver) = gemini_stream(&long).unwrap();
    assert!(start.stdin && start.words.iter().all(|word| word.len() < 1_000));
    assert_eq!(driver.begin().last(), Some(&Output::CloseStdin));
    assert!(
        gemini(&Setup {
            max_turns: Some(3),
            ..setup()
        })
        .is_err()
    );
}
