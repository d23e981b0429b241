//! Random schedules of commands, ends, losses, refusals, jumps of the clock and crashes. The seed is
//! in the message of a failure; `BATON_SIM_SEEDS` sets how many are tried, `BATON_SIM_SEED` one.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use baton_core::activity::Answer;
use baton_core::ids::RunId;
use baton_core::run::decide::{Command, ResumeFrom};
use baton_core::run::event::{Action, Actor, PauseReason};
use baton_core::run::{WaitReason, Waiting};
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, Clock, Journal};
use baton_testkit::{Fault, Life, Rng, World, settle};

use crate::driver::{check_at_rest, check_history, is_over, people, step_world, tell};
use crate::samples::{ALL, definitions, script};

const SEEDS: u64 = 150;

/// What the schedules are worth nothing without. A pause that times out takes longer than they do.
const KINDS: [&str; 39] = [
    "run_created",
    "slot_granted",
    "run_started",
    "step_skipped",
    "attempt_started",
    "attempt_ended",
    "step_requeued",
    "retry_scheduled",
    "approval_requested",
    "approval_answered",
    "wait_started",
    "child_started",
    "child_ended",
    "child_abandoned",
    "items_listed",
    "lost_asked",
    "step_completed",
    "step_failed",
    "checkpoint_taken",
    "pause_requested",
    "pause_withdrawn",
    "run_paused",
    "run_resumed",
    "cancel_requested",
    "run_cancelled",
    "run_completed",
    "run_failed",
    "steps_reset",
    "message_posted",
    "message_status",
    "usage_limit_reached",
    "session_known",
    "session_used",
    "question_asked",
    "question_answered",
    "question_closed",
    "files_kept",
    "files_finished",
    "budget_warned",
];

fn command(rng: &mut Rng, world: &World, run: RunId) -> Command {
    let by = Actor::User(baton_core::ids::UserId::LOCAL);
    let steps = world
        .folded(run)
        .map(|f| f.run.steps.len())
        .unwrap_or_default();
    match rng.below(11) {
        0 | 1 => Command::Pause {
            immediate: rng.one_in(2),
            detail: None,
            reason: PauseReason::Request,
            by,
        },
        2..=4 => Command::Resume {
            from: None,
            by,
            text: None,
        },
        5 if rng.one_in(3) => Command::Cancel { reason: None, by },
        6 => {
            let step = rng.below(steps);
            let key = world
                .folded(run)
                .map(|f| f.run.steps[step].key.clone())
                .unwrap_or_default();
            Command::Resume {
                from: Some(ResumeFrom::Step(key)),
                by,
                text: None,
            }
        }
        7 => {
            let number = u32::try_from(rng.below(6)).unwrap();
            Command::Resume {
                from: Some(ResumeFrom::Checkpoint(number)),
                by,
                text: None,
            }
        }
        8 | 9 => Command::Reply {
            step: None,
            question: None,
            answer: match rng.one_in(3) {
                true => Answer::Reject { message: None },
                false => Answer::Approve {
                    remember: false,
                    message: None,
                },
            },
            by,
        },
        10 => Command::Post {
            content: "Mind the gap".into(),
            action: Action::Instruction,
            step: None,
            metadata: None,
            by,
        },
        _ => Command::Answer {
            step: None,
            approved: !rng.one_in(4),
            message: None,
            by,
        },
    }
}

async fn disturb(rng: &mut Rng, world: &World, life: &Life, run: RunId) {
    let living = world.runners.living();
    match rng.below(10) {
        0..=3 if !living.is_empty() => world.runners.finish(living[rng.below(living.len())]),
        4 if !living.is_empty() => world.runners.lose(living[rng.below(living.len())]),
        5 | 6 => {
            let ahead = Duration::from_millis(rng.below(20_000) as u64);
            world.clock.advance_to(world.clock.now().plus(ahead));
        }
        7 if rng.one_in(5) => {
            let back = world.clock.now().millis() - rng.below(5_000) as u64;
            world.clock.jump_to(Timestamp::from_millis(back));
        }
        _ => tell(life, run, command(rng, world, run)).await,
    }
}

/// Without disturbances: everything that is started comes to an end.
async fn calm(world: &World, life: &Life, run: RunId) {
    let by = || Actor::User(baton_core::ids::UserId::LOCAL);
    for _ in 0..3_000 {
        settle().await;
        check_at_rest(world, life, run).await;
        let Some(folded) = world.folded(run) else {
            return;
        };
        if is_over(&folded.run) {
            check_history(world, run);
            return;
        }
        people(world, life, run).await;
        step_world(world);
        let asks = |wait: &Waiting| wait.reason == WaitReason::Approval;
        if folded.run.waiting().as_ref().is_some_and(asks) {
            let answer = Command::Answer {
                step: None,
                approved: true,
                message: None,
                by: by(),
            };
            tell(life, run, answer).await;
        }
    }
    panic!("it does not end: {:?}", world.folded(run).map(|f| f.run));
}

/// Runs one schedule; returns the kinds of events it came to.
fn schedule(seed: u64) -> BTreeSet<String> {
    let mut rng = Rng::new(seed);
    let (key, source) = ALL[rng.below(ALL.len())];
    let run = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0001);
    let world = World::new(seed, definitions(), script);
    for _ in 0..=rng.below(4) {
        let mut faults = Rng::new(rng.bits());
        world.journal.plan(move |_| match faults.below(40) {
            0 => Some(Fault::Refuse),
            1 => Some(Fault::DieAfter),
            2 => Some(Fault::DieBefore),
            3 => Some(Fault::RefuseAfter),
            _ => None,
        });
        world.live(async |life: &Life| {
            if world.folded(run).is_none() {
                let start = life.start(run, key, source, serde_json::json!({}));
                let _ = tokio::time::timeout(Duration::from_secs(2), start).await;
            }
            for _ in 0..rng.below(60) {
                settle().await;
                if world.journal.is_dead() {
                    return;
                }
                disturb(&mut rng, &world, life, run).await;
                assert_eq!(world.runners.violations(), Vec::<String>::new());
            }
        });
    }
    world.journal.heal();
    world.live(async |life: &Life| {
        if world.folded(run).is_none() {
            life.start(run, key, source, serde_json::json!({}))
                .await
                .unwrap();
        }
        calm(&world, life, run).await;
    });
    let stored = world.journal.load(&Aggregate::Run(run), 0).unwrap();
    let kinds = stored.iter().flat_map(|stored| {
        let events: Vec<serde_json::Value> = serde_json::from_slice(&stored.events).unwrap();
        events
            .into_iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
    });
    kinds.collect()
}

#[test]
fn random_schedules_break_no_invariant() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds = match number("BATON_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BATON_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let all = seeds.clone().count() > 100;
    let mut reached = BTreeSet::new();
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| schedule(seed))) {
            Ok(kinds) => reached.extend(kinds),
            Err(panic) => {
                eprintln!("this was BATON_SIM_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    let missing: Vec<_> = KINDS
        .iter()
        .filter(|kind| !reached.contains(**kind))
        .collect();
    assert!(
        !all || missing.is_empty(),
        "no schedule came to {missing:?}"
    );
}
