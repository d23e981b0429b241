//! The fake Codex, driven over pipes by the real driver, does as the real one.

#![allow(clippy::unwrap_used)]

#[path = "../../agents/tests/codex_session/mod.rs"]
mod codex_session;

use std::path::Path;
use std::process::Command;

use baton_agents::{FailureKind, Order, Output, Permission, Setup, Turn};
use baton_core::activity::{Activity, Answer, Asks, TodoStatus, ToolStatus, ToolUse};
use codex_session::Session;

const FAKE: &str = env!("CARGO_BIN_EXE_fake-codex");

fn setup(directory: &Path, prompt: &str) -> Setup {
    Setup {
        program: vec![FAKE.into()],
        prompt: prompt.into(),
        cwd: directory.into(),
        scratch: directory.into(),
        ..Setup::default()
    }
}

fn open(setup: &Setup) -> Session {
    let (start, driver) = baton_agents::codex(setup).unwrap();
    Session::open(&start, driver, &setup.cwd, &[])
}

fn done(text: &str) -> Turn {
    Turn::Done {
        text: text.into(),
        structured: None,
    }
}

fn tools(said: &[Output]) -> Vec<&ToolUse> {
    let tool = |output| match output {
        &Output::Activity {
            activity: Activity::ToolUse(ref tool),
            ..
        } => Some(&**tool),
        _ => None,
    };
    said.iter().filter_map(tool).collect()
}

fn tell(message: u32, text: &str) -> Order {
    Order::Tell {
        message,
        text: text.into(),
        now: false,
    }
}

#[test]
fn it_names_its_version() {
    let output = Command::new(FAKE).arg("--version").output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "codex-cli 0.169.0\n"
    );
}

#[test]
fn edits_and_commands_are_asked_for_and_done_or_declined() {
    let at = tempfile::tempdir().unwrap();
    let mut session = open(&setup(
        at.path(),
        "@write a.txt hello\n@write b.txt no\n@run echo out; exit 3\n@answer ready",
    ));
    for (yes, tool) in [
        (true, "apply_patch"),
        (false, "apply_patch"),
        (true, "exec_command"),
    ] {
        let question = session.question();
        assert!(
            matches!(&question.asks, Asks::Permission { tool: t, .. } if t == tool),
            "{question:?}"
        );
        let answer = if yes {
            Answer::Approve {
                remember: false,
                message: None,
            }
        } else {
            Answer::Reject {
                message: Some("not that one".into()),
            }
        };
        session.answer(&question, answer);
    }
    assert_eq!(session.turn(), done("ready"));
    let (said, _, exit) = session.finish();
    assert_eq!(exit.code, Some(0));
    assert_eq!(
        std::fs::read_to_string(at.path().join("a.txt")).unwrap(),
        "hello\n"
    );
    assert!(!at.path().join("b.txt").exists());
    let ended: Vec<ToolStatus> = tools(&said)
        .iter()
        .map(|tool| tool.status)
        .filter(|s| *s != ToolStatus::Running)
        .collect();
    assert_eq!(
        ended,
        [ToolStatus::Success, ToolStatus::Denied, ToolStatus::Failed]
    );
    let last = tools(&said).pop().unwrap().clone();
    assert_eq!(
        (
            last.exit_code,
            last.output.as_deref(),
            last.command.as_deref()
        ),
        (Some(3), Some("out\n"), Some("echo out; exit 3"))
    );
    assert_eq!(
        said.iter()
            .filter(|output| matches!(output, Output::Closed { .. }))
            .count(),
        3
    );
}

#[test]
fn a_yes_is_remembered_and_no_permission_asks_nothing() {
    let at = tempfile::tempdir().unwrap();
    let mut session = open(&setup(at.path(), "@write a x\n@write b y\n@run true"));
    let question = session.question();
    session.answer(
        &question,
        Answer::Approve {
            remember: true,
            message: None,
        },
    );
    assert_eq!(session.turn(), done("Done."));
    session.finish();
    for (permission, exists) in [
        (Permission::BypassPermissions, true),
        (Permission::Plan, false),
    ] {
        let name = format!("{permission:?}");
        let setup = Setup {
            permission,
            ..setup(at.path(), &format!("@write {name} x"))
        };
        let mut session = open(&setup);
        assert_eq!(session.turn(), done("Done."));
        session.finish();
        assert_eq!(at.path().join(name).exists(), exists);
    }
}

#[test]
fn words_reach_a_turn_that_waits_and_begin_one_when_none_does() {
    let at = tempfile::tempdir().unwrap();
    let mut session = open(&setup(
        at.path(),
        "@todo one|two\n@doing 1\n@wait go\n@done 1",
    ));
    session.until(|output| match output {
        Output::Activity {
            activity: Activity::Todos { items },
            ..
        } => (items[0].status == TodoStatus::InProgress).then_some(()),
        _ => None,
    });
    session.order(tell(7, "@say left then"));
    session.until(|output| (*output == Output::Taken { message: 7 }).then_some(()));
    std::fs::write(at.path().join("go"), "").unwrap();
    assert_eq!(session.turn(), done("left then"));
    session.order(tell(8, "@answer more"));
    assert_eq!(session.turn(), done("more"));
    let (said, ..) = session.finish();
    assert!(said.contains(&Output::Taken { message: 8 }));
}

#[test]
fn an_interrupt_ends_the_command_and_keeps_the_session() {
    let at = tempfile::tempdir().unwrap();
    let mut setup = setup(at.path(), "@spend 100 10 0\n@run echo $$ > pid; sleep 600");
    setup.permission = Permission::BypassPermissions;
    let mut session = open(&setup);
    session.until(|output| match output {
        Output::Activity {
            activity: Activity::ToolUse(_),
            ..
        } => Some(()),
        _ => None,
    });
    session.order(Order::Interrupt {});
    assert_eq!(session.turn(), Turn::Interrupted);
    session.order(Order::Ask {
        id: "1".into(),
        text: "@answer going on".into(),
    });
    assert_eq!(session.turn(), done("going on"));
    let id = session.session_id();
    session.finish();
    let pid = std::fs::read_to_string(at.path().join("pid")).unwrap_or_default();
    assert!(pid.is_empty() || !Path::new("/proc").join(pid.trim()).exists());

    for (fork, same) in [(false, true), (true, false)] {
        let again = Setup {
            resume: Some(id.clone()),
            fork,
            prompt: "@spend 5 1 0".into(),
            ..setup.clone()
        };
        let mut session = open(&again);
        assert_eq!(session.turn(), done("Done."));
        assert_eq!(session.session_id() == id, same);
        let (said, ..) = session.finish();
        let usage = said.iter().find_map(|output| match output {
            Output::Usage(usage) => Some(usage.tokens()),
            _ => None,
        });
        assert_eq!(usage, Some(6), "only what this attempt used");
    }
}

#[test]
fn failures_are_as_the_real_ones() {
    let at = tempfile::tempdir().unwrap();
    let fails = |prompt: &str| {
        let mut session = open(&setup(at.path(), prompt));
        let turn = session.turn();
        let (said, ..) = session.finish();
        match turn {
            Turn::Failed(failure) => (failure.kind, said),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fails("@fail key").0, FailureKind::BadKey);
    assert_eq!(fails("@fail login").0, FailureKind::NotLoggedIn);
    assert_eq!(fails("@fail credit").0, FailureKind::NoCredit);
    assert_eq!(fails("@fail model").0, FailureKind::UnknownModel);
    assert_eq!(fails("@fail context").0, FailureKind::ContextFull);
    assert_eq!(fails("@fail refused").0, FailureKind::Refused);
    assert_eq!(fails("@fail api").0, FailureKind::Api { status: Some(500) });
    assert_eq!(fails("@fail so").0, FailureKind::Other);
    let (kind, said) = fails("@limit 60");
    assert!(
        matches!(kind, FailureKind::UsageLimit { resets_at: Some(_) }),
        "{kind:?}"
    );
    assert!(
        said.iter()
            .any(|output| matches!(output, Output::Limited { resets_at: Some(_) }))
    );
}

#[test]
fn a_limit_is_met_once_and_a_lost_session_said() {
    let at = tempfile::tempdir().unwrap();
    let first = setup(at.path(), "@limit 1\n@answer through");
    let mut session = open(&first);
    assert!(matches!(session.turn(), Turn::Failed(_)));
    let id = session.session_id();
    session.finish();
    let mut session = open(&Setup {
        resume: Some(id),
        ..first.clone()
    });
    assert_eq!(session.turn(), done("through"));
    session.finish();
    let mut session = open(&Setup {
        resume: Some("gone".into()),
        ..first
    });
    assert!(
        matches!(session.turn(), Turn::Failed(failure) if failure.kind == FailureKind::SessionLost)
    );
    session.finish();
}

#[test]
fn a_crash_or_half_a_line_is_no_result() {
    let at = tempfile::tempdir().unwrap();
    for prompt in ["@say hm\n@crash", "@garble"] {
        let (said, _, exit) = open(&setup(at.path(), prompt)).end();
        assert_eq!(exit.code, Some(0));
        assert!(
            matches!(said.last(), Some(Output::Turn(Turn::Failed(f))) if f.kind == FailureKind::NoResult),
            "{said:?}"
        );
    }
}

#[test]
fn retries_go_on_until_they_are_interrupted() {
    let at = tempfile::tempdir().unwrap();
    let mut session = open(&setup(at.path(), "@retry 529"));
    let status = session.until(|output| match output {
        Output::Activity {
            activity: Activity::ApiRetry {
                attempt: 2, status, ..
            },
            ..
        } => Some(*status),
        _ => None,
    });
    assert_eq!(status, Some(529));
    session.order(Order::Interrupt {});
    assert_eq!(session.turn(), Turn::Interrupted);
    session.finish();
}

#[test]
fn choices_and_sub_agents_are_told() {
    let at = tempfile::tempdir().unwrap();
    let mut session = open(&setup(
        at.path(),
        "@subagent looking\n@think hm\n@plan do it\n@choose Which?|Red|Blue",
    ));
    let question = session.question();
    let Asks::Choices { items } = &question.asks else {
        panic!("{question:?}")
    };
    assert_eq!(items[0].options.len(), 2);
    let answers = [("Which?".to_owned(), vec!["Blue".to_owned()])].into();
    session.answer(&question, Answer::Choices { answers });
    assert_eq!(session.turn(), done("You chose: Blue"));
    let (said, ..) = session.finish();
    let child = |output: &Output| matches!(output, Output::Activity { parent: Some(_), activity: Activity::Message { text } } if text == "looking");
    assert!(said.iter().any(child), "{said:?}");
    assert!(said.iter().any(|output| matches!(
        output,
        Output::Activity {
            activity: Activity::Plan { .. },
            ..
        }
    )));
}

#[test]
fn exec_says_the_same_in_fewer_words() {
    let at = tempfile::tempdir().unwrap();
    let mut setup = setup(
        at.path(),
        "@todo a|b\n@done 1\n@write f x\n@run echo hi\n@spend 10 2 0\n@answer fine",
    );
    setup.permission = Permission::AcceptEdits;
    let run = |setup: &Setup| {
        let (start, driver) = baton_agents::codex_exec(setup, None).unwrap();
        Session::open(&start, driver, &setup.cwd, &[])
    };
    let session = run(&setup);
    let (said, ..) = session.end();
    assert!(said.contains(&Output::Turn(done("fine"))), "{said:?}");
    assert_eq!(tools(&said).last().unwrap().output.as_deref(), Some("hi\n"));
    let id = said.iter().find_map(|output| match output {
        Output::Session { id, .. } => Some(id.clone()),
        _ => None,
    });
    setup.resume = id;
    setup.prompt = "@spend 1 1 0\n@fail api".into();
    let (said, ..) = run(&setup).end();
    assert!(
        matches!(said.last(), Some(Output::Turn(Turn::Failed(f))) if f.kind == FailureKind::Api { status: Some(500) }),
        "{said:?}"
    );
    setup.resume = Some("gone".into());
    let (said, _, exit) = run(&setup).end();
    assert_eq!(exit.code, Some(1));
    assert!(
        matches!(said.last(), Some(Output::Turn(Turn::Failed(f))) if f.kind == FailureKind::SessionLost),
        "{said:?}"
    );
}
