//! Plain commands.

#![allow(clippy::unwrap_used, reason = "all of it is for tests")]

use baton_agents::{Exit, FailureKind, Output, Permission, Setup, Turn, command};

fn setup(prompt: &str) -> Setup {
    Setup {
        program: vec!["tr".into(), "a".into(), "b".into()],
        prompt: prompt.into(),
        ..Setup::default()
    }
}

fn last(outputs: &[Output]) -> &Turn {
    match outputs.last() {
        Some(Output::Turn(turn)) => turn,
        other => panic!("no turn: {other:?}"),
    }
}

#[test]
fn the_answer_is_what_it_printed() {
    let (start, mut driver) = command(&setup("the prompt")).unwrap();
    assert_eq!(start.env["BATON_PROMPT"], "the prompt");
    assert!(start.stdin);
    let text = Output::Send {
        id: "prompt".into(),
        text: "the prompt".into(),
    };
    assert_eq!(driver.begin()[1..], [text, Output::CloseStdin]);
    driver.line("one");
    driver.line("");
    driver.line("two");
    let exit = Exit {
        code: Some(0),
        rest: "end".into(),
        ..Exit::default()
    };
    let outputs = driver.ended(&exit);
    let done = Turn::Done {
        text: "one\n\ntwo\nend".into(),
        structured: None,
    };
    assert_eq!(last(&outputs), &done);
    assert!(driver.ended(&exit).is_empty());
}

#[test]
fn a_long_answer_is_its_end_and_a_long_prompt_no_variable() {
    let (start, mut driver) = command(&setup(&"p".repeat(200_000))).unwrap();
    assert!(start.env.is_empty());
    for n in 0..50_000 {
        driver.line(&format!("line {n}"));
    }
    let outputs = driver.ended(&Exit {
        code: Some(0),
        ..Exit::default()
    });
    let Turn::Done { text, .. } = last(&outputs) else {
        panic!("{outputs:?}");
    };
    assert!(text.len() <= 64 << 10 && text.ends_with("line 49999"));
}

#[test]
fn an_exit_code_is_a_failure_in_its_last_words() {
    let mut driver = command(&setup("x")).unwrap().1;
    let stderr = "first\nno such file\n\n".into();
    let outputs = driver.ended(&Exit {
        code: Some(3),
        stderr,
        ..Exit::default()
    });
    let Turn::Failed(failure) = last(&outputs) else {
        panic!("{outputs:?}");
    };
    assert_eq!(failure.kind, FailureKind::Other);
    assert_eq!(failure.message, "exit code 3: no such file");
}

#[test]
fn what_a_command_cannot_be_told_is_refused() {
    let refused = |setup: Setup| command(&setup).err().unwrap().0;
    let setup = || setup("x");
    let plan = Permission::Plan;
    assert!(
        refused(Setup {
            permission: plan,
            ..setup()
        })
        .contains("permission: plan")
    );
    assert!(
        refused(Setup {
            model: Some("m".into()),
            ..setup()
        })
        .contains("model")
    );
    assert!(
        refused(Setup {
            max_turns: Some(1),
            ..setup()
        })
        .contains("turns")
    );
    assert!(
        refused(Setup {
            program: vec![],
            ..setup()
        })
        .contains("command:<command>")
    );
}
