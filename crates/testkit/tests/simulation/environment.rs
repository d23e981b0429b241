//! What runs' expressions may name of the environment changes between hosts, or cannot be read.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_core::ids::RunId;
use baton_engine::ports::Clock;
use baton_testkit::{Allowed, Life, World, settle};

use crate::driver::{check_at_rest, outcome};

const RUN: RunId = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0001);

const NAMES: &str = "
name: Names the environment
steps:
  - {id: one, type: script, command: 'echo {{ env.STAGE }}', continue_on_error: true}
  - {id: two, type: script, command: 'echo {{ env.STAGE }}', if: \"env.STAGE == 'test'\"}
";

fn allowed() -> Allowed {
    Ok(BTreeMap::from([("STAGE".to_owned(), "test".to_owned())]))
}

/// A world in which the first step runs and the host has gone.
fn begun() -> World {
    let world = World::new(1, BTreeMap::new(), |_, _| true);
    world.allow(allowed());
    world.live(async |life: &Life| {
        let args = serde_json::json!({});
        life.start(RUN, "names", NAMES, args).await.unwrap();
        settle().await;
    });
    assert_eq!(world.runners.living_of(RUN), 1);
    world
}

#[test]
fn an_attempt_whose_work_cannot_be_evaluated_any_more_is_ended_before_it_fails() {
    let world = begun();
    world.allow(Ok(BTreeMap::new()));
    world.live(async |life: &Life| {
        settle().await;
        check_at_rest(&world, life, RUN).await;
    });
    let run = world.folded(RUN).unwrap().run;
    assert_eq!(run.steps[0].state.word(), "failed", "{:?}", run.steps[0]);
    assert_eq!(world.runners.living_of(RUN), 0, "its process goes on");
}

#[test]
fn what_cannot_be_evaluated_now_is_evaluated_later() {
    let world = begun();
    world.allow(Err("baton.toml: no permission".into()));
    world.live(async |life: &Life| {
        settle().await;
        let read = life.engine.read(RUN, |run| run.waiting()).await.unwrap();
        assert_eq!(read, None, "it can be looked at, and its process runs");
        let attempt = world.runners.living()[0];
        world.runners.finish(attempt);
        for _ in 0..3 {
            world
                .clock
                .advance_to(world.clock.now().plus(Duration::from_secs(5)));
            settle().await;
        }
        assert_eq!(
            world.folded(RUN).unwrap().run.steps[0].state.word(),
            "running"
        );
        world.allow(allowed());
        world
            .clock
            .advance_to(world.clock.now().plus(Duration::from_secs(5)));
        settle().await;
        let second = world.runners.living();
        assert_eq!(second.len(), 1, "the second step runs");
        world.runners.finish(second[0]);
        settle().await;
        check_at_rest(&world, life, RUN).await;
    });
    let ended = outcome(&world.folded(RUN).unwrap().run);
    assert_eq!(ended.status, "completed", "{ended:?}");
}
