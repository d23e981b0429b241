//! What becomes of agents' sessions, words and files when attempts end, are lost or are undone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    missing_docs
)]

mod run_driver;

use std::collections::BTreeMap;

use baton_core::activity::Usage;
use baton_core::definition::{Finish, WorktreeMode};
use baton_core::ids::{AttemptId, RunId};
use baton_core::run::big::Big;
use baton_core::run::decide::{Command, News, Refusal, ResumeFrom, files_before, inherited};
use baton_core::run::event::{
    Action, Actor, AttemptEnd, ChildOutcome, ErrorCode, Event, Finished, PauseReason, PauseThen,
    ResetReason, StepError, StepOutput, Workspace,
};
use baton_core::run::work::{AgentWork, Work};
use baton_core::run::{ChildOrder, Message, State, Step};
use baton_core::time::Timestamp;
use run_driver::{Driver, USER};

const AGENT: &str = "
name: Agent
steps:
  - {id: work, type: agent, agent: claude, prompt: 'Do it'}
";

const GOES_ON: &str = "
name: Goes on
steps:
  - {id: first, type: agent, agent: claude, prompt: 'Do it'}
  - {id: second, type: agent, agent: claude, prompt: 'More', session: first}
";

const BESIDE: &str = "
name: Beside
steps:
  - {id: agent, type: agent, agent: claude, prompt: 'Do it', needs: []}
  - {id: flaky, type: script, command: 'true', needs: [], retry: {attempts: 2, backoff: 60s}}
  - {id: child, type: workflow, workflow: child, args: {}, needs: []}
  - {id: one, type: script, command: 'true', needs: []}
  - {id: two, type: script, command: 'true', needs: [one]}
  - {id: three, type: script, command: 'true', needs: [two]}
";

const RETRIED: &str = "
name: Retried
steps:
  - {id: work, type: agent, agent: claude, prompt: 'Do it', retry: {attempts: 2, backoff: 1s}}
";

const EACH: &str = "
name: Each
steps:
  - {id: each, type: agent, agent: claude, prompt: '{{ item }}', foreach: [a, b], max_parallel: 1}
  - {id: last, type: script, command: 'true'}
";

const CHILD_BESIDE: &str = "
name: Child beside
steps:
  - {id: child, type: workflow, workflow: child, args: {}, needs: []}
  - {id: one, type: script, command: 'true', needs: []}
";

const CHILD_FIRST: &str = "
name: Child first
steps:
  - {id: child, type: workflow, workflow: child, args: {}, continue_on_error: true}
  - {id: last, type: script, command: 'true'}
";

const CHILDREN: &str = "
name: Children
steps:
  - {id: each, type: workflow, workflow: child, args: {}, foreach: [a, b], max_parallel: 2, isolate: true, retry: {attempts: 3, backoff: 1s}}
";

const BRANCHES: &str = "
name: Branches
steps:
  - {id: a, type: script, command: 'true', needs: []}
  - {id: b, type: script, command: 'true', needs: [a]}
  - {id: c, type: script, command: 'true', needs: [a]}
  - {id: after_b, type: wait, for: 1s, needs: [b]}
  - {id: ok, type: approval, message: 'Go on?', needs: [after_b, c]}
";

fn driver(source: &str) -> Driver {
    Driver::new(source, PauseThen::Stay, vec![])
}

/// A run with a worktree of its own.
fn in_worktree(source: &str) -> Driver {
    let workspace = Workspace {
        mode: WorktreeMode::Worktree,
        repository: "/p".into(),
        inside: String::new(),
        root: "/w".into(),
        branch: "baton/sample".into(),
        base: format!("{:040}", 0),
        base_branch: None,
        copy: vec![],
        setup: None,
        finish: Finish::Keep,
        shared: false,
        generation: 0,
        newest: None,
        parent: None,
    };
    Driver::placed(source, PauseThen::Stay, vec![], Some(workspace))
}

fn attempt(run: &Driver, key: &str) -> AttemptId {
    let of = |(attempt, of): (&AttemptId, &String)| (of == key).then_some(*attempt);
    run.living.iter().find_map(of).unwrap()
}

fn ends(run: &mut Driver, key: &str, end: AttemptEnd) {
    let attempt = attempt(run, key);
    run.send(&Command::AttemptEnded { attempt, end }).unwrap();
}

fn well() -> AttemptEnd {
    AttemptEnd::Succeeded {
        output: StepOutput::default(),
    }
}

fn lost() -> AttemptEnd {
    AttemptEnd::Lost {
        detail: "gone".into(),
        never_started: false,
    }
}

fn hears(run: &mut Driver, key: &str, news: News) {
    let attempt = attempt(run, key);
    run.send(&Command::Hear { attempt, news }).unwrap();
}

fn session(id: &str) -> News {
    News::Session {
        session: id.into(),
        model: None,
        transcript: None,
    }
}

fn step<'r>(run: &'r Driver, key: &str) -> &'r Step {
    run.run.step(run.run.find(key).unwrap()).unwrap()
}

/// What this step is asked, as a host that takes its attempt back works it out.
fn work(run: &Driver, key: &str) -> AgentWork {
    let place = run.run.find(key).unwrap();
    match run.run.work(place, &BTreeMap::new()).unwrap() {
        Work::Agent(work) => *work,
        Work::Script(_) => panic!("`{key}` is an agent"),
    }
}

#[test]
fn an_attempt_in_flight_keeps_the_session_that_it_was_started_with() {
    let mut run = driver(AGENT);
    ends(&mut run, "work", lost());
    let started = work(&run, "work");
    assert_eq!(started.resume, None);
    hears(&mut run, "work", session("one"));
    assert_eq!(work(&run, "work"), started);
    ends(&mut run, "work", lost());
    let started = work(&run, "work");
    assert_eq!(started.resume.as_deref(), Some("one"));
    hears(&mut run, "work", session("two"));
    assert_eq!(work(&run, "work"), started);
}

#[test]
fn an_attempt_in_flight_keeps_the_earlier_steps_session() {
    let mut run = driver(GOES_ON);
    hears(&mut run, "first", session("one"));
    ends(&mut run, "first", well());
    ends(&mut run, "second", lost());
    let started = work(&run, "second");
    assert_eq!(started.resume.as_deref(), Some("one"));
    assert!(started.prompt.ends_with("More"));
    hears(&mut run, "second", session("two"));
    assert_eq!(work(&run, "second"), started);
}

fn commit(n: u32) -> News {
    News::Files {
        commit: format!("{n:040}"),
    }
}

fn limit(resets_at: Option<Timestamp>) -> AttemptEnd {
    AttemptEnd::UsageLimit {
        resets_at,
        detail: "5-hour limit".into(),
    }
}

fn failed() -> AttemptEnd {
    AttemptEnd::Failed {
        error: StepError {
            code: ErrorCode::ExitCode,
            message: "exit code 1".into(),
        },
        output: StepOutput::default(),
    }
}

fn ends_child(run: &mut Driver, outcome: ChildOutcome) {
    let by_key = run.children.iter().min_by_key(|(_, key)| *key);
    let (child, key) = by_key.map(|(child, key)| (*child, key.clone())).unwrap();
    let ended = Command::ChildEnded {
        key,
        child,
        outcome,
    };
    run.send(&ended).unwrap();
}

#[test]
fn the_files_of_one_attempt_are_not_those_of_the_next() {
    let mut run = driver(AGENT);
    hears(&mut run, "work", commit(1));
    ends(&mut run, "work", lost());
    ends(&mut run, "work", well());
    assert_eq!(run.run.checkpoints[&0].commit, None);
}

#[test]
fn a_child_that_worked_in_the_files_leaves_a_checkpoint_to_go_back_to() {
    for failed in [false, true] {
        let mut run = in_worktree(CHILD_FIRST);
        let commit = Some(format!("{:040}", 7));
        let outcome = match failed {
            false => ChildOutcome::Completed {
                outputs: Big::new("{}"),
                commit: commit.clone(),
            },
            true => ChildOutcome::Failed {
                message: "no".into(),
                code: None,
                commit: commit.clone(),
            },
        };
        ends_child(&mut run, outcome);
        let checkpoint = &run.run.checkpoints[&0];
        assert_eq!(
            (checkpoint.after.as_str(), &checkpoint.commit),
            ("child", &commit)
        );
        assert!(!checkpoint.partial);
        let last = ResetReason::Step("last".into());
        let files = run.run.files_without(&["last".into()], &last);
        assert_eq!(files, commit.as_deref(), "before what follows it");
        let first = ResetReason::Step("child".into());
        let both = ["child".into(), "last".into()];
        assert_eq!(run.run.files_without(&both, &first), None, "before itself");
    }
}

#[test]
fn a_child_that_touched_no_files_leaves_none() {
    let mut run = in_worktree(CHILD_FIRST);
    let outputs = Big::new("{}");
    let commit = None;
    ends_child(&mut run, ChildOutcome::Completed { outputs, commit });
    assert!(run.run.checkpoints.is_empty());
}

#[test]
fn a_checkpoint_beside_a_step_that_waits_with_half_its_work_done_is_partial() {
    let mut run = driver(BESIDE);
    ends(&mut run, "agent", limit(None));
    ends(&mut run, "flaky", failed());
    ends(&mut run, "one", well());
    assert!(run.run.checkpoints[&0].partial, "all three wait");
    let outputs = Big::new("{}");
    let commit = None;
    ends_child(&mut run, ChildOutcome::Completed { outputs, commit });
    ends(&mut run, "two", well());
    assert!(run.run.checkpoints[&1].partial, "the agent and the script");
    for step in ["agent", "flaky"] {
        let skip = Command::SkipWait {
            step: step.into(),
            by: USER,
        };
        run.send(&skip).unwrap();
        ends(&mut run, step, well());
    }
    ends(&mut run, "three", well());
    let partial: Vec<bool> = run.run.checkpoints.values().map(|c| c.partial).collect();
    assert_eq!(partial, [true, true, true, true, false]);
}

/// Its number.
fn instruct(run: &mut Driver, content: &str, step: Option<&str>) -> u32 {
    let post = Command::Post {
        content: content.into(),
        action: Action::Instruction,
        step: step.map(str::to_owned),
        metadata: None,
        by: USER,
    };
    let number = run.run.messages;
    run.send(&post).unwrap();
    number
}

fn received(run: &Driver) -> usize {
    let posted = run.commits.iter().flat_map(|(_, events)| events);
    let received = posted.filter(
        |event| matches!(event, Event::MessagePosted(m) if m.content.starts_with("Acknowledged")),
    );
    received.count()
}

#[test]
fn a_new_session_is_told_what_the_one_before_it_had_taken() {
    let mut run = driver(RETRIED);
    hears(&mut run, "work", session("one"));
    let message = instruct(&mut run, "Use the new API", None);
    hears(&mut run, "work", News::Taken { message });
    ends(&mut run, "work", lost());
    assert!(
        !work(&run, "work").prompt.contains("new API"),
        "its session knows"
    );
    ends(&mut run, "work", failed());
    run.now += 60_000;
    run.send(&Command::Tick).unwrap();
    let prompt = work(&run, "work").prompt;
    assert!(
        prompt.contains(&format!("[message {message}] Use the new API")),
        "{prompt}"
    );
    hears(&mut run, "work", session("two"));
    assert_eq!(received(&run), 1, "that it arrived is said once");
    ends(&mut run, "work", well());
    assert!(run.run.open_messages.is_empty());
}

#[test]
fn what_was_for_a_foreach_is_done_when_its_item_is() {
    let mut run = driver(EACH);
    hears(&mut run, "each.0", session("one"));
    let message = instruct(&mut run, "Be brief", Some("each"));
    hears(&mut run, "each.0", News::Taken { message });
    ends(&mut run, "each.0", well());
    assert!(run.run.open_messages.is_empty());
}

/// Meets a usage limit; the minutes until it is looked at again, after which that is done.
fn minutes_of_limit(run: &mut Driver, resets_at: Option<Timestamp>) -> u64 {
    ends(run, "work", limit(resets_at));
    let State::UsageLimit { until, since, .. } = step(run, "work").state else {
        panic!("it waits");
    };
    run.now += u64::try_from(until.since(since).as_millis()).unwrap();
    run.send(&Command::Tick).unwrap();
    until.since(since).as_secs() / 60
}

#[test]
fn a_usage_limit_without_a_reset_to_come_is_looked_at_ever_more_seldom() {
    let mut run = driver(AGENT);
    let over = Some(Timestamp::from_millis(run.now));
    let waits = [over, None, over, None, None, None].map(|at| minutes_of_limit(&mut run, at));
    assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    let to_come = Timestamp::from_millis(run.now + 30 * 60_000);
    assert_eq!(minutes_of_limit(&mut run, Some(to_come)), 30);
}

fn used(run: &mut Driver, key: &str, input: u64, cost: f64) {
    let usage = Usage {
        input,
        cost_usd: Some(cost),
        ..Usage::default()
    };
    hears(run, key, News::Used(usage));
}

fn resume(run: &mut Driver, from: ResumeFrom) {
    let resume = Command::Resume {
        from: Some(from),
        text: None,
        by: USER,
    };
    run.send(&resume).unwrap();
}

#[test]
fn what_the_items_of_an_undone_foreach_used_stays_used() {
    let mut run = driver(EACH);
    for round in 1..3 {
        for key in ["each.0", "each.1"] {
            used(&mut run, key, 10, 0.5);
            ends(&mut run, key, well());
        }
        ends(&mut run, "last", well());
        resume(&mut run, ResumeFrom::Step("each".into()));
        assert_eq!(run.run.usage().tokens(), 20 * round);
        assert_eq!(run.run.usage().cost_usd.unwrap().round() as u64, round);
    }
}

#[test]
fn sums_of_what_was_used_do_not_overflow() {
    let mut run = driver(EACH);
    used(&mut run, "each.0", u64::MAX, 0.5);
    ends(&mut run, "each.0", well());
    used(&mut run, "each.1", u64::MAX, 0.5);
    assert_eq!(run.run.usage().tokens(), u64::MAX);
}

fn pause(run: &mut Driver, reason: PauseReason, immediate: bool) {
    let by = match reason {
        PauseReason::Parent => Actor::Parent(run.run.created.run),
        PauseReason::Request | PauseReason::Budget => USER,
    };
    let pause = Command::Pause {
        detail: None,
        reason,
        immediate,
        by,
    };
    run.send(&pause).unwrap();
}

fn orders(run: &Driver) -> Vec<ChildOrder> {
    let order = |(_, message): (u32, &Message)| match message {
        Message::TellChild { order, .. } => Some(*order),
        _ => None,
    };
    run.run.outbox.open().filter_map(order).collect()
}

#[test]
fn a_pause_interrupts_the_agents_of_children_as_well() {
    let mut run = driver(BESIDE);
    pause(&mut run, PauseReason::Request, false);
    assert_eq!(orders(&run), [ChildOrder::Pause]);
    for key in ["agent", "flaky", "one"] {
        ends(&mut run, key, well());
    }
    assert_eq!(run.run.status.word(), "paused");
    let mut run = driver(CHILD_BESIDE);
    pause(&mut run, PauseReason::Request, false);
    pause(&mut run, PauseReason::Request, true);
    assert_eq!(orders(&run), [ChildOrder::Pause, ChildOrder::PauseNow]);
}

#[test]
fn a_child_that_is_pausing_by_its_parent_may_be_paused_at_once_by_it() {
    for (first, stays) in [(PauseReason::Parent, false), (PauseReason::Request, true)] {
        let mut run = driver(AGENT);
        pause(&mut run, first, false);
        pause(&mut run, PauseReason::Parent, true);
        ends(&mut run, "work", AttemptEnd::Parked {});
        assert_eq!(run.run.status.word(), "paused");
        let resume = Command::Resume {
            from: None,
            text: None,
            by: Actor::Parent(run.run.created.run),
        };
        run.send(&resume).unwrap();
        let word = if stays { "paused" } else { "running" };
        assert_eq!(run.run.status.word(), word);
    }
}

#[test]
fn a_merge_conflict_of_a_child_is_not_retried() {
    for (code, retried) in [(Some(ErrorCode::MergeConflict), false), (None, true)] {
        let mut run = in_worktree(CHILDREN);
        let message = "no".into();
        let commit = None;
        ends_child(
            &mut run,
            ChildOutcome::Failed {
                message,
                code,
                commit,
            },
        );
        match &step(&run, "each.0").state {
            State::Backoff { .. } => assert!(retried),
            State::Failed(error) => assert_eq!(Some(error.code), code),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_the_child_that_its_step_still_is_merges_its_work_back() {
    let mut run = in_worktree(CHILDREN);
    let by_key: BTreeMap<_, _> = run.children.iter().map(|(run, key)| (key, *run)).collect();
    let children: Vec<RunId> = by_key.into_values().collect();
    let next = |run: &Driver, item: &str, child: usize| {
        run.run
            .is_next_to_merge(&format!("each.{item}"), children[child])
    };
    assert_eq!(next(&run, "0", 0), Some(true));
    assert_eq!(next(&run, "1", 1), Some(false), "in item order");
    assert_eq!(next(&run, "1", 0), None);
    let outcome = ChildOutcome::Cancelled {};
    ends_child(&mut run, outcome);
    run.now += 60_000;
    run.send(&Command::Tick).unwrap();
    assert!(matches!(step(&run, "each.0").state, State::Child { .. }));
    assert_eq!(next(&run, "0", 0), None, "there is another in its place");
}

fn works(run: &Driver) -> Vec<&str> {
    let mut keys: Vec<&str> = run.living.values().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_completed_run_goes_back_only_when_its_branch_is_finished() {
    let mut run = in_worktree(AGENT);
    ends(&mut run, "work", well());
    assert_eq!(run.run.status.word(), "completed");
    let back = Command::Resume {
        from: Some(ResumeFrom::Step("work".into())),
        text: None,
        by: USER,
    };
    assert!(matches!(run.send(&back), Err(Refusal::Outstanding(_))));
    let outcome = Finished {
        branch: "baton/sample".into(),
        commit: None,
        merged_into: None,
        conflicts: vec![],
        checkpoint: None,
        detail: "done".into(),
    };
    run.send(&Command::FilesFinished { outcome }).unwrap();
    run.send(&back).unwrap();
    assert_eq!(works(&run), ["work"]);
}

/// `a`, then `c`, then `b` have ended; the run is paused.
fn branches(mut run: Driver) -> Driver {
    for (n, key) in [(1, "a"), (2, "c"), (3, "b")] {
        hears(&mut run, key, commit(n));
        ends(&mut run, key, well());
    }
    run.now += 60_000;
    run.send(&Command::Tick).unwrap();
    pause(&mut run, PauseReason::Request, false);
    run
}

#[test]
fn going_back_in_one_branch_undoes_those_whose_files_it_takes_away() {
    let mut run = branches(in_worktree(BRANCHES));
    resume(&mut run, ResumeFrom::Step("c".into()));
    assert_eq!(run.run.files.newest, Some(format!("{:040}", 1)));
    assert_eq!(works(&run), ["b", "c"], "the files are those after `a`");
    assert_eq!(step(&run, "after_b").state, State::Pending);
    let mut run = branches(driver(BRANCHES));
    resume(&mut run, ResumeFrom::Step("c".into()));
    assert_eq!(works(&run), ["c"], "it has no files of its own");
}

#[test]
fn a_fork_in_one_branch_takes_over_only_what_its_files_hold() {
    let keys = |run: &Driver| -> Vec<String> {
        let taken = inherited(&run.run, Some("c")).unwrap();
        taken.inherited.into_iter().map(|taken| taken.key).collect()
    };
    let run = branches(in_worktree(BRANCHES));
    assert_eq!(
        files_before(&run.run, Some("c")),
        Some(format!("{:040}", 1))
    );
    assert_eq!(keys(&run), ["a"]);
    assert_eq!(keys(&branches(driver(BRANCHES))), ["a", "b", "after_b"]);
}
