//! Lets lives go by until a run has ended, and checks the named invariants at every rest.

use std::collections::BTreeSet;
use std::time::Duration;

use baton_core::activity::Answer;
use baton_core::ids::{RunId, UserId};
use baton_core::run::decide::Command;
use baton_core::run::event::{Action, Actor, Event, PauseReason};
use baton_core::run::{Run, State, Status, ends_a_step};
use baton_engine::ports::{Aggregate, Clock, Journal, Stored};
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
            format!("{:?} {:?} {:?}", run.instructions, run.files, run.spending),
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

/// What must hold of all that a run has come through.
pub fn check_history(world: &World, run: RunId) {
    ends_are_commits_of_their_own(world, run);
    nothing_is_taken_or_asked_twice(world, run);
}

/// Of everything that is to be once there is one event.
fn nothing_is_taken_or_asked_twice(world: &World, run: RunId) {
    let mut seen = BTreeSet::new();
    for stored in world.journal.load(&Aggregate::Run(run), 0).unwrap() {
        let events: Vec<Event> = serde_json::from_slice(&stored.events).unwrap();
        for event in events {
            let what = match event {
                Event::MessageStatus { message, status } => format!("{message} {status:?}"),
                Event::QuestionAsked {
                    attempt, question, ..
                } => format!("{attempt} asks {}", question.id),
                Event::AttemptStarted { attempt, .. } => format!("{attempt} starts"),
                _ => continue,
            };
            assert!(seen.insert(what.clone()), "twice: {what}");
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
///
/// `from`: the number of commits before which nothing is checked at rest, as it was checked before.
pub fn to_the_end(world: &World, run: RunId, key: &str, source: &str, from: u64) -> Outcome {
    for _ in 0..200 {
        let done = world.live(async |life: &Life| {
            for _ in 0..500 {
                if world
                    .journal
                    .load(&Aggregate::Run(run), 0)
                    .unwrap()
                    .is_empty()
                {
                    // Refused, or never durable: whoever wants it asks again.
                    let start = life.start(run, key, source, serde_json::json!({}));
                    let _ = tokio::time::timeout(Duration::from_secs(1), start).await;
                }
                settle().await;
                if world.journal.is_dead() {
                    return false;
                }
                if world.journal.commits() as u64 >= from {
                    check_at_rest(world, life, run).await;
                }
                if world.runners.living().is_empty() && ended(world, run) {
                    return true;
                }
                people(world, life, run).await;
                step_world(world);
            }
            panic!(
                "{key} does not end: {:?}",
                world.folded(run).map(|f| f.run.status)
            );
        });
        if done {
            let run_now = world.folded(run).unwrap().run;
            checkpoints_are_held(world, &run_now);
            check_history(world, run);
            return outcome(&run_now);
        }
    }
    panic!("{key} needs more than 200 lives");
}

fn checkpoints_are_held(world: &World, run: &Run) {
    for (&number, checkpoint) in &run.checkpoints {
        let held = world.runners.keeps(run.created.run, number);
        assert!(
            held || checkpoint.commit.is_none() || run.created.workspace.is_none(),
            "nobody holds the commit of checkpoint {number}"
        );
    }
}

fn ended(world: &World, run: RunId) -> bool {
    world.folded(run).is_some_and(|f| is_over(&f.run))
}

/// It has ended, others have heard of it, and its branch is finished.
pub fn is_over(run: &Run) -> bool {
    run.status.is_ended() && run.outbox.is_empty() && !run.files.finishing
}

/// Lets the oldest attempt that waits for nobody go on, or time go by.
pub fn step_world(world: &World) {
    let living = world.runners.living();
    match living
        .iter()
        .find(|attempt| !world.runners.waits(**attempt))
    {
        Some(&attempt) => world.runners.finish(attempt),
        None => world
            .clock
            .advance_to(world.clock.now().plus(Duration::from_secs(1))),
    }
}

/// What people do: they answer, resume, tell the agent `told` something, and once pause `paused`.
pub async fn people(world: &World, life: &Life, run: RunId) {
    let Some(folded) = world.folded_with_snapshot(run) else {
        return;
    };
    let run_now = folded.run;
    let by = || Actor::User(UserId::LOCAL);
    let in_flight = |key: &str| {
        let mut live = run_now.live_sessions();
        live.any(|(_, _, step)| {
            let session = step.session.as_deref();
            step.key == key && session.is_some_and(|session| session.native.is_some())
        })
    };
    let command = if matches!(run_now.status, Status::Paused(_)) {
        Command::Resume {
            from: None,
            text: None,
            by: by(),
        }
    } else if let Some((step, question)) = asked(&run_now) {
        Command::Reply {
            step: Some(step),
            question: Some(question),
            answer: Answer::Approve {
                remember: false,
                message: None,
            },
            by: by(),
        }
    } else if in_flight("told") && run_now.messages == 0 {
        Command::Post {
            content: "Mind the gap".into(),
            action: Action::Instruction,
            step: None,
            metadata: None,
            by: by(),
        }
    } else if in_flight("paused") && !has_paused(world, run) {
        Command::Pause {
            detail: None,
            reason: PauseReason::Request,
            immediate: true,
            by: by(),
        }
    } else {
        return;
    };
    tell(life, run, command).await;
    settle().await;
}

/// The first open question: its step and its id.
fn asked(run: &Run) -> Option<(String, String)> {
    run.live_sessions().find_map(|(_, _, step)| {
        let asked = step.session.as_deref()?.unanswered()?;
        Some((step.key.clone(), asked.question.id.clone()))
    })
}

fn has_paused(world: &World, run: RunId) -> bool {
    let commits = world.journal.load(&Aggregate::Run(run), 0).unwrap();
    let text =
        |stored: &Stored| String::from_utf8_lossy(&stored.events).contains("pause_requested");
    commits.iter().any(text)
}

/// Sends a command; a dead or dying host gives no answer.
pub async fn tell(life: &Life, run: RunId, command: Command) {
    let sent = life.engine.send(run, command, None);
    let _ = tokio::time::timeout(Duration::from_secs(2), sent).await;
}
