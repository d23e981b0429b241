//! The fake agent of the Agent Client Protocol, driven by the real driver over pipes.

#![allow(clippy::unwrap_used, reason = "all of it is for tests")]

mod talk;

use std::path::PathBuf;

use baton_agents::{Driver, FailureKind, Order, Output, Permission, Setup, Turn, acp};
use baton_core::activity::{Activity, Answer, Asks, TodoStatus, ToolKind, ToolStatus};
use talk::{Talk, activities};

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn setup(&self, prompt: &str, permission: Permission) -> Setup {
        Setup {
            program: vec![env!("CARGO_BIN_EXE_fake-acp").into()],
            prompt: prompt.into(),
            permission,
            cwd: self.dir.path().into(),
            ..Setup::default()
        }
    }

    fn start_with(&self, setup: &Setup, env: &[(&str, &str)]) -> Talk {
        let (start, driver) = acp(setup).unwrap();
        Talk::start(&start, driver, self.dir.path(), env)
    }

    fn start(&self, setup: &Setup) -> Talk {
        self.start_with(setup, &[])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn fresh(setup: &Setup) -> Box<dyn Driver> {
    acp(setup).unwrap().1
}

fn done(text: &str) -> Turn {
    Turn::Done {
        text: text.into(),
        structured: None,
    }
}

fn kind(turn: Turn) -> FailureKind {
    match turn {
        Turn::Failed(failure) => failure.kind,
        other => panic!("not a failure: {other:?}"),
    }
}

#[test]
fn it_asks_before_it_acts_and_hears_both_answers() {
    let world = World::new();
    let prompt = "@say hello there\n@write a.txt some text\n@run touch b\n@answer all done";
    let setup = world.setup(prompt, Permission::Default);
    let mut talk = world.start(&setup);
    let question = talk.question();
    let Asks::Permission {
        tool, can_remember, ..
    } = &question.asks
    else {
        panic!("{question:?}");
    };
    assert_eq!((tool.as_str(), can_remember), ("write_file", &true));
    let answer = Answer::Approve {
        remember: false,
        message: None,
    };
    talk.order(Order::Answer {
        question: question.id,
        answer,
    });
    let question = talk.question();
    let answer = Answer::Reject {
        message: Some("not that".into()),
    };
    talk.order(Order::Answer {
        question: question.id.clone(),
        answer,
    });
    // A second answer to the same question says nothing.
    let answer = Answer::Approve {
        remember: true,
        message: None,
    };
    talk.order(Order::Answer {
        question: question.id,
        answer,
    });
    assert_eq!(talk.turn(), done("all done"));
    let outputs = talk.finish(fresh(&setup));
    assert_eq!(
        std::fs::read_to_string(world.path("a.txt")).unwrap(),
        "some text"
    );
    assert!(!world.path("b").exists());
    let ends: Vec<(ToolKind, ToolStatus)> = activities(&outputs)
        .iter()
        .filter_map(|activity| match activity {
            Activity::ToolUse(tool) => Some((tool.tool, tool.status)),
            _ => None,
        })
        .filter(|(_, status)| !matches!(status, ToolStatus::Pending | ToolStatus::Running))
        .collect();
    assert_eq!(
        ends,
        [
            (ToolKind::Edit, ToolStatus::Success),
            (ToolKind::Execute, ToolStatus::Denied)
        ]
    );
    let said = Activity::Message {
        text: "hello there".into(),
    };
    assert!(activities(&outputs).contains(&said), "{outputs:#?}");
}

#[test]
fn permissions_become_modes() {
    let world = World::new();
    let prompt = "@write a x\n@run touch b";
    let setup = world.setup(prompt, Permission::BypassPermissions);
    let mut talk = world.start(&setup);
    assert_eq!(talk.turn(), done(""));
    talk.finish(fresh(&setup));
    assert!(world.path("a").exists() && world.path("b").exists());

    let setup = world.setup("@write c x\n@run touch d", Permission::Plan);
    let mut talk = world.start(&setup);
    talk.turn();
    talk.finish(fresh(&setup));
    assert!(!world.path("c").exists() && !world.path("d").exists());

    let setup = world.setup("@write e x\n@run touch f", Permission::AcceptEdits);
    let mut talk = world.start(&setup);
    let question = talk.question();
    assert!(world.path("e").exists(), "{question:?}");
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    let outputs = talk.finish(fresh(&setup));
    assert!(outputs.contains(&Output::Closed {
        question: question.id
    }));
    assert!(!world.path("f").exists());
}

#[test]
fn it_is_interrupted_while_it_waits_and_goes_on() {
    let world = World::new();
    let setup = world.setup("@say waiting\n@wait never", Permission::Default);
    let mut talk = world.start(&setup);
    talk.until("text", |output| match output {
        Output::Activity {
            activity: Activity::MessageDelta { .. },
            ..
        } => Some(()),
        _ => None,
    });
    // Words while it works do not reach it.
    let words = |message, text: &str| Order::Tell {
        message,
        text: text.into(),
        now: true,
    };
    talk.order(words(7, "@say lost"));
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    talk.order(words(8, "@say heard"));
    assert_eq!(talk.turn(), done("heard"));
    talk.order(Order::Ask {
        id: "schema-1".into(),
        text: "@answer {}".into(),
    });
    assert_eq!(talk.turn(), done("{}"));
    let outputs = talk.finish(fresh(&setup));
    assert!(outputs.contains(&Output::Taken { message: 8 }));
    assert!(!outputs.contains(&Output::Taken { message: 7 }));
}

#[test]
fn a_session_goes_on_in_a_new_process_and_its_history_is_not_told_again() {
    let world = World::new();
    let mut setup = world.setup("@say one\n@spend 10 5 0.25", Permission::Default);
    setup.system_prompt = Some("You are @say from above".into());
    let mut talk = world.start(&setup);
    let session = talk.session();
    assert_eq!(talk.turn(), done("one"));
    talk.order(Order::Ask {
        id: "2".into(),
        text: "@spend 1 1 0.25".into(),
    });
    talk.turn();
    let outputs = talk.finish(fresh(&setup));
    let usage = outputs.iter().rev().find_map(|output| match output {
        Output::Usage(usage) => Some(*usage),
        _ => None,
    });
    let usage = usage.unwrap();
    assert_eq!(
        (usage.input, usage.output, usage.cost_usd),
        (11, 6, Some(0.5))
    );

    setup.resume = Some(session.clone());
    setup.prompt = "@say two".into();
    let mut talk = world.start(&setup);
    assert_eq!(talk.session(), session);
    assert_eq!(talk.turn(), done("two"));
    let outputs = talk.finish(fresh(&setup));
    assert!(
        !format!("{outputs:?}").contains("answered before"),
        "{outputs:#?}"
    );

    setup.resume = Some("fake-acp-0-0".into());
    let mut talk = world.start(&setup);
    let failure = talk.until("failure", |output| match output {
        Output::Fatal(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.kind, FailureKind::SessionLost);
    let outputs = talk.finish(fresh(&setup));
    assert_eq!(outputs.last(), Some(&Output::Turn(Turn::Failed(failure))));

    setup.resume = Some(session);
    let mut talk = world.start_with(&setup, &[("FAKE_ACP_NO_LOAD", "1")]);
    talk.until("loss", |output| match output {
        Output::Fatal(failure) => (failure.kind == FailureKind::SessionLost).then_some(()),
        _ => None,
    });
}

#[test]
fn failures_have_names() {
    let world = World::new();
    for (act, expected) in [
        ("@fail login", FailureKind::NotLoggedIn),
        ("@fail key", FailureKind::BadKey),
        ("@fail credit", FailureKind::NoCredit),
        ("@fail context", FailureKind::ContextFull),
        ("@fail model", FailureKind::UnknownModel),
        ("@fail turns", FailureKind::MaxTurns),
        ("@fail refused", FailureKind::Refused),
        ("@fail api", FailureKind::Api { status: Some(500) }),
        ("@limit 60", FailureKind::UsageLimit { resets_at: None }),
    ] {
        let setup = world.setup(act, Permission::Default);
        let mut talk = world.start(&setup);
        assert_eq!(kind(talk.turn()), expected, "{act}");
        let outputs = talk.finish(fresh(&setup));
        let limited = outputs.contains(&Output::Limited { resets_at: None });
        assert_eq!(limited, act.starts_with("@limit"), "{act}");
    }
    for act in ["@say x\n@crash", "@garble"] {
        let setup = world.setup(act, Permission::Default);
        let outputs = world.start(&setup).end(fresh(&setup));
        let Some(Output::Turn(turn)) = outputs.last() else {
            panic!("{outputs:#?}");
        };
        assert_eq!(kind(turn.clone()), FailureKind::NoResult, "{act}");
    }
    let setup = world.setup("", Permission::Default);
    let mut talk = world.start_with(&setup, &[("FAKE_ACP_LOGGED_OUT", "1")]);
    let failure = talk.until("failure", |output| match output {
        Output::Fatal(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.kind, FailureKind::NotLoggedIn);
    assert!(
        failure.message.contains("fake-login"),
        "{}",
        failure.message
    );
}

#[test]
fn it_says_its_todos_plans_thoughts_and_subagents() {
    let world = World::new();
    let prompt = "@think hm\n@todo a|b\n@doing 1\n@done 1\n@plan do it\n@subagent looked\n@big 200000\n@answer ok";
    let setup = world.setup(prompt, Permission::Default);
    let mut talk = world.start(&setup);
    let question = talk.question();
    assert_eq!(
        question.asks,
        Asks::Plan {
            plan: "do it".into()
        }
    );
    let answer = Answer::Approve {
        remember: false,
        message: None,
    };
    talk.order(Order::Answer {
        question: question.id,
        answer,
    });
    let turn = talk.turn();
    let outputs = talk.finish(fresh(&setup));
    assert!(matches!(turn, Turn::Done { text, .. } if text.ends_with("xxok")));
    let lists: Vec<Vec<TodoStatus>> = activities(&outputs)
        .iter()
        .filter_map(|activity| match activity {
            Activity::Todos { items } => Some(items.iter().map(|item| item.status).collect()),
            _ => None,
        })
        .collect();
    use TodoStatus::{Completed, InProgress, Pending};
    assert_eq!(
        lists,
        [
            [Pending, Pending],
            [InProgress, Pending],
            [Completed, Pending]
        ]
    );
    let from_within = outputs.iter().any(|output| {
        let Output::Activity { parent, activity } = output else {
            return false;
        };
        parent.is_some()
            && *activity
                == (Activity::Message {
                    text: "looked".into(),
                })
    });
    assert!(from_within, "{outputs:#?}");
    let thought = Activity::Thinking { text: "hm".into() };
    assert!(activities(&outputs).contains(&thought));
}

#[test]
fn a_model_is_set_or_refused() {
    let world = World::new();
    let mut setup = world.setup("@say x", Permission::Default);
    setup.model = Some("fake-small".into());
    let mut talk = world.start(&setup);
    assert_eq!(talk.turn(), done("x"));
    let outputs = talk.finish(fresh(&setup));
    assert!(format!("{outputs:?}").contains("session/set_model"));
}
