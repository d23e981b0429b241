//! What holds of a run whatever it is told, by name.

use std::collections::{BTreeMap, BTreeSet};

use baton_core::ids::AttemptId;
use baton_core::run::big::{Big, Hash};
use baton_core::run::event::{Cause, Event};
use baton_core::run::{At, Run, Slot, Snapshot, State, Status, WaitReason};
use baton_core::time::Timestamp;

use super::{Driver, sessions};

/// After every commit.
pub fn always(driver: &Driver) {
    let run = &driver.run;
    what_works_is_in_flight(driver);
    what_is_active_has_begun_and_not_ended(run);
    timers_are_those_of_what_waits(run);
    counters_count(run);
    items_are_accounted_for(run);
    nothing_is_left_settling(run);
    backoff_has_a_failure(run);
    merges_are_in_order(run);
    ended_runs_leave_nothing_behind(driver);
    paused_runs_wait_for_no_given_up_child(driver);
}

/// When the run waits for something outside.
pub fn at_rest(driver: &Driver) {
    let run = &driver.run;
    sessions::attempts_stay_what_they_are(driver);
    sessions::questions_are_what_is_waited_for(driver);
    sessions::a_budget_that_is_used_up_pauses(run);
    if matches!(run.status, Status::Paused(_)) || run.status.is_ended() {
        assert!(
            driver.living.is_empty(),
            "{} while a process runs",
            run.status.word()
        );
        return;
    }
    if run.in_flight().is_some_and(|attempts| !attempts.is_empty()) {
        return;
    }
    if run.all().any(|(_, step)| merges(&step.state)) {
        return;
    }
    let waiting = run.waiting().expect("a run that does not advance says why");
    assert_ne!(waiting.reason, WaitReason::Worker, "it is stuck: {run:#?}");
}

fn merges(state: &State) -> bool {
    matches!(state, State::Merging { .. })
}

/// Work comes into the run's files in item order, one at a time, and never while it is paused.
fn merges_are_in_order(run: &Run) {
    let merging: Vec<At> = run
        .all()
        .filter(|(_, step)| merges(&step.state))
        .map(|(at, _)| at)
        .collect();
    assert!(merging.len() <= 1, "two merges at once: {merging:?}");
    let stands = matches!(run.status, Status::Paused(_)) || run.status.is_ended();
    assert!(!stands || merging.is_empty(), "{merging:?} while it stands");
    for at in merging {
        let before = run.steps[at.step].items.iter().take(at.item.unwrap());
        for item in before {
            let open = matches!(
                item.state,
                State::Working { .. } | State::AwaitsMerge { .. } | State::Merging { .. }
            );
            assert!(!open, "{} is merged before {}", at.item.unwrap(), item.key);
        }
    }
}

/// `paused while in flight` has no state: processes and states agree.
fn what_works_is_in_flight(driver: &Driver) {
    let run = &driver.run;
    let working: BTreeMap<AttemptId, At> = run
        .all()
        .filter_map(|(at, step)| match step.state {
            State::Working { attempt } => Some((attempt, at)),
            _ => None,
        })
        .collect();
    let in_flight = run.in_flight().cloned().unwrap_or_default();
    assert_eq!(working, in_flight, "{}", run.status.word());
    let living: BTreeSet<AttemptId> = driver.living.keys().copied().collect();
    assert_eq!(in_flight.keys().copied().collect::<BTreeSet<_>>(), living);
    assert_eq!(
        run.running_since.is_some(),
        !living.is_empty(),
        "running time"
    );
}

fn what_is_active_has_begun_and_not_ended(run: &Run) {
    let begun: BTreeSet<At> = run
        .all()
        .filter(|(_, step)| step.state.word() == "running")
        .map(|(at, _)| at)
        .collect();
    assert_eq!(begun, run.active, "active: {:#?}", run.steps);
    for at in &run.ready {
        let state = run.step(*at).map(|step| &step.state);
        assert!(
            matches!(state, Some(State::Pending | State::Items { .. })),
            "ready and {state:?}"
        );
    }
}

fn timers_are_those_of_what_waits(run: &Run) {
    let due: BTreeSet<(Timestamp, At)> = run
        .all()
        .filter_map(|(at, step)| Some((step.state.due()?, at)))
        .collect();
    assert_eq!(due, run.timers);
}

fn counters_count(run: &Run) {
    let ended = run
        .steps
        .iter()
        .filter(|step| step.state.is_ended())
        .count();
    assert_eq!(ended, run.ended, "ended steps");
    let values: usize = run.values.len();
    assert_eq!(values, ended, "what expressions see is what has ended");
    for (index, declared) in run.plan.definition.steps.iter().enumerate() {
        let open = declared
            .needs
            .iter()
            .filter(|&&need| !run.steps[need].state.is_ended());
        assert_eq!(
            open.count(),
            run.open_needs[index],
            "open needs of {}",
            declared.id
        );
    }
}

fn items_are_accounted_for(run: &Run) {
    for step in &run.steps {
        if let State::Items { open, .. } = step.state {
            let still = step
                .items
                .iter()
                .filter(|item| !item.state.is_ended())
                .count();
            assert_eq!(still, open, "open items of {}", step.key);
        }
    }
}

fn nothing_is_left_settling(run: &Run) {
    for (_, step) in run.all() {
        let cancelling = matches!(run.status, Status::Cancelling(_));
        assert!(
            step.state != State::Settling || cancelling,
            "{} is left settling",
            step.key
        );
    }
}

/// A retry has a cause.
fn backoff_has_a_failure(run: &Run) {
    for (_, step) in run.all() {
        let waits = matches!(step.state, State::Backoff { .. });
        assert!(
            !waits || !step.failures.is_empty(),
            "{} backs off from nothing",
            step.key
        );
    }
}

pub fn attempt_has_a_cause(run: &Run, key: &str, number: u32, cause: Cause) {
    let step = run.step(run.find(key).unwrap()).unwrap();
    assert_eq!(step.tries, number);
    match cause {
        Cause::First => assert!(
            step.failures.is_empty() && step.lost + step.never_started == 0,
            "{key}: not its first"
        ),
        Cause::Retry => assert!(
            !step.failures.is_empty(),
            "{key}: a retry without a failure"
        ),
        Cause::Lost => assert!(
            step.lost + step.never_started > 0,
            "{key}: nothing was lost"
        ),
        Cause::UsageLimit | Cause::SessionLost => {
            assert!(step.session.is_some(), "{key}: it has no session");
        }
        Cause::Parked => assert!(number > 1, "{key}: nothing was parked"),
    }
}

fn ended_runs_leave_nothing_behind(driver: &Driver) {
    let run = &driver.run;
    if run.status.is_ended() {
        assert!(
            run.active.is_empty(),
            "{}: {:?}",
            run.status.word(),
            run.active
        );
        assert!(run.timers.is_empty() && run.ready.is_empty());
        assert!(
            run.open_messages.is_empty(),
            "messages are left: {:?}",
            run.open_messages
        );
        assert_eq!(run.slot, Slot::None, "an ended run holds no place");
        assert!(
            driver.children.is_empty(),
            "children are left: {:?}",
            driver.children
        );
    }
    if !matches!(run.status, Status::Cancelled { .. }) {
        let cancelled = |step: &&baton_core::run::Step| step.state == State::Cancelled;
        let left = run.steps.iter().find(cancelled);
        assert!(
            left.is_none(),
            "it goes on without {:?}",
            left.map(|step| &step.key)
        );
    }
    if matches!(run.status, Status::Completed { .. }) {
        for (index, step) in run.steps.iter().enumerate() {
            let may_fail = run.plan.definition.steps[index].continue_on_error;
            let failed = matches!(step.state, State::Failed(_));
            assert!(
                step.state.is_ended(),
                "completed, but {} has not ended",
                step.key
            );
            assert!(!failed || may_fail, "completed, but {} failed", step.key);
        }
    }
}

fn paused_runs_wait_for_no_given_up_child(driver: &Driver) {
    if !matches!(driver.run.status, Status::Paused(_)) {
        return;
    }
    for (child, key) in &driver.children {
        let at = driver.run.find(key).and_then(|at| driver.run.step(at));
        let state = at.map(|step| &step.state);
        assert!(
            matches!(state, Some(State::Child { run, .. }) if run == child),
            "paused, but {child} was given up by {key} and has not ended"
        );
    }
}

/// All of a run, comparable.
fn parts(run: &Run) -> Vec<String> {
    let mut values: Vec<String> = run.values.iter().map(|v| format!("{v:?}")).collect();
    values.sort();
    let snapshot = serde_json::to_value(Snapshot::of(run)).unwrap();
    let mut parts: Vec<String> = snapshot
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    parts.push(format!("status: {:?} {:?}", run.status, run.slot));
    parts.push(format!("steps: {:?}", run.steps));
    parts.push(format!(
        "derived: {:?} {} {}",
        run.open_needs, run.ended, run.args
    ));
    parts.push(format!("values: {values:?}"));
    parts
}

fn same(found: &Run, expected: &Run, how: &str) {
    for (found, expected) in parts(found).iter().zip(&parts(expected)) {
        assert_eq!(found, expected, "{how}");
    }
}

/// Long texts, kept beside.
#[derive(Default)]
struct Blobs(BTreeMap<Hash, std::sync::Arc<str>>);

impl Blobs {
    fn keep<'b>(&mut self, bigs: impl IntoIterator<Item = &'b mut Big>) {
        self.0.extend(bigs.into_iter().filter_map(|big| big.blob()));
    }

    fn resolve<'b>(&self, bigs: impl IntoIterator<Item = &'b mut Big>) {
        for big in bigs {
            if let Big::Elsewhere(hash) = big {
                *big = Big::Here(self.0[hash].clone());
            }
        }
    }
}

/// `Snapshot::of`, through JSON, then `restore` is the run.
pub fn survives_a_snapshot(run: &Run) {
    let mut blobs = Blobs::default();
    let mut snapshot = Snapshot::of(run);
    let bytes = serde_json::to_vec(&snapshot).unwrap();
    blobs.keep(snapshot.bigs());
    let mut again: Snapshot = serde_json::from_slice(&bytes).unwrap();
    blobs.resolve(again.bigs());
    let restored = again
        .restore(run.plan.clone())
        .expect("it fits its own version");
    same(&restored, run, "a snapshot restores to the run");
}

/// The journal, through JSON, folds to the run.
pub fn folds_from_its_journal(driver: &Driver) {
    let mut folded: Option<Run> = None;
    for (at, events) in &driver.commits {
        let mut blobs = Blobs::default();
        let bytes = serde_json::to_vec(events).unwrap();
        for event in &mut events.clone() {
            blobs.keep(event.bigs());
        }
        let mut events: Vec<Event> = serde_json::from_slice(&bytes).unwrap();
        for event in &mut events {
            blobs.resolve(event.bigs());
            match (&mut folded, &*event) {
                (None, Event::RunCreated(created)) => {
                    let plan = driver.run.plan.clone();
                    folded = Some(Run::create((**created).clone(), *at, plan).unwrap());
                }
                (None, other) => panic!("the first event is {other:?}"),
                (Some(run), event) => run.apply(event, *at).unwrap(),
            }
        }
    }
    same(
        &folded.unwrap(),
        &driver.run,
        "the journal folds to the run",
    );
}
