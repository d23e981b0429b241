//! A fork from a step does what came before as the other run did, without running it again.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod sim;

use baton_core::run::event::Event;
use sim::{World, bundle, story};

const FLOW: &str = "import { defineWorkflow } from \"baton\";
export default defineWorkflow({
  name: \"Flow\",
  async execute(ctx) {
    const dice = Math.random();
    const a = await ctx.step(\"a\", { type: \"script\", command: [\"run\", ctx.runId] });
    const sum = await ctx.step(\"sum\", { type: \"function\", fn: () => dice + Math.random() });
    await Promise.all([\"b\", \"bb\"].map((id) => ctx.step(id, { type: \"script\", command: [id] })));
    await ctx.comment(`${a.result} at ${Date.now() > 0}`);
    const last = await ctx.step(\"last\", { type: \"script\", command: [\"last\", String(sum.data)] });
    return [dice, sum.data, last.result, Math.random()];
  },
});
";

/// The steps that were started.
fn started(world: &World) -> Vec<String> {
    let events = world.journal.iter().flat_map(|(_, events)| events);
    events
        .filter_map(|event| match event {
            Event::AttemptStarted { key, .. } => Some(key.clone()),
            _ => None,
        })
        .collect()
}

fn whole() -> World {
    let mut world = World::new(&bundle(FLOW), &serde_json::json!({}));
    world.live(500);
    assert!(story(&world.run, &world.journal).starts_with("completed"));
    world
}

#[test]
fn a_fork_from_a_step_runs_that_step_and_what_follows() {
    let whole = whole();
    let mut fork = whole.fork("last");
    fork.live(500);
    assert_eq!(started(&fork), ["last"]);
    let mut fork = whole.fork("bb");
    fork.live(500);
    assert_eq!(started(&fork), ["bb", "last"]);
    let mut fork = whole.fork("a");
    fork.live(500);
    assert_eq!(started(&fork), ["a", "b", "bb", "last"]);
}

#[test]
fn a_fork_has_the_randomness_and_the_values_of_the_run_it_comes_from() {
    let whole = whole();
    let outputs = |world: &World| match &world.run.status {
        baton_core::run::Status::Completed { outputs, .. } => outputs.as_array().unwrap().clone(),
        other => panic!("{other:?}"),
    };
    let was = outputs(&whole);
    for from in ["sum", "b", "bb", "last"] {
        let mut fork = whole.fork(from);
        fork.live(500);
        assert_eq!(outputs(&fork)[..4], was[..4], "forked from {from}");
    }
}

#[test]
fn a_fork_of_a_fork_and_one_that_crashes_come_to_the_same() {
    let whole = whole();
    let mut once = whole.fork("b");
    once.live(500);
    let expected = story(&once.run, &once.journal);
    for keep in 1..once.journal.len() {
        let mut crashed = whole.fork("b");
        crashed.live(keep);
        crashed.crash(keep.min(crashed.journal.len()));
        crashed.live(500);
        assert_eq!(story(&crashed.run, &crashed.journal), expected, "{keep}");
    }
    let mut twice = once.fork("last");
    twice.live(500);
    assert_eq!(started(&twice), ["last"]);
    assert!(story(&twice.run, &twice.journal).starts_with("completed"));
}

#[test]
fn a_fork_from_the_step_that_failed_the_run_runs_it_again() {
    let text = FLOW.replace("\"last\", {", "\"fail-last\", {");
    let mut failed = World::new(&bundle(&text), &serde_json::json!({}));
    failed.live(500);
    assert!(story(&failed.run, &failed.journal).starts_with("failed"));
    let mut fork = failed.fork("fail-last");
    fork.live(500);
    assert_eq!(started(&fork), ["fail-last"]);
}
