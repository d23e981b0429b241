//! Every TypeScript sample: run twice it makes the same calls, and a replay of the finished run, twice,
//! makes them again and nothing else.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod sim;

use baton_core::run::Run;
use baton_core::run::program::Call;
use baton_script::{Direct, Limits};
use serde_json::{Value, json};
use sim::{World, bundle, story};

/// Each with args that fit it.
fn samples() -> Vec<(&'static str, String, Value)> {
    let readme = include_str!("../../../README.md");
    let code = readme.split("```ts\n").nth(1).unwrap();
    let code = code.split("```").next().unwrap().to_owned();
    vec![
        (
            "implement-feature",
            include_str!("examples/implement-feature.ts").to_owned(),
            json!({"featureName": "Login", "requirements": "JWT"}),
        ),
        (
            "hello",
            include_str!("../../app/src/examples/hello.ts").to_owned(),
            json!({"name": "world", "greetings": ["Hello", "Hallo"]}),
        ),
        (
            "README",
            code,
            json!({"files": ["src/one.ts", "src/two.ts"]}),
        ),
    ]
}

fn calls(run: &Run) -> Vec<Call> {
    let program = run.program.as_ref().unwrap();
    program.calls.iter().map(|made| made.call.clone()).collect()
}

#[test]
fn every_sample_replayed_twice_makes_equal_calls() {
    for (name, text, args) in samples() {
        let bundle = bundle(&text);
        let lived = || {
            let mut world = World::new(&bundle, &args);
            world.live(2_000);
            world
        };
        let (first, second) = (lived(), lived());
        let came_to = story(&first.run, &first.journal);
        assert!(came_to.starts_with("completed"), "{name}: {came_to}");
        assert!(!calls(&first.run).is_empty(), "{name} asks for nothing");
        assert_eq!(calls(&first.run), calls(&second.run), "{name}");
        assert_eq!(came_to, story(&second.run, &second.journal), "{name}");
        for replay in 1..=2 {
            let opened = Direct::open(&first.run, &Limits::default()).unwrap();
            let (_, asked) = opened.unwrap();
            let more: Vec<_> = asked.iter().flat_map(|asked| &asked.asks).collect();
            assert!(more.is_empty(), "{name}, replay {replay}: {more:?}");
            let end = asked.into_iter().find_map(|asked| asked.end);
            let recorded = first.run.program.as_ref().unwrap().end.clone();
            assert_eq!(end, recorded, "{name}, replay {replay}");
        }
    }
}
