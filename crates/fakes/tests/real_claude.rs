//! The real Claude Code through Baton's driver, against a scripted model server on loopback: part of
//! `make test-agents`. With `BATON_TALK=1` it prints every output, with `BATON_RECORD` (a directory) it
//! writes its talks down for the tests of `baton-agents`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "claude_talk/mod.rs"]
mod talk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baton_agents::{FailureKind, Order, Output, Permission, Setup, Turn, claude};
use baton_core::activity::{Activity, Answer, Asks, TodoStatus, ToolStatus};
use baton_testkit::real::{Model, agent, models};
use talk::{Talk, failure, last_turn, setup, usage};

struct World {
    directory: tempfile::TempDir,
    model: Model,
}

const SESSION: &str = "6aa640d2-4b08-4d7b-93c6-aa9433fa324c";
const SECOND: &str = "ca6ebc95-2f96-4c64-8407-37f4d14a8f83";

impl World {
    fn new() -> Self {
        Self::with(&models().join("scenarios/claude.json"))
    }

    fn with(scenario: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let project = directory.path().join("project");
        std::fs::create_dir_all(project.join("src")).expect("a project");
        let program = "def greet(name):\n    return 'hello ' + name\n\nprint(greet('world'))\n";
        std::fs::write(project.join("src/app.py"), program).expect("a file");
        let cwd = project.to_str().expect("a path");
        let model = Model::serve("claude", scenario, directory.path(), &[("cwd", cwd)]);
        Self { directory, model }
    }

    fn project(&self) -> PathBuf {
        self.directory.path().join("project")
    }

    fn setup(&self, prompt: &str) -> Setup {
        let program = agent("claude");
        let mut setup = setup(&program, &self.project(), prompt, SESSION);
        // Not there: only servers need it.
        setup.scratch = "/workspace/scratch".into();
        setup
    }

    fn start(&self, setup: &Setup) -> Talk {
        Talk::start(claude, setup, &self.model.env())
    }

    /// With a login in the place of a key.
    fn log_in(&self, setup: &Setup) -> Talk {
        let login = [
            ("ANTHROPIC_API_KEY", ""),
            ("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-fake-dummy"),
        ];
        let env: Vec<_> = self.model.env().into_iter().chain(login).collect();
        Talk::start(claude, setup, &env)
    }

    fn talk(&self, prompt: &str) -> Talk {
        self.start(&self.setup(prompt))
    }

    fn run(&self, setup: &Setup) -> Vec<Output> {
        let mut talk = self.start(setup);
        talk.turn();
        talk.finish()
    }
}

fn yes() -> Answer {
    Answer::Approve {
        remember: false,
        message: None,
    }
}

fn reply(talk: &mut Talk, answer: Answer) {
    let question = talk.question().id;
    talk.order(Order::Answer { question, answer });
}

fn tell(talk: &mut Talk, message: u32, text: &str, now: bool) {
    talk.order(Order::Tell {
        message,
        text: format!("[message {message}] {text}"),
        now,
    });
}

fn running(talk: &mut Talk) {
    talk.activity(|activity| match activity {
        Activity::ToolUse(tool) if tool.status == ToolStatus::Running => Some(()),
        _ => None,
    });
}

fn turns(outputs: &[Output]) -> usize {
    let turns = outputs
        .iter()
        .filter(|output| matches!(output, Output::Turn(_)));
    turns.count()
}

fn knows_all(outputs: &[Output]) {
    for output in outputs {
        if let Output::Activity {
            activity: Activity::Unknown { what },
            ..
        } = output
        {
            panic!("an unknown line: {what}");
        }
    }
}

#[test]
fn it_answers_and_goes_on_in_turns_processes_and_forks() {
    let world = World::new();
    let setup = world.setup("[[remember]] the word pelican");
    let mut talk = world.start(&setup);
    assert_eq!(talk.answer(), "I will remember the word pelican.");
    talk.order(Order::Ask {
        id: "1".into(),
        text: "[[recall]] which word?".into(),
    });
    assert_eq!(talk.answer(), "The word was pelican.");
    let outputs = talk.finish();
    knows_all(&outputs);
    let transcript = outputs.iter().find_map(|output| match output {
        Output::Session { id, transcript } if id == SESSION => transcript.clone(),
        _ => None,
    });
    assert!(Path::new(&transcript.expect("a transcript")).exists());
    let first = usage(&outputs);
    assert!(first.cost_usd.expect("a cost") > 0.0 && !first.estimate);

    let resumed = Setup {
        resume: Some(SESSION.into()),
        prompt: "[[recall]] again".into(),
        scratch: "/workspace/scratch/2".into(),
        ..setup.clone()
    };
    let outputs = world.run(&resumed);
    assert!(
        matches!(last_turn(&outputs), Turn::Done { text, .. } if text == "The word was pelican.")
    );
    let second = usage(&outputs);
    assert!(second.input < first.input, "{second:?} holds {first:?}");
    assert!(
        second.cost_usd < first.cost_usd,
        "{second:?} holds {first:?}"
    );

    let forked = Setup {
        fork: true,
        new_session: SECOND.into(),
        ..resumed
    };
    let outputs = world.run(&forked);
    let is_second = |output: &Output| matches!(output, Output::Session { id, .. } if id == SECOND);
    assert!(outputs.iter().any(is_second));

    let outputs = world.start(&setup).end();
    assert_eq!(failure(&outputs).kind, FailureKind::SessionInUse);
    let lost = Setup {
        resume: Some("7b1f4ef4-d85e-472c-b1ec-9f77cb70db2c".into()),
        ..setup
    };
    assert_eq!(
        failure(&world.start(&lost).end()).kind,
        FailureKind::SessionLost
    );
}

#[test]
fn it_asks_and_heeds_the_answer() {
    let world = World::new();
    let mut talk = world.talk("[[denied]] write");
    reply(&mut talk, yes());
    let reason = Some("not that one".to_owned());
    reply(&mut talk, Answer::Reject { message: reason });
    assert_eq!(talk.answer(), "I was not allowed to write.");
    let outputs = talk.finish();
    knows_all(&outputs);
    assert!(world.project().join("NEW.md").exists());
    assert!(!world.project().join("created-by-bash.txt").exists());
    let denied = outputs.iter().any(|output| match output {
        Output::Activity {
            activity: Activity::ToolUse(tool),
            ..
        } => tool.status == ToolStatus::Denied && tool.output.as_deref() == Some("not that one"),
        _ => false,
    });
    assert!(denied);
}

#[test]
fn a_yes_is_remembered_and_its_words_arrive() {
    let world = World::new();
    let mut talk = world.talk("[[denied]] write");
    let answer = Answer::Approve {
        remember: true,
        message: Some("[[second]] and be quick".into()),
    };
    reply(&mut talk, answer);
    assert_eq!(talk.answer(), "I saw your second message too.");
    let outputs = talk.finish();
    assert_eq!(turns(&outputs), 1);
    assert!(
        !world.project().join(".claude").exists(),
        "it wrote into the project"
    );
}

#[test]
fn it_asks_to_choose_and_puts_plans_forward() {
    let world = World::new();
    let mut talk = world.talk("[[ask]] me");
    let answers = BTreeMap::from([("Which colour?".into(), vec!["Blue".into()])]);
    reply(&mut talk, Answer::Choices { answers });
    assert!(talk.answer().contains("\"Which colour?\"=\"Blue\""));
    knows_all(&talk.finish());
    let plan = Setup {
        permission: Permission::Plan,
        new_session: SECOND.into(),
        ..world.setup("[[plan]] it")
    };
    let mut talk = world.start(&plan);
    let question = talk.question();
    assert_eq!(
        question.asks,
        Asks::Plan {
            plan: "1. Read\n2. Change\n3. Run".into()
        }
    );
    talk.order(Order::Answer {
        question: question.id,
        answer: yes(),
    });
    talk.answer();
    knows_all(&talk.finish());
}

#[test]
fn a_message_joins_the_turn() {
    let world = World::new();
    let setup = Setup {
        allow_tools: vec!["Bash".into()],
        ..world.setup("[[sleep3]] start")
    };
    let mut talk = world.start(&setup);
    running(&mut talk);
    tell(&mut talk, 7, "[[second]] note this", false);
    talk.until(|output| (*output == Output::Taken { message: 7 }).then_some(()));
    assert_eq!(talk.answer(), "I saw your second message too.");
    let outputs = talk.finish();
    knows_all(&outputs);
    assert_eq!(turns(&outputs), 1);
}

#[test]
fn a_message_for_now_and_one_too_late_for_the_turn_are_answered() {
    let world = World::new();
    for (now, session) in [(true, SESSION), (false, SECOND)] {
        let setup = Setup {
            new_session: session.into(),
            ..world.setup("[[slowtext]] x")
        };
        let mut talk = world.start(&setup);
        talk.activity(|activity| matches!(activity, Activity::TurnStarted {}).then_some(()));
        tell(&mut talk, 1, "[[second]] note this", now);
        assert_eq!(talk.answer(), "I saw your second message too.");
        let outputs = talk.finish();
        knows_all(&outputs);
        assert_eq!(turns(&outputs), 1);
        assert!(outputs.contains(&Output::Taken { message: 1 }));
    }
}

#[test]
fn an_interrupt_ends_the_turn_and_keeps_the_session() {
    let world = World::new();
    let setup = Setup {
        allow_tools: vec!["Bash".into()],
        ..world.setup("[[sleep]] long")
    };
    let mut talk = world.start(&setup);
    running(&mut talk);
    tell(&mut talk, 2, "[[second]] given up", false);
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    talk.order(Order::Ask {
        id: "1".into(),
        text: "[[recall]] which word?".into(),
    });
    assert_eq!(talk.answer(), "The word was pelican.");
    let outputs = talk.finish();
    knows_all(&outputs);
    assert!(!outputs.contains(&Output::Taken { message: 2 }));

    // Before the first turn has begun, and while it asks.
    let setup = Setup {
        new_session: SECOND.into(),
        ..world.setup("[[denied]] write")
    };
    let mut talk = world.start(&setup);
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    talk.order(Order::Ask {
        id: "1".into(),
        text: "[[denied]] write".into(),
    });
    let question = talk.question().id;
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    let outputs = talk.finish();
    knows_all(&outputs);
    assert!(outputs.contains(&Output::Closed { question }));
}

#[test]
fn a_turn_ends_when_its_sub_agents_have() {
    let world = World::new();
    let mut talk = world.talk("[[sub]] look");
    assert_eq!(talk.answer(), "(script ended)");
    let outputs = talk.finish();
    knows_all(&outputs);
    assert_eq!(turns(&outputs), 1);
    let by_sub_agent = |output: &Output| {
        matches!(
            output,
            Output::Activity {
                parent: Some(_),
                ..
            }
        )
    };
    assert!(outputs.iter().any(by_sub_agent));
}

#[test]
fn todos_schemas_prompts_and_servers_are_taken() {
    let world = World::new();
    let todo = Setup {
        permission: Permission::AcceptEdits,
        allow_tools: ["Read", "Edit", "Bash(python3 *)"].map(String::from).into(),
        system_prompt: Some("- be kind".into()),
        max_turns: Some(50),
        budget_usd: Some(100.0),
        ..world.setup("[[todo]] plan and work")
    };
    let outputs = world.run(&todo);
    knows_all(&outputs);
    let todos = outputs.iter().rev().find_map(|output| match output {
        Output::Activity {
            activity: Activity::Todos { items },
            ..
        } => Some(items.iter().map(|item| item.status).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(todos, Some(vec![TodoStatus::Completed; 3]));

    let schema = serde_json::json!({"type": "object", "required": ["answer"],
        "properties": {"answer": {"type": "number"}}});
    let setup = Setup {
        output: Some(schema),
        new_session: SECOND.into(),
        ..world.setup("[[json]] x")
    };
    let outputs = world.run(&setup);
    let answer = serde_json::json!({"answer": 42});
    assert!(
        matches!(last_turn(&outputs), Turn::Done { structured, .. } if *structured == Some(answer))
    );

    let script = models().join("mcp_engine.py");
    let server = serde_json::json!({"command": "python3", "args": [script]});
    let setup = Setup {
        mcp: BTreeMap::from([("engine".into(), server)]),
        allow_tools: vec!["mcp__engine__report".into()],
        scratch: world.directory.path().into(),
        new_session: "bf37c05d-238d-42e8-a78b-ec1017e79566".into(),
        ..world.setup("[[mcp]] report")
    };
    let outputs = world.run(&setup);
    knows_all(&outputs);
    let reported = outputs.iter().any(|output| match output {
        Output::Activity {
            activity: Activity::ToolUse(tool),
            ..
        } => tool.name == "mcp__engine__report" && tool.status == ToolStatus::Success,
        _ => false,
    });
    assert!(reported);
}

#[test]
fn failures_are_told_by_their_names() {
    let world = World::new();
    let mut talk = world.talk("[[err401]] x");
    let failed = talk.until(|output| match output {
        Output::Fatal(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failed.kind, FailureKind::BadKey);
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    talk.finish();
    let sessions = [
        SECOND,
        "bf37c05d-238d-42e8-a78b-ec1017e79566",
        "e9b64ee7-ace8-43c9-b829-abcb762a6d31",
    ];
    let prompts = [
        ("[[credit]] x", None, FailureKind::NoCredit),
        ("[[err400long]] x", None, FailureKind::ContextFull),
        ("[[loop]] x", Some(2), FailureKind::MaxTurns),
    ];
    for ((prompt, max_turns, kind), session) in prompts.into_iter().zip(sessions) {
        let setup = Setup {
            max_turns,
            allow_tools: vec!["Bash".into()],
            new_session: session.into(),
            ..world.setup(prompt)
        };
        let outputs = world.run(&setup);
        knows_all(&outputs);
        assert_eq!(failure(&outputs).kind, kind);
    }
}

#[test]
fn a_usage_limit_is_told_with_its_reset() {
    let directory = tempfile::tempdir().expect("a directory");
    let scenario = directory.path().join("limit.json");
    let headers = serde_json::json!({
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": "1795300000",
        "anthropic-ratelimit-unified-representative-claim": "five_hour",
        "anthropic-ratelimit-unified-5h-status": "rejected",
        "anthropic-ratelimit-unified-5h-reset": "1795300000",
        "anthropic-ratelimit-unified-5h-utilization": "1.0",
        "x-should-retry": "false"});
    let error = serde_json::json!({"status": 429, "type": "rate_limit_error", "message": "no more",
        "headers": headers});
    let scripts = serde_json::json!({"scripts": [{"match": ".", "turns": [{"error": error}]}]});
    std::fs::write(&scenario, scripts.to_string()).expect("a scenario");
    let world = World::with(&scenario);
    let mut talk = world.log_in(&world.setup("work"));
    let resets_at = talk.until(|output| match output {
        Output::Limited { resets_at } => Some(*resets_at),
        _ => None,
    });
    talk.turn();
    let outputs = talk.finish();
    knows_all(&outputs);
    assert_eq!(resets_at.map(|at| at.millis()), Some(1_795_300_000_000));
    assert_eq!(
        failure(&outputs).kind,
        FailureKind::UsageLimit { resets_at }
    );
}

#[test]
fn a_login_may_be_renewed_once_before_it_is_bad() {
    let world = World::new();
    let mut talk = world.log_in(&world.setup("[[err401]] x"));
    let failed = talk.until(|output| match output {
        Output::Fatal(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failed.kind, FailureKind::BadKey);
    let retries = talk.outputs.iter().filter(|output| match output {
        Output::Activity { activity, .. } => matches!(activity, Activity::ApiRetry { .. }),
        _ => false,
    });
    assert_eq!(retries.count(), 2);
    talk.turn();
    talk.finish();
}
