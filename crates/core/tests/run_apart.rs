//! Isolated items of a `foreach`: each works in a worktree of its own, and what it did is merged in
//! item order, whatever comes between its end and that.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)]
mod run_driver;

use baton_core::ids::AttemptId;
use baton_core::run::decide::{Command, News, ResumeFrom};
use baton_core::run::event::{AttemptEnd, ErrorCode, Finished, PauseReason, PauseThen};
use baton_core::run::{State, Step};
use run_driver::{Driver, USER};

const EACH: &str = "
name: Each
worktree: worktree
steps:
  - {id: each, type: script, command: 'make {{ item }} {{ run.path }}', foreach: [a, b, c], max_parallel: 3, isolate: true, retry: {attempts: 2, backoff: 1s}}
  - {id: last, type: script, command: 'true'}
";

fn each() -> Driver {
    Driver::new(EACH, PauseThen::Stay, vec![])
}

fn step<'d>(run: &'d Driver, key: &str) -> &'d Step {
    run.run.step(run.run.find(key).unwrap()).unwrap()
}

fn attempt(run: &Driver, key: &str) -> AttemptId {
    let mut living = run.living.iter();
    *living.find(|(_, of)| *of == key).expect("it lives").0
}

fn ends(run: &mut Driver, key: &str, end: AttemptEnd) {
    let attempt = attempt(run, key);
    let command = Command::AttemptEnded { attempt, end };
    run.send(&command).unwrap();
}

fn done(run: &mut Driver, key: &str) {
    let end = AttemptEnd::Succeeded {
        output: baton_core::run::event::StepOutput::default(),
    };
    ends(run, key, end);
}

fn merged(run: &mut Driver, key: &str, conflicts: &[&str]) {
    let number = step(run, key).apart.as_ref().unwrap().number;
    let outcome = Finished {
        branch: "baton/run-each".into(),
        commit: None,
        merged_into: None,
        conflicts: conflicts.iter().map(|path| (*path).to_owned()).collect(),
        checkpoint: conflicts.is_empty().then(|| format!("with {key}")),
        detail: "its work was brought back".into(),
    };
    let key = key.to_owned();
    let command = Command::Merged {
        key,
        number,
        outcome,
    };
    run.send(&command).unwrap();
}

fn merging(run: &Driver) -> Vec<String> {
    let merging = run.in_state(|state| matches!(state, State::Merging { .. }));
    merging.into_iter().map(|(_, key)| key).collect()
}

fn awaits(run: &Driver, key: &str) -> bool {
    matches!(step(run, key).state, State::AwaitsMerge { .. })
}

fn pause(run: &mut Driver) {
    let command = Command::Pause {
        detail: None,
        reason: PauseReason::Request,
        immediate: true,
        by: USER,
    };
    run.send(&command).unwrap();
}

fn resume(run: &mut Driver, from: Option<ResumeFrom>) {
    let command = Command::Resume {
        from,
        text: None,
        by: USER,
    };
    run.send(&command).unwrap();
}

#[test]
fn each_item_has_a_directory_and_a_branch_of_its_own() {
    let run = each();
    let places = ["each.0", "each.1", "each.2"].map(|key| {
        let at = run.run.find(key).unwrap();
        let workspace = run.run.apart(at).unwrap();
        assert_eq!(run.run.directory_of(at), workspace.directory());
        assert_eq!(workspace.base, "base");
        (workspace.root, workspace.branch)
    });
    let expected = |n| {
        (
            format!("/w/run-each-{n}-1"),
            format!("baton/run-each-{n}-1"),
        )
    };
    assert_eq!(places, [0, 1, 2].map(expected));
}

#[test]
fn what_items_did_is_merged_in_item_order_and_one_at_a_time() {
    let mut run = each();
    done(&mut run, "each.2");
    done(&mut run, "each.1");
    assert!(merging(&run).is_empty(), "the first still works");
    done(&mut run, "each.0");
    for key in ["each.0", "each.1", "each.2"] {
        assert_eq!(merging(&run), [key]);
        merged(&mut run, key, &[]);
        assert_eq!(step(&run, key).state, State::Completed);
        assert_eq!(run.run.files.newest, Some(format!("with {key}")));
    }
    assert!(run.living.values().any(|key| key == "last"));
}

#[test]
fn an_item_whose_work_conflicts_fails_and_those_after_it_are_merged() {
    let mut run = each();
    for key in ["each.0", "each.1", "each.2"] {
        done(&mut run, key);
    }
    merged(&mut run, "each.0", &[]);
    merged(&mut run, "each.1", &["a.txt"]);
    let State::Failed(error) = &step(&run, "each.1").state else {
        panic!("{:?}", step(&run, "each.1").state);
    };
    assert_eq!(error.code, ErrorCode::MergeConflict);
    assert_eq!(
        run.run.status.word(),
        "running",
        "one is still to be merged"
    );
    merged(&mut run, "each.2", &[]);
    assert_eq!(run.run.status.word(), "failed");
    assert_eq!(step(&run, "each.2").state, State::Completed);
    // A retry begins with the files as they are, in another worktree.
    resume(&mut run, None);
    let again = run.run.apart(run.run.find("each.1").unwrap()).unwrap();
    assert_eq!(again.base, "with each.2");
    assert_eq!(again.root, "/w/run-each-1-2");
    let others = run.living.values().filter(|key| *key != "each.1");
    assert_eq!(others.count(), 0, "what was merged is not done again");
}

#[test]
fn a_pause_between_an_items_end_and_its_merge_keeps_its_work() {
    let mut run = each();
    done(&mut run, "each.1");
    pause(&mut run);
    for key in ["each.0", "each.2"] {
        ends(&mut run, key, AttemptEnd::Parked {});
    }
    assert_eq!(run.run.status.word(), "paused");
    assert!(awaits(&run, "each.1"));
    resume(&mut run, None);
    assert!(awaits(&run, "each.1"), "the first goes on before it");
    done(&mut run, "each.0");
    merged(&mut run, "each.0", &[]);
    assert_eq!(merging(&run), ["each.1"]);
    merged(&mut run, "each.1", &[]);
    done(&mut run, "each.2");
    merged(&mut run, "each.2", &[]);
    assert_eq!(step(&run, "each").state, State::Completed);
    assert_eq!(step(&run, "each.1").tries, 1);
}

#[test]
fn a_run_is_paused_only_when_nothing_is_being_merged() {
    let mut run = each();
    done(&mut run, "each.0");
    done(&mut run, "each.1");
    done(&mut run, "each.2");
    assert_eq!(merging(&run), ["each.0"]);
    pause(&mut run);
    assert_eq!(run.run.status.word(), "running");
    merged(&mut run, "each.0", &[]);
    assert_eq!(run.run.status.word(), "paused");
    assert!(awaits(&run, "each.1") && awaits(&run, "each.2"));
    resume(&mut run, None);
    assert_eq!(merging(&run), ["each.1"]);
}

#[test]
fn cancelling_brings_in_what_was_done_and_leaves_what_was_not() {
    let mut run = each();
    done(&mut run, "each.1");
    let cancel = Command::Cancel {
        reason: None,
        by: USER,
    };
    run.send(&cancel).unwrap();
    ends(&mut run, "each.0", AttemptEnd::Stopped {});
    assert_eq!(merging(&run), ["each.1"]);
    ends(&mut run, "each.2", AttemptEnd::Stopped {});
    assert_eq!(run.run.status.word(), "running", "a merge is under way");
    merged(&mut run, "each.1", &[]);
    assert_eq!(run.run.status.word(), "cancelled");
    assert_eq!(step(&run, "each.1").state, State::Completed);
    assert_eq!(step(&run, "each.0").state, State::Cancelled);
}

#[test]
fn a_retry_goes_on_in_the_same_worktree_and_a_rewind_begins_another() {
    let mut run = each();
    let news = News::Files {
        commit: "as it was left".into(),
    };
    let attempt = attempt(&run, "each.0");
    run.send(&Command::Hear { attempt, news }).unwrap();
    assert_eq!(run.run.files.newest, None, "the run's files are as before");
    let failed = AttemptEnd::Failed {
        error: baton_core::run::event::StepError {
            code: ErrorCode::ExitCode,
            message: "exit code 1".into(),
        },
        output: baton_core::run::event::StepOutput::default(),
    };
    ends(&mut run, "each.0", failed);
    run.now += 10_000;
    run.send(&Command::Tick).unwrap();
    let apart = step(&run, "each.0").apart.clone().unwrap();
    assert_eq!(step(&run, "each.0").tries, 2);
    assert_eq!(apart.number, 1);
    assert_eq!(apart.newest.as_deref(), Some("as it was left"));
    pause(&mut run);
    for key in ["each.0", "each.1", "each.2"] {
        ends(&mut run, key, AttemptEnd::Parked {});
    }
    resume(&mut run, Some(ResumeFrom::Step("each".into())));
    let apart = step(&run, "each.0").apart.clone().unwrap();
    assert_eq!((apart.number, apart.newest), (3, None));
}

#[test]
fn a_late_word_about_another_worktree_changes_nothing() {
    let mut run = each();
    done(&mut run, "each.0");
    let outcome = Finished {
        branch: String::new(),
        commit: None,
        merged_into: None,
        conflicts: vec![],
        checkpoint: None,
        detail: String::new(),
    };
    for (key, number) in [("each.0", 9), ("each.1", 1), ("gone", 1)] {
        let command = Command::Merged {
            key: key.into(),
            number,
            outcome: outcome.clone(),
        };
        run.send(&command).unwrap();
    }
    assert_eq!(merging(&run), ["each.0"]);
}

#[test]
fn without_a_worktree_of_its_own_an_isolated_item_fails_with_the_reason() {
    let run = Driver::placed(EACH, PauseThen::Stay, vec![], None);
    let State::Failed(error) = &step(&run, "each.0").state else {
        panic!("{:?}", step(&run, "each.0").state);
    };
    assert_eq!(error.code, ErrorCode::Workspace);
    assert!(error.message.contains("worktree of this run's own"));
}
