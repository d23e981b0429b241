//! Lets lives go by until a run has ended, and checks the named invariants at every rest.

use std::collections::BTreeSet;
use std::time::Duration;

use baton_core::ids::RunId;
use baton_core::run::decide::Command;
use baton_core::run::event::Event;
use baton_core::run::{Run, State, Status, ends_a_step};
use baton_engine::ports::{Aggregate, Clock, Journal};
use baton_testkit::{Life, World, settle};

/// What a run came to, comparable between worlds.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: String,
    pub steps: Vec<(String, String, Option<String>)>,
}

pub fn outcome(run: &Run) -> Outcome {
    let of = |step: &baton_core::run::Step| {
        let result = step
            .last_output
            .result
            .as_ref()
            .map(|r| r.as_str().to_owned());
        (step.key.clone(), step.state.word().to_owned(), result)
    };
    Outcome {
        status: run.status.word().to_owned(),
        steps: run.all().map(|(_, step)| of(step)).collect(),
    }
}

/// Everything that must hold when a host is at rest.
pub async fn check_at_rest(world: &World, life: &Life, run: RunId) {
    assert_eq!(world.runners.violations(), Vec::<String>::new());
    // A run that waits for the disk answers nobody until the clock moves.
    let read = life.engine.read(run, Clone::clone);
    let Ok(Ok(live)) = tokio::time::timeout(Duration::from_secs(1), read).await else {
        return;
    };
    let stored = world
        .folded(run)
        .expect("a run that is read has a journal")
        .run;
    same(&live, &stored);
    let kept = world.folded_with_snapshot(run).expect("as before").run;
    same(&kept, &stored);
    never_waits_without_a_reason(&live);
    let living = world.runners.living_of(run);
    match &live.status {
        Status::Paused(_) | Status::Cancelled { .. } | Status::Failed { .. } => {
            assert_eq!(living, 0, "{} while something runs", live.status.word());
        }
        Status::Completed { .. } => {
            assert_eq!(living, 0, "completed while something runs");
            assert!(live.steps.iter().all(|step| step.state.is_ended()));
        }
        _ => {}
    }
    ends_are_commits_of_their_own(world, run);
    children_of_a_step_work_one_after_another(world, run);
}

/// The live state is what the journal folds to: all of it but what every fold shares.
fn same(live: &Run, stored: &Run) {
    let parts = |run: &Run| {
        let mut values: Vec<String> = run.values.keys().cloned().collect();
        values.sort();
        [
            format!("{:?} {:?} {:?}", run.status, run.slot, run.started_at),
            format!("{:?}", run.steps),
            format!("{:?} {:?} {:?}", run.ready, run.active, run.timers),
            format!("{:?} {} {}", run.open_needs, run.ended, run.ends),
            format!("{values:?} {:?} {:?}", run.checkpoints, run.outbox),
            format!(
                "{:?} {} {:?}",
                run.open_messages, run.running_ms, run.running_since
            ),
        ]
    };
    for (live, stored) in parts(live).iter().zip(&parts(stored)) {
        assert_eq!(live, stored, "the live state is the folded one");
    }
}

fn never_waits_without_a_reason(run: &Run) {
    let advancing = run.in_flight().is_some_and(|attempts| !attempts.is_empty());
    let said_by_status = run.status.is_ended() || matches!(run.status, Status::Paused(_));
    assert!(
        advancing || said_by_status || run.waiting().is_some(),
        "no reason: {:?}",
        run.status
    );
    for (_, step) in run.all() {
        assert_ne!(
            step.state,
            State::Settling,
            "{} was left settling",
            step.key
        );
    }
}

fn children_of_a_step_work_one_after_another(world: &World, run: RunId) {
    let mut working = BTreeSet::new();
    for stored in world.journal.load(&Aggregate::Run(run), 0).unwrap() {
        let events: Vec<Event> = serde_json::from_slice(&stored.events).unwrap();
        for event in events {
            if let Event::ChildStarted { key, child, .. } = event
                && world.runners.living_of(child) > 0
            {
                let is_only = working.insert(key.clone());
                assert!(is_only, "two child runs of `{key}` work at once");
            }
        }
    }
}

fn ends_are_commits_of_their_own(world: &World, run: RunId) {
    for stored in world.journal.load(&Aggregate::Run(run), 0).unwrap() {
        let events: Vec<Event> = serde_json::from_slice(&stored.events).unwrap();
        let timers = events
            .iter()
            .filter(|e| matches!(e, Event::StepCompleted { .. }))
            .count();
        let ends = events.iter().filter(|e| ends_a_step(e)).count();
        let caused = events
            .iter()
            .any(|e| matches!(e, Event::AttemptEnded { .. }));
        assert!(
            ends <= 1 || (!caused && timers == ends),
            "two ends in one commit: {events:?}"
        );
    }
}

/// Goes on until the run has ended, over as many lives as it takes.
pub fn to_the_end(world: &World, run: RunId, key: &str, source: &str) -> Outcome {
    for _ in 0..200 {
        let done = world.live(async |life: &Life| {
            for _ in 0..500 {
                if world.folded(run).is_none() {
                    // Refused, or never durable: whoever wants it asks again.
                    let start = life.start(run, key, source, serde_json::json!({}));
                    let _ = tokio::time::timeout(Duration::from_secs(1), start).await;
                }
                settle().await;
                if world.journal.is_dead() {
                    return false;
                }
                check_at_rest(world, life, run).await;
                if ended(world, run) && world.runners.living().is_empty() {
                    return true;
                }
                step_world(world);
            }
            panic!(
                "{key} does not end: {:?}",
                world.folded(run).map(|f| f.run.status)
            );
        });
        if done {
            return outcome(&world.folded(run).unwrap().run);
        }
    }
    panic!("{key} needs more than 200 lives");
}

fn ended(world: &World, run: RunId) -> bool {
    world
        .folded(run)
        .is_some_and(|f| f.run.status.is_ended() && f.run.outbox.is_empty())
}

/// Lets the oldest attempt end, or time go by.
fn step_world(world: &World) {
    match world.runners.living().first() {
        Some(&attempt) => world.runners.finish(attempt),
        None => world
            .clock
            .advance_to(world.clock.now().plus(Duration::from_secs(1))),
    }
}

/// Sends a command; a dead or dying host gives no answer.
pub async fn tell(life: &Life, run: RunId, command: Command) {
    let sent = life.engine.send(run, command, None);
    let _ = tokio::time::timeout(Duration::from_secs(2), sent).await;
}
