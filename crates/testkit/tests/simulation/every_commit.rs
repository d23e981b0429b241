//! A crash, or a refusal of the disk, at every single commit of every sample; `BATON_SIM_SAMPLE=key`
//! picks one.

use baton_core::ids::RunId;
use baton_testkit::{Fault, World};

use crate::driver::{Outcome, to_the_end};
use crate::samples::{ALL, definitions, script};

const RUN: RunId = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0001);

fn with_fault(key: &str, source: &str, at: u64, fault: Fault) -> (Outcome, usize) {
    let world = World::new(7, definitions(), script);
    world
        .journal
        .plan(move |count| (count == at).then_some(fault));
    // Before the fault nothing differs from the undisturbed world.
    let from = if at == u64::MAX { 0 } else { at - 1 };
    let outcome = to_the_end(&world, RUN, key, source, from);
    (outcome, world.journal.commits())
}

fn survives(fault: Fault) {
    let only = std::env::var("BATON_SIM_SAMPLE").ok();
    let wanted = |(key, _): &(&str, &str)| only.as_ref().is_none_or(|only| only == key);
    for (key, source) in ALL.into_iter().filter(wanted) {
        let (undisturbed, commits) = with_fault(key, source, u64::MAX, fault);
        assert!(commits > 3, "{key} made only {commits} commits");
        for at in 1..=commits as u64 {
            let (outcome, _) = with_fault(key, source, at, fault);
            assert_eq!(outcome, undisturbed, "{key}: {fault:?} at commit {at}");
        }
    }
}

#[test]
fn a_crash_before_any_commit_changes_no_outcome() {
    survives(Fault::DieBefore);
}

#[test]
fn a_crash_after_any_commit_changes_no_outcome() {
    survives(Fault::DieAfter);
}

#[test]
fn a_disk_that_refuses_any_commit_changes_no_outcome() {
    survives(Fault::Refuse);
}

#[test]
fn a_commit_that_lasts_though_its_sync_failed_changes_no_outcome() {
    survives(Fault::RefuseAfter);
}

#[test]
fn the_samples_come_to_what_they_say() {
    let status = |key: &str| {
        let source = ALL.iter().find(|(k, _)| *k == key).unwrap().1;
        with_fault(key, source, u64::MAX, Fault::Refuse).0.status
    };
    assert_eq!(status("sequence"), "completed");
    assert_eq!(status("parallel"), "completed");
    assert_eq!(status("foreach"), "completed");
    assert_eq!(status("approval"), "completed");
    assert_eq!(status("parent"), "completed");
    assert_eq!(status("failing"), "failed");
    assert_eq!(status("agents"), "completed");
    assert_eq!(status("crew"), "completed");
    assert_eq!(status("money"), "completed");
}
