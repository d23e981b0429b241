//! The driver against the real Codex and a scripted model server: part of `make test-agents`.
//! `BATON_RECORD` names a directory to write recordings into, with `BATON_NEUTRAL` (`from=to,…`) put in
//! place of this machine's paths.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod codex_session;

use std::path::PathBuf;
use std::process::Command;

use baton_agents::{FailureKind, Order, Output, Permission, Setup, Turn};
use baton_core::activity::{Activity, Answer, ToolStatus};
use baton_testkit::real::{Model, agent, models};
use codex_session::Session;
use serde_json::{Value, json};

struct World {
    directory: tempfile::TempDir,
    cwd: PathBuf,
    model: Model,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let cwd = directory.path().join("project");
        std::fs::create_dir_all(cwd.join("src")).unwrap();
        let app = "def greet(name):\n    return 'hello ' + name\n\nprint(greet('world'))\n";
        std::fs::write(cwd.join("src/app.py"), app).unwrap();
        let init = Command::new("git")
            .args(["init", "--quiet"])
            .current_dir(&cwd)
            .status();
        assert!(init.unwrap().success());
        let scenario = models().join("scenarios/codex.json");
        let home = directory.path().join("home");
        let model = Model::serve("codex", &scenario, &home, &[("cwd", cwd.to_str().unwrap())]);
        Self {
            directory,
            cwd,
            model,
        }
    }

    fn setup(&self, prompt: &str, permission: Permission) -> Setup {
        Setup {
            program: vec![agent("codex-native")],
            prompt: prompt.into(),
            permission,
            cwd: self.cwd.clone(),
            scratch: self.directory.path().into(),
            ..Setup::default()
        }
    }

    fn open(&self, setup: &Setup) -> Session {
        let (start, driver) = baton_agents::codex(setup).unwrap();
        Session::open(&start, driver, &setup.cwd, &self.model.env())
    }

    fn exec(&self, setup: &Setup) -> Session {
        let (start, driver) = baton_agents::codex_exec(setup, None).unwrap();
        Session::open(&start, driver, &setup.cwd, &self.model.env())
    }
}

fn keep(name: &str, session: Session) -> Vec<Output> {
    let (said, recording, exit) = session.finish();
    let Ok(directory) = std::env::var("BATON_RECORD") else {
        return said;
    };
    let lines: Vec<String> = recording.iter().map(Value::to_string).collect();
    let mut text = lines.join("\n") + "\n";
    for pair in std::env::var("BATON_NEUTRAL")
        .unwrap_or_default()
        .split(',')
    {
        if let Some((from, to)) = pair.split_once('=') {
            text = text.replace(from, to);
        }
    }
    std::fs::write(format!("{directory}/{name}.jsonl"), text).unwrap();
    println!("{name}: {:?}", exit.code.or(exit.signal));
    said
}

fn done(turn: &Turn) -> &str {
    match turn {
        Turn::Done { text, .. } => text,
        other => panic!("{other:?}"),
    }
}

fn busy_command(output: &Output) -> Option<()> {
    match output {
        Output::Activity {
            activity: Activity::ToolUse(tool),
            ..
        } => (tool.status == ToolStatus::Running).then_some(()),
        _ => None,
    }
}

#[test]
fn a_message_reaches_a_turn_at_work() {
    let world = World::new();
    let mut session = world.open(&world.setup("[[steer]] work", Permission::BypassPermissions));
    session.until(busy_command);
    session.order(Order::Tell {
        message: 7,
        text: "[message 7] go left".into(),
        now: false,
    });
    let taken = session.until(|output| match output {
        Output::Taken { message } => Some(*message),
        _ => None,
    });
    assert_eq!(taken, 7);
    assert_eq!(done(&session.turn()), "I heard: go left.");
    session.order(Order::Tell {
        message: 8,
        text: "[[simple]] another".into(),
        now: false,
    });
    assert_eq!(done(&session.turn()), "Hello from the mock model.");
    let said = keep("driver_steer", session);
    assert!(said.contains(&Output::Taken { message: 8 }));
}

#[test]
fn a_turn_is_interrupted_and_the_session_goes_on_in_another_process() {
    let world = World::new();
    let mut session = world.open(&world.setup("[[sleep]] long", Permission::BypassPermissions));
    session.until(busy_command);
    session.order(Order::Interrupt {});
    assert_eq!(session.turn(), Turn::Interrupted);
    session.order(Order::Ask {
        id: "1".into(),
        text: "[[simple]] again".into(),
    });
    assert_eq!(done(&session.turn()), "Hello from the mock model.");
    let id = session.session_id();
    keep("driver_interrupt", session);

    let mut again = world.setup("[[recall]] go on", Permission::BypassPermissions);
    again.resume = Some(id.clone());
    let mut session = world.open(&again);
    assert_eq!(done(&session.turn()), "The word was pelican.");
    assert_eq!(session.session_id(), id);
    let said = keep("driver_resume", session);
    let usage = said.iter().find_map(|output| match output {
        Output::Usage(usage) => Some(*usage),
        _ => None,
    });
    // The model server counts a quarter of the request's bytes: one request has about 10,000.
    assert!(usage.unwrap().tokens() < 16_000, "{usage:?}");

    again.fork = true;
    let mut session = world.open(&again);
    assert_eq!(done(&session.turn()), "The word was pelican.");
    assert_ne!(session.session_id(), id);
    keep("driver_fork", session);
}

#[test]
fn what_needs_an_approval_is_asked() {
    let world = World::new();
    let mut session = world.open(&world.setup("[[denied]] write", Permission::Default));
    let edit = session.question();
    session.answer(
        &edit,
        Answer::Approve {
            remember: false,
            message: None,
        },
    );
    let command = session.question();
    let message = Some("use another file".into());
    session.answer(&command, Answer::Reject { message });
    assert_eq!(done(&session.turn()), "I was not allowed to write.");
    let said = keep("driver_approvals", session);
    let denied = |output: &&Output| matches!(output, Output::Activity { activity: Activity::ToolUse(tool), .. } if tool.status == ToolStatus::Denied);
    assert_eq!(said.iter().filter(denied).count(), 1);
    assert_eq!(
        said.iter()
            .filter(|output| matches!(output, Output::Closed { .. }))
            .count(),
        2
    );
}

#[test]
fn the_tools_of_an_mcp_server_are_asked_for_and_the_yes_remembered() {
    let world = World::new();
    let mut with = world.setup("[[mcp]] one", Permission::Default);
    let script = models().join("mcp_engine.py");
    with.mcp.insert(
        "engine".into(),
        json!({"command": "python3", "args": [script], "env": {"A": "b"}}),
    );
    let mut session = world.open(&with);
    let question = session.question();
    session.answer(
        &question,
        Answer::Approve {
            remember: true,
            message: None,
        },
    );
    assert_eq!(done(&session.turn()), "Reported.");
    session.order(Order::Tell {
        message: 2,
        text: "[[mcp]] two".into(),
        now: false,
    });
    assert_eq!(done(&session.turn()), "Reported.");
    let said = keep("driver_mcp", session);
    assert_eq!(
        said.iter()
            .filter(|output| matches!(output, Output::Ask(_)))
            .count(),
        1
    );
    let mut session = world.exec(&Setup {
        permission: Permission::BypassPermissions,
        ..with
    });
    assert_eq!(done(&session.turn()), "Reported.");
    session.end();
}

#[test]
fn failures_have_names() {
    let world = World::new();
    for (tag, name) in [
        ("limit", "driver_limit"),
        ("quota", "driver_quota"),
        ("ctx", "driver_context"),
        ("err429", "driver_429"),
    ] {
        let mut session = world.open(&world.setup(&format!("[[{tag}]] x"), Permission::Plan));
        let Turn::Failed(failure) = session.turn() else {
            panic!("{tag}")
        };
        match tag {
            "limit" => assert!(
                matches!(failure.kind, FailureKind::UsageLimit { resets_at: Some(_) }),
                "{failure:?}"
            ),
            "quota" => assert_eq!(failure.kind, FailureKind::NoCredit),
            "ctx" => assert_eq!(failure.kind, FailureKind::ContextFull),
            _ => assert_eq!(failure.kind, FailureKind::Api { status: Some(429) }),
        }
        keep(name, session);
    }
    let mut lost = world.setup("x", Permission::Default);
    lost.resume = Some("01a1fabc-0000-7423-9185-7646e7a3c32b".into());
    let mut session = world.open(&lost);
    let Turn::Failed(failure) = session.turn() else {
        panic!()
    };
    assert_eq!(failure.kind, FailureKind::SessionLost);
    keep("driver_session_lost", session);
    let (said, ..) = world.exec(&lost).end();
    assert!(
        matches!(said.last(), Some(Output::Turn(Turn::Failed(f))) if f.kind == FailureKind::SessionLost),
        "{said:?}"
    );
}

#[test]
fn exec_works_and_takes_a_prompt_of_any_length() {
    let world = World::new();
    let mut setup = world.setup("[[json]] x", Permission::AcceptEdits);
    setup.system_prompt = Some("be \"brief\"\nand good".into());
    setup.output = Some(
        json!({"type": "object", "properties": {"answer": {"type": "number"}}, "required": ["answer"], "additionalProperties": false}),
    );
    let mut session = world.exec(&setup);
    assert_eq!(done(&session.turn()), "{\"answer\": 42}");
    let id = session.session_id();
    session.end();
    setup.resume = Some(id.clone());
    setup.prompt = format!("[[recall]] {}", "go on ".repeat(40_000));
    let mut session = world.exec(&setup);
    assert_eq!(done(&session.turn()), "The word was pelican.");
    assert_eq!(session.session_id(), id);
    session.end();
    setup.prompt = "[[sleep]] x".into();
    let mut session = world.exec(&setup);
    session.until(busy_command);
    session.order(Order::Interrupt {});
    let (said, ..) = session.end();
    assert_eq!(said.last(), Some(&Output::Turn(Turn::Interrupted)));
}

#[test]
fn a_schema_a_plan_and_a_directory_without_git_work() {
    let world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let mut setup = world.setup("[[json]] x", Permission::AcceptEdits);
    setup.cwd = directory.path().into();
    setup.max_turns = Some(3);
    setup.output = Some(
        json!({"type": "object", "properties": {"answer": {"type": "number"}}, "required": ["answer"], "additionalProperties": false}),
    );
    let mut session = world.open(&setup);
    assert_eq!(done(&session.turn()), "{\"answer\": 42}");
    session.order(Order::Ask {
        id: "again".into(),
        text: "[[todo]] plan and work".into(),
    });
    session.turn();
    let (said, ..) = session.finish();
    assert!(said.iter().any(|output| matches!(output, Output::Activity { activity: Activity::Todos { items }, .. } if items.len() == 3)));
}
