//! How runs go on after an end, a pause or a way back. Each was found by `run_properties`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    missing_docs
)]

mod run_driver;

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::WaitReason;
use baton_core::run::decide::{Command, ResumeFrom, inherited};
use baton_core::run::event::{
    AttemptEnd, ChildOutcome, ErrorCode, Event, PauseReason, PauseThen, RunError, StepError,
    StepOutput,
};
use baton_core::time::Timestamp;
use run_driver::{Driver, USER};

const QUEUED: &str = "
name: Queued
concurrency: {key: deploy, limit: 1, on_full: reject}
steps:
  - {id: work, type: script, command: 'true'}
";

const TWO: &str = "
name: Two
steps:
  - {id: one, type: script, command: 'true'}
  - {id: two, type: script, command: 'true'}
";

const SIDES: &str = "
name: Sides
steps:
  - {id: good, type: script, command: 'true', needs: []}
  - {id: bad, type: script, command: 'true', needs: []}
  - {id: after_good, type: script, command: 'true', needs: [good]}
  - {id: after_bad, type: script, command: 'true', needs: [bad]}
";

const ASKS: &str = "
name: Asks
steps:
  - {id: ok, type: approval, message: 'Go on?'}
  - {id: then, type: script, command: 'true'}
";

const CHILD: &str = "
name: Child
steps:
  - {id: child, type: workflow, workflow: child, args: {}}
  - {id: then, type: script, command: 'true'}
";

const SLOW_CHILD: &str = "
name: Slow child
steps:
  - {id: child, type: workflow, workflow: child, args: {}, timeout: 60s}
";

const EACH: &str = "
name: Each
steps:
  - {id: first, type: script, command: 'true'}
  - {id: each, type: script, command: 'true', foreach: [a, b], max_parallel: 1}
  - {id: last, type: script, command: 'true'}
";

fn driver(source: &str) -> Driver {
    Driver::new(source, PauseThen::Stay, vec![])
}

fn ends(driver: &mut Driver, key: &str, well: bool) {
    let of = |(attempt, of): (&AttemptId, &String)| (of == key).then_some(*attempt);
    let attempt = driver.living.iter().find_map(of).unwrap();
    let end = if well {
        AttemptEnd::Succeeded {
            output: StepOutput::default(),
        }
    } else {
        let error = StepError {
            code: ErrorCode::ExitCode,
            message: "exit code 1".into(),
        };
        AttemptEnd::Failed {
            error,
            output: StepOutput::default(),
        }
    };
    driver
        .send(&Command::AttemptEnded { attempt, end })
        .unwrap();
}

fn pause(driver: &mut Driver) {
    let pause = Command::Pause {
        detail: None,
        reason: PauseReason::Request,
        immediate: false,
        by: USER,
    };
    driver.send(&pause).unwrap();
}

fn resume(driver: &mut Driver, from: Option<ResumeFrom>) {
    driver
        .send(&Command::Resume {
            from,
            by: USER,
            text: None,
        })
        .unwrap();
}

fn cancel(driver: &mut Driver) {
    driver
        .send(&Command::Cancel {
            reason: None,
            by: USER,
        })
        .unwrap();
}

fn works(driver: &Driver) -> Vec<&str> {
    let mut keys: Vec<&str> = driver.living.values().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_run_that_was_cancelled_before_it_began_runs_its_steps_when_retried() {
    let mut run = driver(QUEUED);
    cancel(&mut run);
    assert_eq!(run.run.status.word(), "cancelled");
    resume(&mut run, None);
    run.send(&Command::SlotGranted { request: None }).unwrap();
    assert_eq!(works(&run), ["work"], "{:?}", run.run.status);
}

#[test]
fn a_run_that_was_cancelled_between_two_steps_goes_on_with_the_next_when_retried() {
    let mut run = driver(TWO);
    pause(&mut run);
    ends(&mut run, "one", true);
    assert_eq!(run.run.status.word(), "paused");
    cancel(&mut run);
    resume(&mut run, None);
    assert_eq!(works(&run), ["two"], "{:?}", run.run.status);
}

#[test]
fn a_rejection_while_paused_fails_the_run_once_it_goes_on() {
    let mut run = driver(ASKS);
    pause(&mut run);
    let no = Command::Answer {
        step: None,
        approved: false,
        message: None,
        by: USER,
    };
    run.send(&no).unwrap();
    assert_eq!(run.run.status.word(), "paused");
    resume(&mut run, None);
    assert_eq!(run.run.status.word(), "failed");
    assert!(works(&run).is_empty());
}

#[test]
fn a_child_that_fails_while_its_parent_is_paused_fails_it_once_it_goes_on() {
    let mut run = driver(CHILD);
    pause(&mut run);
    let (&child, key) = run.children.iter().next().unwrap();
    let outcome = ChildOutcome::Failed {
        message: "no".into(),
        code: None,
        commit: None,
    };
    let ended = Command::ChildEnded {
        key: key.clone(),
        child,
        outcome,
    };
    run.send(&ended).unwrap();
    resume(&mut run, None);
    assert_eq!(run.run.status.word(), "failed");
}

fn ends_child(run: &mut Driver, child: RunId, outcome: ChildOutcome) {
    let key = run.children[&child].clone();
    let ended = Command::ChildEnded {
        key,
        child,
        outcome,
    };
    run.send(&ended).unwrap();
}

#[test]
fn a_step_that_gave_its_child_up_starts_no_other_before_that_has_ended() {
    let mut run = driver(CHILD);
    let (&first, _) = run.children.iter().next().unwrap();
    pause(&mut run);
    resume(&mut run, Some(ResumeFrom::Step("child".into())));
    let waiting = run.run.waiting().unwrap();
    assert_eq!(waiting.reason, WaitReason::Child, "{}", waiting.detail);
    assert_eq!(run.children.len(), 1, "the new one waits for the old one");
    ends_child(&mut run, first, ChildOutcome::Cancelled {});
    let (&second, _) = run.children.iter().next().unwrap();
    assert_ne!(second, first);
    assert_eq!(
        run.run.status.word(),
        "running",
        "its end is not the step's"
    );
}

#[test]
fn a_run_is_neither_paused_nor_cancelled_before_a_given_up_child_has_ended() {
    for (order, word) in [(pause as fn(&mut Driver), "paused"), (cancel, "cancelled")] {
        let mut run = driver(CHILD);
        let (&first, _) = run.children.iter().next().unwrap();
        pause(&mut run);
        resume(&mut run, Some(ResumeFrom::Step("child".into())));
        order(&mut run);
        assert_eq!(run.run.status.word(), "running");
        ends_child(&mut run, first, ChildOutcome::Cancelled {});
        assert_eq!(run.run.status.word(), word);
    }
}

#[test]
fn a_run_whose_child_took_too_long_fails_when_that_has_ended() {
    let mut run = driver(SLOW_CHILD);
    let (&child, _) = run.children.iter().next().unwrap();
    run.now += 61_000;
    run.send(&Command::Tick).unwrap();
    assert_eq!(run.run.steps[0].state.word(), "failed");
    assert_eq!(run.run.status.word(), "running", "the child may still work");
    assert_eq!(run.run.waiting().unwrap().reason, WaitReason::Child);
    ends_child(&mut run, child, ChildOutcome::Cancelled {});
    assert_eq!(run.run.status.word(), "failed");
}

/// As journals from before `child_abandoned` tell it: nobody waits for what has ended long ago.
#[test]
fn a_given_up_child_of_an_older_journal_is_not_waited_for() {
    let mut run = driver(SLOW_CHILD);
    let failed = Event::StepFailed {
        key: "child".into(),
        error: StepError {
            code: ErrorCode::Timeout,
            message: "too long".into(),
        },
        output: StepOutput::default(),
    };
    let at = Timestamp::from_millis(run.now);
    run.run.apply(&failed, at).unwrap();
    let error = RunError {
        step: None,
        message: "too long".into(),
    };
    run.run.apply(&Event::RunFailed { error }, at).unwrap();
    assert_eq!(run.run.status.word(), "failed");
}

#[test]
fn going_back_past_a_failed_step_beside_runs_that_one_again_too() {
    let mut run = driver(SIDES);
    ends(&mut run, "bad", false);
    ends(&mut run, "good", true);
    assert_eq!(run.run.status.word(), "failed");
    resume(&mut run, Some(ResumeFrom::Step("good".into())));
    assert_eq!(works(&run), ["bad", "good"]);
    ends(&mut run, "good", true);
    assert_eq!(
        works(&run),
        ["after_good", "bad"],
        "nothing that needs `bad`"
    );
}

#[test]
fn a_fork_runs_a_step_that_failed_again() {
    let mut run = driver(SIDES);
    ends(&mut run, "bad", false);
    ends(&mut run, "good", true);
    let taken = inherited(&run.run, Some("after_good")).unwrap();
    let fork = Driver::new(SIDES, PauseThen::Stay, taken.inherited);
    assert_eq!(works(&fork), ["after_good", "bad"]);
}

#[test]
fn a_run_that_is_refused_its_place_leaves_no_message_open() {
    let mut run = driver(QUEUED);
    pause(&mut run);
    let text = Some("Use the new API".into());
    run.send(&Command::Resume {
        from: None,
        by: USER,
        text,
    })
    .unwrap();
    run.send(&Command::SlotRefused {
        request: None,
        detail: "full".into(),
    })
    .unwrap();
    assert_eq!(run.run.status.word(), "failed");
    assert!(run.run.open_messages.is_empty());
}

#[test]
fn a_place_that_was_for_an_earlier_request_is_no_answer_to_a_later_one() {
    let mut run = driver(QUEUED);
    let first = run.run.slot_request;
    cancel(&mut run);
    assert_eq!(run.run.status.word(), "cancelled");
    resume(&mut run, None);
    let second = run.run.slot_request;
    assert_ne!(first, second);
    let stale = [
        Command::SlotGranted { request: first },
        Command::SlotTaken { request: first },
        Command::SlotRefused {
            request: first,
            detail: "full".into(),
        },
    ];
    for word in stale {
        run.send(&word).unwrap();
        assert_eq!(run.run.status.word(), "pending", "{word:?}");
    }
    run.send(&Command::SlotGranted { request: second }).unwrap();
    assert_eq!(works(&run), ["work"]);
}

/// Loses the one attempt this often; stops when there is none any more.
fn lost(run: &mut Driver, times: usize, never_started: bool) {
    for _ in 0..times {
        let Some((&attempt, _)) = run.living.iter().next() else {
            return;
        };
        let end = AttemptEnd::Lost {
            detail: "gone".into(),
            never_started,
        };
        run.send(&Command::AttemptEnded { attempt, end }).unwrap();
    }
}

#[test]
fn attempts_that_never_began_do_not_use_up_what_a_step_may_lose() {
    let mut run = driver(TWO);
    lost(&mut run, 20, true);
    lost(&mut run, 5, false);
    assert_eq!(works(&run), ["one"]);
    lost(&mut run, 1, false);
    assert_eq!(run.run.status.word(), "failed");
}

#[test]
fn attempts_that_never_begin_end_the_step_at_last() {
    let mut run = driver(TWO);
    lost(&mut run, 21, true);
    assert_eq!(run.run.status.word(), "failed");
}

fn numbers(run: &Driver) -> Vec<u32> {
    run.run.checkpoints.keys().copied().collect()
}

#[test]
fn a_checkpoint_of_an_undone_item_is_gone() {
    let mut run = driver(EACH);
    for key in ["first", "each.0", "each.1", "last"] {
        ends(&mut run, key, true);
    }
    assert_eq!(numbers(&run), [0, 1, 2, 3]);
    resume(&mut run, Some(ResumeFrom::Step("each".into())));
    assert_eq!(works(&run), ["each.0"]);
    assert_eq!(
        numbers(&run),
        [0],
        "those of the items tell of what is undone"
    );
}

#[test]
fn a_checkpoint_that_was_gone_back_to_stays() {
    let mut run = driver(SIDES);
    ends(&mut run, "bad", false);
    ends(&mut run, "good", true);
    resume(&mut run, Some(ResumeFrom::Checkpoint(1)));
    assert_eq!(works(&run), ["after_good", "bad"]);
    assert_eq!(numbers(&run), [0, 1]);
}

#[test]
fn going_back_in_a_cancelled_run_leaves_no_step_cancelled() {
    let mut run = driver(SIDES);
    ends(&mut run, "good", true);
    cancel(&mut run);
    for key in ["bad", "after_good"] {
        let attempt = run
            .living
            .iter()
            .find_map(|(a, of)| (of == key).then_some(*a))
            .unwrap();
        run.send(&Command::AttemptEnded {
            attempt,
            end: AttemptEnd::Stopped {},
        })
        .unwrap();
    }
    assert_eq!(run.run.status.word(), "cancelled");
    resume(&mut run, Some(ResumeFrom::Step("good".into())));
    assert_eq!(works(&run), ["bad", "good"], "nothing that needs `bad`");
}

#[test]
fn going_back_to_a_checkpoint_inside_a_foreach_keeps_the_items_before_it() {
    let mut run = driver(EACH);
    for key in ["first", "each.0", "each.1"] {
        ends(&mut run, key, true);
    }
    ends(&mut run, "last", false);
    assert_eq!(run.run.status.word(), "failed");
    resume(&mut run, Some(ResumeFrom::Checkpoint(1)));
    assert_eq!(works(&run), ["each.1"], "`each.0` was done at checkpoint 1");
    assert_eq!(numbers(&run), [0, 1]);
    ends(&mut run, "each.1", true);
    ends(&mut run, "last", true);
    assert_eq!(run.run.status.word(), "completed");
}

#[test]
fn items_that_are_undone_keep_their_attempts_numbers() {
    let mut run = driver(EACH);
    for key in ["first", "each.0", "each.1", "last"] {
        ends(&mut run, key, true);
    }
    for number in 2..4 {
        resume(&mut run, Some(ResumeFrom::Step("each".into())));
        assert_eq!(works(&run), ["each.0"]);
        let place = run.run.find("each.0").unwrap();
        assert_eq!(run.run.step(place).unwrap().tries, number);
        for key in ["each.0", "each.1", "last"] {
            ends(&mut run, key, true);
        }
    }
}
