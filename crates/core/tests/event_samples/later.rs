//! Samples of what redirects, agents' comments and artifacts brought.

use baton_core::ids::ArtifactId;
use baton_core::run::big::Big;
use baton_core::run::event::*;
use baton_core::run::prefix::Prefix;
use baton_core::run::program::{Call, CallKind, Declared, ProgramEnd, ProgramError, ProgramFault};
use baton_core::time::Timestamp;
use serde_json::json;

use super::{ATTEMPT, OTHER};

fn artifact() -> Artifact {
    Artifact {
        id: ArtifactId::from_bits(7),
        step: "build".into(),
        name: "screen.png".into(),
        path: ".agent/workflows/executions/r/artifacts/build/screen.png".into(),
        file_type: FileType::Image,
        mime: "image/png".into(),
        bytes: 102_400,
        by: Some(Actor::Attempt(ATTEMPT)),
        message: Some(3),
        at: Timestamp::from_millis(5),
    }
}

/// What redirects, comments and files brought.
pub fn redirects_and_files(created: &RunCreated, posted: &MessagePosted) -> Vec<Event> {
    vec![
        Event::RunCreated(Box::new(RunCreated {
            follows: Some(Predecessor {
                run: OTHER,
                number: 6,
            }),
            ..created.clone()
        })),
        Event::RedirectRequested(Box::new(Successor {
            run: OTHER,
            instruction: "Make it a menu".into(),
            inherited: created.inherited.clone(),
            program: None,
            base: Some("c0ffee".into()),
        })),
        Event::RedirectRequested(Box::new(Successor {
            run: OTHER,
            instruction: "Make it a menu".into(),
            inherited: vec![],
            program: None,
            base: None,
        })),
        Event::Redirected {
            run: OTHER,
            number: Some(1234),
        },
        Event::Redirected {
            run: OTHER,
            number: None,
        },
        Event::PredecessorEnded {},
        Event::StepSkipped {
            key: "plan".into(),
            reason: SkipReason::Redirected,
        },
        Event::MessagePosted(Box::new(MessagePosted {
            metadata: Some(json!({"kind": "reading"})),
            place: Some(Place {
                offset: 4096,
                nth: 1,
            }),
            ..posted.clone()
        })),
        Event::ArtifactAdded(Box::new(artifact())),
        Event::ArtifactsKept {
            key: "build".into(),
            attempt: ATTEMPT,
            files: vec![Artifact {
                by: None,
                message: None,
                ..artifact()
            }],
        },
        Event::ArtifactAttached {
            artifact: ArtifactId::from_bits(7),
            message: 3,
        },
        Event::ArtifactDetached {
            artifact: ArtifactId::from_bits(7),
        },
    ]
}

/// What programs brought.
pub fn programs() -> Vec<Event> {
    let call = Call {
        kind: CallKind::Step,
        key: "build~2".into(),
        hash: "0123456789abcdef".into(),
        line: "flow.ts:12:5".into(),
        heard: 3,
        rests: true,
    };
    let called = |call: Call, options: &str| Event::Called {
        call,
        options: Big::new(options),
    };
    let plain = |kind| Call {
        kind,
        key: String::new(),
        line: String::new(),
        heard: 0,
        rests: false,
        ..call.clone()
    };
    let threw = |code| Event::ProgramEnded {
        end: ProgramEnd::Threw(ProgramError {
            code,
            message: "no".into(),
            step: None,
        }),
    };
    let step_failed = ProgramError {
        code: ProgramFault::Threw,
        message: "step `build` failed: no (flow.ts:12:5)".into(),
        step: Some("build".into()),
    };
    let mut events = vec![
        called(call.clone(), "{\"id\":\"build\"}"),
        called(plain(CallKind::Function), "{\"id\":\"sum\"}"),
        called(plain(CallKind::Comment), "{\"content\":\"hello\"}"),
        called(plain(CallKind::Log), "{\"content\":\"hello\"}"),
        called(plain(CallKind::Checkpoint), "{}"),
        Event::ProgramEnded {
            end: ProgramEnd::Returned(Big::new("{\"ok\":true}")),
        },
        Event::ProgramEnded {
            end: ProgramEnd::Threw(step_failed),
        },
    ];
    events.extend(
        [
            ProgramFault::Time,
            ProgramFault::Memory,
            ProgramFault::Stack,
            ProgramFault::Size,
            ProgramFault::Stuck,
            ProgramFault::Nondeterministic,
            ProgramFault::Worker,
        ]
        .map(threw),
    );
    events.push(called(plain(CallKind::Again), "{}"));
    events
}

/// What forks of programs brought.
pub fn forks_of_programs(created: &RunCreated) -> Vec<Event> {
    let call = Call {
        kind: CallKind::Step,
        key: "a".into(),
        hash: "0123456789abcdef".into(),
        line: "flow.ts:12:5".into(),
        heard: 0,
        rests: true,
    };
    let prefix = Prefix {
        of: OTHER,
        at: created.inherited[0].at,
        calls: vec![call],
        declared: vec![Declared {
            key: "a".into(),
            options: Big::new("{\"id\":\"a\"}"),
        }],
        outcomes: vec!["a".into()],
    };
    vec![
        Event::RunCreated(Box::new(RunCreated {
            program: Some(Box::new(prefix.clone())),
            ..created.clone()
        })),
        Event::RedirectRequested(Box::new(Successor {
            run: OTHER,
            instruction: "Make it a menu".into(),
            inherited: created.inherited.clone(),
            program: Some(Box::new(prefix)),
            base: None,
        })),
    ]
}
