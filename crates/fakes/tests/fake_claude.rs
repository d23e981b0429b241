//! The fake Claude Code, spoken with over pipes through Baton's own driver for the real one.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "claude_talk/mod.rs"]
mod talk;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use baton_agents::{FailureKind, Order, Output, Permission, Setup, Turn, claude};
use baton_core::activity::{Activity, Answer, Asks, TodoStatus, ToolStatus};
use talk::{Talk, failure, last_turn, setup, usage};

const FAKE: &str = env!("CARGO_BIN_EXE_fake-claude");
const SESSION: &str = "6aa640d2-4b08-4d7b-93c6-aa9433fa324c";

struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn setup(&self, prompt: &str) -> Setup {
        setup(FAKE, self.0.path(), prompt, SESSION)
    }

    fn start(&self, setup: &Setup) -> Talk {
        let home = self.path("home");
        let home = home.to_str().expect("a path");
        let env = [("FAKE_AGENT_HOME", home), ("IS_SANDBOX", "1")];
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

fn no(reason: &str) -> Answer {
    Answer::Reject {
        message: Some(reason.into()),
    }
}

fn reply(talk: &mut Talk, answer: Answer) {
    let question = talk.question().id;
    talk.order(Order::Answer { question, answer });
}

fn tool_statuses(outputs: &[Output], name: &str) -> Vec<ToolStatus> {
    let shown = outputs.iter().filter_map(|output| match output {
        Output::Activity {
            activity: Activity::ToolUse(tool),
            ..
        } if tool.name == name => Some(tool.status),
        _ => None,
    });
    shown.collect()
}

#[test]
fn it_says_its_version_as_the_real_one() {
    let output = Command::new(FAKE).arg("--version").output().expect("a run");
    assert_eq!(output.stdout, b"2.1.329 (Claude Code)\n");
    let output = Command::new(FAKE)
        .arg("--new-flag")
        .output()
        .expect("a run");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn it_thinks_says_and_answers() {
    let world = World::new();
    let mut talk = world.talk("@think hm\n@say one\n@spend 10 20 0.5\n@answer two");
    assert_eq!(talk.answer(), "two");
    talk.order(Order::Ask {
        id: "again".into(),
        text: "@spend 1 2 0.25\n@say three".into(),
    });
    assert_eq!(talk.answer(), "three");
    let outputs = talk.finish();
    let sums = usage(&outputs);
    assert_eq!((sums.input, sums.output), (11, 22));
    assert_eq!((sums.cost_usd, sums.estimate), (Some(0.75), false));
    let kept = outputs.iter().find_map(|output| match output {
        Output::Session { id, transcript } if id == SESSION => transcript.as_deref(),
        _ => None,
    });
    // Where the real one would keep it.
    let kept = kept.expect("its transcript is named");
    let home = world.path("home");
    assert!(
        kept.starts_with(&format!("{}/projects/", home.display())),
        "{kept}"
    );
    assert!(kept.ends_with(&format!("/{SESSION}.jsonl")), "{kept}");
}

#[test]
fn it_asks_before_it_writes_and_heeds_the_answer() {
    let world = World::new();
    let mut talk = world.talk("@write a.txt one\n@write b.txt two\n@answer done");
    reply(&mut talk, yes());
    reply(&mut talk, no("not that one"));
    assert_eq!(talk.answer(), "done");
    let outputs = talk.finish();
    assert_eq!(std::fs::read_to_string(world.path("a.txt")).unwrap(), "one");
    assert!(!world.path("b.txt").exists());
    use ToolStatus::{Denied, Pending, Running, Success};
    let expected = [Running, Pending, Running, Success, Running, Pending, Denied];
    assert_eq!(tool_statuses(&outputs, "Write"), expected);
}

#[test]
fn a_yes_can_be_remembered_for_the_session() {
    let world = World::new();
    let mut talk = world.talk("@run touch x\n@run touch x\n@run touch y\n@answer done");
    let question = talk.question();
    assert!(matches!(
        question.asks,
        Asks::Permission {
            can_remember: true,
            ..
        }
    ));
    let remember = Answer::Approve {
        remember: true,
        message: Some("@say thanks".into()),
    };
    talk.order(Order::Answer {
        question: question.id,
        answer: remember,
    });
    reply(&mut talk, no("no more"));
    assert_eq!(talk.answer(), "done");
    let outputs = talk.finish();
    assert!(world.path("x").exists() && !world.path("y").exists());
    let said = |words: &str| {
        outputs.iter().any(|output| match output {
            Output::Activity {
                activity: Activity::Message { text },
                ..
            } => text == words,
            _ => false,
        })
    };
    assert!(said("thanks"), "the words of the approval did not arrive");
}

#[test]
fn modes_and_lists_of_tools_are_heeded() {
    let world = World::new();
    let prompt = "@write a.txt x\n@run touch b\n@answer done";
    let plan = Setup {
        permission: Permission::Plan,
        ..world.setup(prompt)
    };
    let outputs = world.run(&plan);
    assert_eq!(
        tool_statuses(&outputs, "Write").last(),
        Some(&ToolStatus::Denied)
    );
    let all = Setup {
        permission: Permission::BypassPermissions,
        deny_tools: vec!["Write".into()],
        sandboxed: true,
        new_session: "second".into(),
        ..plan
    };
    let outputs = world.run(&all);
    assert_eq!(
        tool_statuses(&outputs, "Write").last(),
        Some(&ToolStatus::Denied)
    );
    assert_eq!(
        tool_statuses(&outputs, "Bash").last(),
        Some(&ToolStatus::Success)
    );
    assert!(world.path("b").exists() && !world.path("a.txt").exists());
}

#[test]
fn it_asks_to_choose_and_puts_plans_forward() {
    let world = World::new();
    let mut talk = world.talk("@choose Which?|Red|Blue\n@plan 1. Paint");
    let question = talk.question();
    assert!(matches!(&question.asks, Asks::Choices { items } if items[0].options.len() == 2));
    let answers = BTreeMap::from([("Which?".into(), vec!["Blue".into()])]);
    talk.order(Order::Answer {
        question: question.id,
        answer: Answer::Choices { answers },
    });
    let question = talk.question();
    assert_eq!(
        question.asks,
        Asks::Plan {
            plan: "1. Paint".into()
        }
    );
    talk.order(Order::Answer {
        question: question.id,
        answer: yes(),
    });
    assert_eq!(talk.answer(), "Blue");
    talk.finish();
}

fn tell(talk: &mut Talk, message: u32, text: &str, now: bool) {
    talk.order(Order::Tell {
        message,
        text: format!("[message {message}]\n{text}"),
        now,
    });
}

#[test]
fn a_message_is_taken_in_the_middle_of_its_work() {
    let world = World::new();
    let mut talk = world.talk("@wait go\n@answer done");
    talk.activity(|activity| matches!(activity, Activity::ToolUse(_)).then_some(()));
    tell(&mut talk, 7, "@say noted", false);
    talk.until(|output| (*output == Output::Taken { message: 7 }).then_some(()));
    talk.activity(|activity| match activity {
        Activity::Message { text } if text == "noted" => Some(()),
        _ => None,
    });
    std::fs::write(world.path("go"), "").unwrap();
    assert_eq!(talk.answer(), "done");
    let outputs = talk.finish();
    let turns = outputs
        .iter()
        .filter(|output| matches!(output, Output::Turn(_)));
    assert_eq!(turns.count(), 1);
}

#[test]
fn a_message_for_now_displaces_the_turn_and_is_answered() {
    let world = World::new();
    let mut talk = world.talk("@wait never\n@answer old");
    talk.activity(|activity| matches!(activity, Activity::ToolUse(_)).then_some(()));
    tell(&mut talk, 1, "@answer new", true);
    assert_eq!(talk.answer(), "new");
    let outputs = talk.finish();
    let taken = outputs
        .iter()
        .filter(|output| matches!(output, Output::Taken { message: 1 }));
    assert_eq!(taken.count(), 1);
    let turns = outputs
        .iter()
        .filter(|output| matches!(output, Output::Turn(_)));
    assert_eq!(turns.count(), 1, "the displaced turn was told as an end");
}

#[test]
fn an_interrupt_ends_the_turn_and_keeps_the_session() {
    let world = World::new();
    let mut talk = world.talk("@run echo $$ > pid; sleep 600\n@answer never");
    reply(&mut talk, yes());
    talk.activity(|activity| match activity {
        Activity::ToolUse(tool) if tool.status == ToolStatus::Running => Some(()),
        _ => None,
    });
    // What waits is given up with the turn, and was not taken.
    tell(&mut talk, 3, "@say late", false);
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    talk.order(Order::Ask {
        id: "on".into(),
        text: "@answer on we go".into(),
    });
    assert_eq!(talk.answer(), "on we go");
    let outputs = talk.finish();
    assert_eq!(
        tool_statuses(&outputs, "Bash").last(),
        Some(&ToolStatus::Failed)
    );
    assert!(!outputs.contains(&Output::Busy), "{outputs:#?}");
}

#[test]
fn an_interrupt_closes_the_question() {
    let world = World::new();
    let mut talk = world.talk("@write a.txt x");
    let question = talk.question().id;
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    let outputs = talk.finish();
    assert!(outputs.contains(&Output::Closed { question }));
}

#[test]
fn a_usage_limit_is_met_once_and_the_session_goes_on() {
    let world = World::new();
    let setup = world.setup("@spend 10 10 0.5\n@limit 3600\n@answer done");
    let mut talk = world.start(&setup);
    let resets_at = talk.until(|output| match output {
        Output::Limited { resets_at } => Some(*resets_at),
        _ => None,
    });
    assert!(resets_at.is_some());
    let outputs = talk.finish();
    assert_eq!(
        failure(&outputs).kind,
        FailureKind::UsageLimit { resets_at }
    );
    let again = Setup {
        resume: Some(SESSION.into()),
        scratch: world.path("2"),
        ..setup
    };
    let outputs = world.run(&again);
    assert!(matches!(last_turn(&outputs), Turn::Done { text, .. } if text == "done"));
    // Of this attempt alone.
    assert_eq!(usage(&outputs).cost_usd, Some(0.5));
}

#[test]
fn a_crash_is_no_result() {
    let world = World::new();
    let outputs = world.talk("@say hi\n@crash").end();
    assert_eq!(failure(&outputs).kind, FailureKind::NoResult);
    let garbled = Setup {
        new_session: "second".into(),
        ..world.setup("@garble")
    };
    let outputs = world.start(&garbled).end();
    assert!(failure(&outputs).message.contains("breaks off"));
}

#[test]
fn sessions_are_found_kept_apart_and_forked() {
    let world = World::new();
    let setup = world.setup("@answer one");
    world.run(&setup);
    let outputs = world.start(&setup).end();
    assert_eq!(failure(&outputs).kind, FailureKind::SessionInUse);
    let lost = Setup {
        resume: Some("nowhere".into()),
        ..setup.clone()
    };
    let outputs = world.start(&lost).end();
    assert_eq!(failure(&outputs).kind, FailureKind::SessionLost);
    let fork = Setup {
        resume: Some(SESSION.into()),
        fork: true,
        new_session: "forked".into(),
        scratch: Path::new("/scratch/2").into(),
        ..setup
    };
    let outputs = world.run(&fork);
    let forked = |output: &Output| matches!(output, Output::Session { id, .. } if id == "forked");
    assert!(outputs.iter().any(forked));
}

#[test]
fn failures_are_told_by_their_names() {
    let kinds = [
        ("login", FailureKind::NotLoggedIn),
        ("key", FailureKind::BadKey),
        ("credit", FailureKind::NoCredit),
        ("model", FailureKind::UnknownModel),
        ("context", FailureKind::ContextFull),
        ("turns", FailureKind::MaxTurns),
        ("refused", FailureKind::Refused),
        ("api", FailureKind::Api { status: Some(500) }),
    ];
    for (word, kind) in kinds {
        let outputs = World::new().talk(&format!("@fail {word}")).finish();
        assert_eq!(failure(&outputs).kind, kind, "{word}");
    }
    let world = World::new();
    let budget = Setup {
        budget_usd: Some(1.0),
        ..world.setup("@spend 1 1 2\n@answer done")
    };
    assert_eq!(failure(&world.run(&budget)).kind, FailureKind::Budget);
}

#[test]
fn a_refused_key_is_told_at_once() {
    let world = World::new();
    let mut talk = world.talk("@retry 401");
    let failure = talk.until(|output| match output {
        Output::Fatal(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.kind, FailureKind::BadKey);
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    talk.finish();
}

#[test]
fn todos_sub_agents_files_and_schemas_are_told() {
    let world = World::new();
    std::fs::write(world.path("in.txt"), "text\n").unwrap();
    let prompt = "@todo a|b\n@doing 1\n@done 1\n@read in.txt\n@subagent I looked\n\
                  @once made @say first\n@big 100000\n@answer {\"n\": 1}";
    let setup = Setup {
        output: Some(serde_json::json!({"type": "object"})),
        ..world.setup(prompt)
    };
    let outputs = world.run(&setup);
    let todos = outputs.iter().rev().find_map(|output| match output {
        Output::Activity {
            activity: Activity::Todos { items },
            ..
        } => Some(items.iter().map(|item| item.status).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(
        todos,
        Some(vec![TodoStatus::Completed, TodoStatus::Pending])
    );
    let by_sub_agent = outputs.iter().any(|output| match output {
        Output::Activity {
            parent: Some(_),
            activity: Activity::Message { text },
        } => text == "I looked",
        _ => false,
    });
    assert!(by_sub_agent);
    let Turn::Done { structured, .. } = last_turn(&outputs) else {
        panic!("not done");
    };
    assert_eq!(structured, &Some(serde_json::json!({"n": 1})));
    assert!(world.path("made").exists());
}
