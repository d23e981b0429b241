//! The drivers against the real Gemini CLI and claude-agent-acp, in front of the scripted model servers
//! of the recordings: part of `make test-agents`.

#![allow(clippy::unwrap_used, reason = "all of it is for tests")]

mod talk;

use std::path::PathBuf;
use std::process::Command;

use baton_agents::{
    Driver, FailureKind, Order, Output, Permission, Setup, Turn, acp, gemini, gemini_stream,
};
use baton_core::activity::{Activity, Answer};
use baton_testkit::real::{Model, agent, models};
use talk::Talk;

/// A project, a home, and a model server that knows both.
struct World {
    _dir: tempfile::TempDir,
    cwd: PathBuf,
    home: PathBuf,
    model: Model,
}

impl World {
    fn new() -> Self {
        Self::of("gemini")
    }

    fn of(vendor: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (cwd, home) = (dir.path().join("project"), dir.path().join("home"));
        std::fs::create_dir_all(cwd.join("src")).unwrap();
        let app = "def greet(name):\n    return 'hello ' + name\n\nprint(greet('world'))\n";
        std::fs::write(cwd.join("src/app.py"), app).unwrap();
        let scenario = models().join(format!("scenarios/{vendor}.json"));
        let model = Model::serve(vendor, &scenario, &home, &[("cwd", cwd.to_str().unwrap())]);
        Self {
            _dir: dir,
            cwd,
            home,
            model,
        }
    }

    fn setup(&self, prompt: &str, permission: Permission) -> Setup {
        Setup {
            program: vec![agent("gemini")],
            prompt: prompt.into(),
            permission,
            cwd: self.cwd.clone(),
            scratch: self.home.clone(),
            ..Setup::default()
        }
    }

    fn env(&self) -> Vec<(&str, &str)> {
        let mut env = self.model.env();
        env.push(("CLAUDE_CODE_MAX_RETRIES", "2"));
        env
    }

    fn start(&self, setup: &Setup) -> Talk {
        let (start, driver) = gemini(setup).unwrap();
        Talk::start(&start, driver, &setup.cwd, &self.env())
    }
}

fn fresh(setup: &Setup) -> Box<dyn Driver> {
    gemini(setup).unwrap().1
}

fn print(outputs: &[Output]) {
    for output in outputs {
        let text = format!("{output:?}");
        println!("{}", text.chars().take(600).collect::<String>());
    }
}

#[test]
fn gemini_asks_and_edits() {
    let world = World::new();
    let setup = world.setup("[[edit]] change it", Permission::Default);
    let mut talk = world.start(&setup);
    let approve = Answer::Approve {
        remember: false,
        message: None,
    };
    for _ in 0..4 {
        let question = talk.question();
        println!("{question:?}");
        let answer = approve.clone();
        talk.order(Order::Answer {
            question: question.id,
            answer,
        });
    }
    let turn = talk.turn();
    let outputs = talk.finish(fresh(&setup));
    print(&outputs);
    assert!(matches!(turn, Turn::Done { text, .. } if text.starts_with("Done: greeting")));
    assert!(
        std::fs::read_to_string(world.cwd.join("src/app.py"))
            .unwrap()
            .contains("'hi '")
    );
    assert!(world.cwd.join("NOTES.md").exists());
}

#[test]
fn gemini_is_denied() {
    let world = World::new();
    let setup = world.setup("[[denied]] write", Permission::Default);
    let mut talk = world.start(&setup);
    for _ in 0..2 {
        let question = talk.question();
        println!("{question:?}");
        let answer = Answer::Reject {
            message: Some("no".into()),
        };
        talk.order(Order::Answer {
            question: question.id,
            answer,
        });
    }
    let turn = talk.turn();
    print(&talk.finish(fresh(&setup)));
    assert!(matches!(turn, Turn::Done { .. }));
    assert!(!world.cwd.join("NEW.md").exists());
}

#[test]
fn gemini_is_interrupted_and_goes_on_and_is_loaded() {
    let world = World::new();
    let mut setup = world.setup("[[sleep]] long", Permission::BypassPermissions);
    let mut talk = world.start(&setup);
    let session = talk.session();
    talk.until("running tool", |output| match output {
        Output::Activity {
            activity: Activity::ToolUse(_),
            ..
        } => Some(()),
        _ => None,
    });
    talk.order(Order::Interrupt {});
    assert_eq!(talk.turn(), Turn::Interrupted);
    talk.order(Order::Ask {
        id: "a".into(),
        text: "[[remember]] the word pelican".into(),
    });
    println!("{:?}", talk.turn());
    print(&talk.finish(fresh(&setup)));

    println!("---- load");
    // Gemini CLI 0.61.0 loses a session that is loaded within its first minute.
    let minute = || Command::new("date").arg("+%M").output().unwrap().stdout;
    let first = minute();
    while minute() == first {
        Command::new("sleep").arg("1").status().unwrap();
    }
    setup.resume = Some(session);
    setup.prompt = "[[recall]] which word?".into();
    let mut talk = world.start(&setup);
    let turn = talk.turn();
    print(&talk.finish(fresh(&setup)));
    println!("{turn:?}");
    assert!(matches!(turn, Turn::Done { .. }));

    println!("---- load what is not there");
    setup.resume = Some("fa7a0e7b-df6e-446d-b4db-70e66b5f5f4b".into());
    let mut talk = world.start(&setup);
    let lost = talk.until("loss", |output| match output {
        Output::Fatal(failure) => Some(failure.clone()),
        _ => None,
    });
    print(&talk.finish(fresh(&setup)));
    assert_eq!(lost.kind, FailureKind::SessionLost);
}

#[test]
fn gemini_fails_as_it_does() {
    let world = World::new();
    for tag in [
        "err401", "err403", "errquota", "cut", "maxtok", "safety", "same", "think",
    ] {
        println!("---- {tag}");
        let setup = world.setup(&format!("[[{tag}]] x"), Permission::BypassPermissions);
        let mut talk = world.start(&setup);
        let turn = talk.turn();
        print(&talk.finish(fresh(&setup)));
        println!("==== {tag}: {turn:?}");
    }
}

#[test]
fn gemini_uses_a_server_and_streams() {
    let world = World::new();
    let server = models().join("mcp_engine.py");
    let mut setup = world.setup("[[mcp]] report", Permission::BypassPermissions);
    let entry = serde_json::json!({"command": "python3", "args": [server], "env": {"A": "b"}});
    setup.mcp.insert("engine".into(), entry);
    setup.model = Some("gemini-2.5-flash".into());
    let mut talk = world.start(&setup);
    let turn = talk.turn();
    print(&talk.finish(fresh(&setup)));
    println!("{turn:?}");
    assert!(matches!(turn, Turn::Done { text, .. } if text == "Reported."));

    println!("---- stream");
    let mut setup = world.setup("--[[todo]] go", Permission::BypassPermissions);
    setup.model = Some("gemini-2.5-flash".into());
    setup.new_session = "6aa640d2-4b08-4d7b-93c6-aa9433fa324c".into();
    let (start, driver) = gemini_stream(&setup).unwrap();
    let talk = Talk::start(&start, driver, &world.cwd, &world.env());
    let outputs = talk.end(gemini_stream(&setup).unwrap().1);
    print(&outputs);
    assert!(matches!(
        outputs.last(),
        Some(Output::Turn(Turn::Done { .. }))
    ));

    println!("---- a long prompt");
    setup.prompt = format!("{}[[simple]] x", "long ".repeat(40_000));
    setup.new_session = "7aa640d2-4b08-4d7b-93c6-aa9433fa324c".into();
    let (start, driver) = gemini_stream(&setup).unwrap();
    let talk = Talk::start(&start, driver, &world.cwd, &world.env());
    let outputs = talk.end(gemini_stream(&setup).unwrap().1);
    assert!(
        matches!(outputs.last(), Some(Output::Turn(Turn::Done { text, .. })) if text.contains("Hello from the mock model."))
    );
}

#[test]
fn claude_works_over_the_protocol() {
    let world = World::of("claude");
    let claude = |prompt: &str, permission| Setup {
        program: vec![agent("claude-agent-acp")],
        ..world.setup(prompt, permission)
    };
    let start = |setup: &Setup| {
        let (start, driver) = acp(setup).unwrap();
        Talk::start(&start, driver, &setup.cwd, &world.env())
    };
    let again = |setup: &Setup| acp(setup).unwrap().1;

    let mut setup = claude("[[denied]] write", Permission::Default);
    setup.model = Some("Sonnet".into());
    setup.system_prompt = Some("Be brief.".into());
    let mut talk = start(&setup);
    let session = talk.session();
    for _ in 0..2 {
        let question = talk.question();
        let answer = Answer::Reject { message: None };
        talk.order(Order::Answer {
            question: question.id,
            answer,
        });
    }
    println!("{:?}", talk.turn());
    talk.order(Order::Ask {
        id: "a".into(),
        text: "[[remember]] the word pelican".into(),
    });
    println!("{:?}", talk.turn());
    print(&talk.finish(again(&setup)));

    println!("---- resume");
    setup.resume = Some(session);
    setup.prompt = "[[recall]] which word?".into();
    let mut talk = start(&setup);
    let turn = talk.turn();
    print(&talk.finish(again(&setup)));
    assert!(matches!(turn, Turn::Done { .. }), "{turn:?}");

    println!("---- fork");
    setup.fork = true;
    let mut talk = start(&setup);
    let turn = talk.turn();
    print(&talk.finish(again(&setup)));
    assert!(matches!(turn, Turn::Done { .. }), "{turn:?}");

    println!("---- interrupt");
    let setup = claude("[[sleep]] long", Permission::BypassPermissions);
    let mut talk = start(&setup);
    talk.until("running tool", |output| match output {
        Output::Activity {
            activity: Activity::ToolUse(tool),
            ..
        } => (tool.command.is_some()).then_some(()),
        _ => None,
    });
    talk.order(Order::Interrupt {});
    let turn = talk.turn();
    print(&talk.finish(again(&setup)));
    assert_eq!(turn, Turn::Interrupted);

    for tag in [
        "err401",
        "err500",
        "credit",
        "err400long",
        "maxtok",
        "refusal",
        "sub",
        "plan",
    ] {
        println!("---- {tag}");
        let permission = if tag == "plan" {
            Permission::Plan
        } else {
            Permission::BypassPermissions
        };
        let setup = claude(&format!("[[{tag}]] x"), permission);
        let mut talk = start(&setup);
        if tag == "plan" {
            let question = talk.question();
            println!("{question:?}");
            let answer = Answer::Approve {
                remember: false,
                message: None,
            };
            talk.order(Order::Answer {
                question: question.id,
                answer,
            });
        }
        let turn = talk.turn();
        print(&talk.finish(again(&setup)));
        println!("==== {tag}: {turn:?}");
    }
}
