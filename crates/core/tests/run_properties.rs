//! Any run, told anything in any order, keeps its promises: without an engine, a disk or a clock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod run_driver;

use std::time::Duration;

use baton_core::activity::{Answer, Asks, Question};
use baton_core::ids::{AttemptId, RunId};
use baton_core::run::big::{Big, INLINE_LIMIT};
use baton_core::run::decide::{Command, News, Refusal, ResumeFrom, inherited};
use baton_core::run::event::{
    Action, Actor, AttemptEnd, Cause, ChildOutcome, ErrorCode, Event, Finished, PauseReason,
    PauseThen, StepError, StepOutput,
};
use baton_core::run::{Slot, State, Status};
use proptest::prelude::*;
use run_driver::invariants::{folds_from_its_journal, survives_a_snapshot};
use run_driver::samples::{ALL, OF_AGENTS};
use run_driver::sessions::question;
use run_driver::{Driver, USER};

/// Something that happens; numbers mean one of those there are, if any.
#[derive(Debug, Clone)]
enum Op {
    End(usize, u8),
    LateWord(usize),
    Child(usize, u8),
    Pass(u64),
    JumpBack(u64),
    Pause(u8),
    Resume,
    Rewind(usize),
    ToCheckpoint(u32),
    Cancel(bool),
    Answer(Option<usize>, bool),
    SkipWait(usize),
    Post(u8),
    Hear(usize, u8, u64),
    LateNews(usize),
    Reply(usize, bool),
    FilesFinished,
    Merge(bool),
    Slot(bool),
    Deliver(u32),
}

fn op() -> impl Strategy<Value = Op> {
    let some = 0..64_usize;
    prop_oneof![
        10 => (some.clone(), 0..12_u8).prop_map(|(n, how)| Op::End(n, how)),
        10 => (some.clone(), any::<u8>(), 0..1_500_u64).prop_map(|(n, what, m)| Op::Hear(n, what, m)),
        1 => some.clone().prop_map(Op::LateNews),
        3 => (some.clone(), proptest::bool::weighted(0.8)).prop_map(|(n, fits)| Op::Reply(n, fits)),
        1 => Just(Op::FilesFinished),
        6 => proptest::bool::weighted(0.8).prop_map(Op::Merge),
        1 => some.clone().prop_map(Op::LateWord),
        4 => (some.clone(), 0..4_u8).prop_map(|(n, how)| Op::Child(n, how)),
        5 => (0..90_000_u64).prop_map(Op::Pass),
        1 => (0..5_000_u64).prop_map(Op::JumpBack),
        2 => (0..4_u8).prop_map(Op::Pause),
        3 => Just(Op::Resume),
        2 => some.clone().prop_map(Op::Rewind),
        2 => (0..12_u32).prop_map(Op::ToCheckpoint),
        1 => any::<bool>().prop_map(Op::Cancel),
        4 => (proptest::option::of(some.clone()), proptest::bool::weighted(0.8))
            .prop_map(|(n, yes)| Op::Answer(n, yes)),
        1 => some.prop_map(Op::SkipWait),
        1 => (0..6_u8).prop_map(Op::Post),
        2 => proptest::bool::weighted(0.9).prop_map(Op::Slot),
        2 => (0..24_u32).prop_map(Op::Deliver),
    ]
}

fn pick<T: Clone>(all: &[T], n: usize) -> Option<T> {
    (!all.is_empty()).then(|| all[n % all.len()].clone())
}

fn output(text: &str) -> StepOutput {
    StepOutput {
        result: Some(Big::new(text)),
        data: Some(Big::new(r#"{"x":[1,2.5]}"#)),
        outputs: Some(Big::new("{}")),
        exit_code: Some(0),
        stderr: None,
        warnings: vec![],
    }
}

fn end(how: u8) -> AttemptEnd {
    let failed = |code| AttemptEnd::Failed {
        error: StepError {
            code,
            message: "as told".into(),
        },
        output: StepOutput {
            exit_code: Some(1),
            ..StepOutput::default()
        },
    };
    match how {
        0..=2 => AttemptEnd::Succeeded {
            output: output("fine"),
        },
        3 => AttemptEnd::Succeeded {
            output: output(&"long ".repeat(INLINE_LIMIT / 4)),
        },
        4 => failed(ErrorCode::ExitCode),
        5 => failed(ErrorCode::Secret),
        6 => AttemptEnd::Lost {
            detail: "gone".into(),
            never_started: false,
        },
        7 => AttemptEnd::Lost {
            detail: "not begun".into(),
            never_started: true,
        },
        8 => AttemptEnd::Stopped {},
        9 => AttemptEnd::Parked {},
        10 => AttemptEnd::UsageLimit {
            resets_at: None,
            detail: "your limit".into(),
        },
        _ => AttemptEnd::SessionLost {
            detail: "not found".into(),
        },
    }
}

/// The attempts of agents that work.
fn agents(driver: &Driver) -> Vec<AttemptId> {
    let live = driver.run.live_sessions();
    live.map(|(attempt, _, _)| attempt).collect()
}

fn news(driver: &Driver, attempt: AttemptId, what: u8, m: u64) -> News {
    let n = u8::try_from(m % 5).unwrap();
    let message = u32::try_from(m % 20).unwrap();
    match what % 8 {
        0 | 1 => {
            let place = driver.run.in_flight().and_then(|all| all.get(&attempt));
            let step = place.and_then(|at| driver.run.step(*at)).unwrap();
            let known = step.session.as_deref().and_then(|s| s.native.clone());
            News::Session {
                session: known.unwrap_or_else(|| format!("of-{attempt}")),
                model: (what == 1).then(|| "model".into()),
                transcript: None,
            }
        }
        2 | 3 => News::Asked(question(n)),
        4 => News::Closed {
            question: question(n).id,
        },
        5 => News::Used(driver.sessions.uses_more(attempt, m)),
        6 => News::Taken { message },
        _ => News::Files {
            commit: format!("commit-{m}"),
        },
    }
}

/// An answer to an open question; one that does not fit it is for another kind.
fn reply(driver: &Driver, n: usize, fits: bool) -> Option<Command> {
    let sessions = driver.run.live_sessions();
    let open: Vec<(String, Question)> = sessions
        .flat_map(|(_, _, step)| {
            let asked = step.session.iter().flat_map(|session| &session.asked);
            asked.map(|asked| (step.key.clone(), asked.question.clone()))
        })
        .collect();
    let (step, question) = pick(&open, n)?;
    let chooses = matches!(question.asks, Asks::Choices { .. }) == fits;
    let answer = if chooses {
        let answers = [("Which?".to_owned(), vec!["that".to_owned()])];
        Answer::Choices {
            answers: answers.into_iter().collect(),
        }
    } else {
        Answer::Approve {
            remember: false,
            message: None,
        }
    };
    Some(Command::Reply {
        step: Some(step),
        question: Some(question.id),
        answer,
        by: USER,
    })
}

fn outcome(how: u8) -> ChildOutcome {
    match how {
        0 | 1 => ChildOutcome::Completed {
            outputs: Big::new(r#"{"said":"yes"}"#),
            commit: (how == 1).then(|| "ab".repeat(20)),
        },
        2 => ChildOutcome::Failed {
            message: "no".into(),
            code: None,
            commit: None,
        },
        _ => ChildOutcome::Cancelled {},
    }
}

fn action(n: u8) -> Action {
    let all = [
        Action::Comment,
        Action::Instruction,
        Action::Pause,
        Action::Resume,
        Action::Cancel,
        Action::Redirect,
    ];
    all[usize::from(n) % all.len()]
}

fn command(driver: &mut Driver, op: &Op) -> Option<Command> {
    let by = USER;
    Some(match *op {
        Op::End(n, how) => {
            let living: Vec<AttemptId> = driver.living.keys().copied().collect();
            let attempt = pick(&living, n)?;
            // Only agents meet limits and lose sessions.
            let is_agent = agents(driver).contains(&attempt);
            let how = if how >= 10 && !is_agent { 0 } else { how };
            let end = end(how);
            Command::AttemptEnded { attempt, end }
        }
        Op::Hear(n, what, m) => {
            let attempt = pick(&agents(driver), n)?;
            let news = news(driver, attempt, what, m);
            Command::Hear { attempt, news }
        }
        Op::LateNews(n) => Command::Hear {
            attempt: pick(&driver.gone, n)?,
            news: News::Asked(question(2)),
        },
        Op::Reply(n, fits) => reply(driver, n, fits)?,
        Op::Merge(fits) => {
            let merging = driver.in_state(|s| matches!(s, State::Merging { .. }));
            let (at, key) = pick(&merging, 0)?;
            Command::Merged {
                key,
                number: driver.run.step(at)?.apart.as_ref()?.number,
                outcome: Finished {
                    branch: "baton/run-each-0-1".into(),
                    commit: None,
                    merged_into: None,
                    conflicts: if fits { vec![] } else { vec!["a.txt".into()] },
                    checkpoint: fits.then(|| "merged".into()),
                    detail: "Its work was brought back.".into(),
                },
            }
        }
        Op::FilesFinished => Command::FilesFinished {
            outcome: Finished {
                branch: "baton/run".into(),
                commit: None,
                merged_into: None,
                conflicts: vec![],
                checkpoint: None,
                detail: "The work is on branch baton/run.".into(),
            },
        },
        Op::LateWord(n) => Command::AttemptEnded {
            attempt: pick(&driver.gone, n)?,
            end: end(0),
        },
        Op::Child(n, how) => {
            let children: Vec<(RunId, String)> = driver
                .children
                .iter()
                .map(|(run, key)| (*run, key.clone()))
                .collect();
            let (child, key) = pick(&children, n)?;
            Command::ChildEnded {
                key,
                child,
                outcome: outcome(how),
            }
        }
        Op::Pass(millis) => {
            driver.now += millis;
            Command::Tick
        }
        Op::JumpBack(millis) => {
            driver.now -= millis;
            Command::Tick
        }
        Op::Pause(0) => Command::Pause {
            immediate: false,
            detail: None,
            reason: PauseReason::Parent,
            by: Actor::Parent(RunId::from_bits(2)),
        },
        Op::Pause(how) => Command::Pause {
            immediate: how == 3,
            detail: Some("lunch".into()),
            reason: PauseReason::Request,
            by,
        },
        Op::Resume => Command::Resume {
            from: None,
            text: Some("go".into()),
            by,
        },
        Op::Rewind(n) => {
            let all = driver.in_state(|_| true);
            let (_, key) = pick(&all, n)?;
            Command::Resume {
                from: Some(ResumeFrom::Step(key)),
                text: None,
                by,
            }
        }
        Op::ToCheckpoint(number) => Command::Resume {
            from: Some(ResumeFrom::Checkpoint(number)),
            text: None,
            by,
        },
        Op::Cancel(parent) => {
            let by = if parent {
                Actor::Parent(RunId::from_bits(2))
            } else {
                by
            };
            Command::Cancel { reason: None, by }
        }
        Op::Answer(n, approved) => {
            let asks =
                driver.in_state(|s| matches!(s, State::Approval { .. } | State::AskLost { .. }));
            let step = n.and_then(|n| pick(&asks, n)).map(|(_, key)| key);
            Command::Answer {
                step,
                approved,
                message: None,
                by,
            }
        }
        Op::SkipWait(n) => {
            let waits = driver.in_state(|s| {
                matches!(
                    s,
                    State::Timer { .. } | State::Backoff { .. } | State::UsageLimit { .. }
                )
            });
            Command::SkipWait {
                step: pick(&waits, n)?.1,
                by,
            }
        }
        Op::Post(n) => Command::Post {
            content: "Mind the gap".into(),
            action: action(n),
            step: None,
            metadata: None,
            by,
        },
        Op::Slot(true) => Command::SlotGranted { request: None },
        Op::Slot(false) => Command::SlotRefused {
            request: None,
            detail: "full".into(),
        },
        Op::Deliver(message) => Command::Delivered { message },
    })
}

fn happen(driver: &mut Driver, op: &Op) {
    let Some(command) = command(driver, op) else {
        return;
    };
    let sent = driver.send(&command);
    match op {
        Op::LateWord(_) | Op::LateNews(_) => {
            assert_eq!(sent, Err(Refusal::Stale), "a late word counts");
        }
        Op::End(..)
        | Op::Hear(..)
        | Op::FilesFinished
        | Op::Merge(_)
        | Op::Child(..)
        | Op::Pass(_)
        | Op::JumpBack(_)
        | Op::Deliver(_) => {
            assert_eq!(sent, Ok(()), "{op:?}");
        }
        _ => {}
    }
    survives_a_snapshot(&driver.run);
}

fn merging(driver: &Driver) -> bool {
    let merging = driver.in_state(|s| matches!(s, State::Merging { .. }));
    !merging.is_empty()
}

/// Once nothing disturbs it any more, a run comes to an end.
fn calm(driver: &mut Driver) {
    for _ in 0..400 {
        let op = match &driver.run.status {
            status if status.is_ended() => {
                happen(driver, &Op::FilesFinished);
                assert!(!driver.run.files.finishing, "its branch is not finished");
                return;
            }
            _ if merging(driver) => Op::Merge(true),
            _ if !driver.living.is_empty() => Op::End(0, 0),
            _ if !driver.children.is_empty() => Op::Child(0, 0),
            _ if matches!(driver.run.slot, Slot::Waiting { .. }) => Op::Slot(true),
            Status::Paused(_) => Op::Resume,
            _ => match driver
                .in_state(|s| matches!(s, State::Approval { .. } | State::AskLost { .. }))
            {
                asks if !asks.is_empty() => Op::Answer(Some(0), true),
                _ => Op::Pass(Duration::from_secs(600).as_millis() as u64),
            },
        };
        happen(driver, &op);
        // Paused and waiting for a place: both are needed.
        if matches!(driver.run.status, Status::Paused(_)) {
            happen(driver, &Op::Resume);
        }
    }
    panic!("it does not end: {:#?}", driver.run);
}

fn then() -> impl Strategy<Value = PauseThen> {
    prop_oneof![
        Just(PauseThen::Stay),
        Just(PauseThen::Resume),
        Just(PauseThen::Cancel)
    ]
}

/// How many random runs each promise is tried with; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    wanted.and_then(|cases| cases.parse().ok()).unwrap_or(100)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_keeps_its_promises(
        sample in 0..ALL.len(),
        then in then(),
        ops in proptest::collection::vec(op(), 0..60),
    ) {
        let mut driver = Driver::new(ALL[sample], then, vec![]);
        survives_a_snapshot(&driver.run);
        for op in &ops {
            happen(&mut driver, op);
        }
        calm(&mut driver);
        folds_from_its_journal(&driver);
    }

    #[test]
    fn a_run_of_agents_keeps_its_promises(
        sample in 0..OF_AGENTS.len(),
        then in then(),
        ops in proptest::collection::vec(op(), 0..90),
    ) {
        let mut driver = Driver::new(OF_AGENTS[sample], then, vec![]);
        for op in &ops {
            happen(&mut driver, op);
        }
        calm(&mut driver);
        folds_from_its_journal(&driver);
    }

    #[test]
    fn a_fork_of_any_run_from_any_step_keeps_them_too(
        sample in 0..ALL.len(),
        ops in proptest::collection::vec(op(), 0..40),
        from in 0..64_usize,
        later in proptest::collection::vec(op(), 0..20),
    ) {
        let mut driver = Driver::new(ALL[sample], PauseThen::Stay, vec![]);
        for op in &ops {
            happen(&mut driver, op);
        }
        let key = pick(&driver.run.steps, from).unwrap().key;
        if let Ok(taken) = inherited(&driver.run, Some(&key)) {
            let mut fork = Driver::new(ALL[sample], PauseThen::Stay, taken.inherited);
            for op in &later {
                happen(&mut fork, op);
            }
            calm(&mut fork);
            folds_from_its_journal(&fork);
        }
    }
}

/// What random runs found once, kept.
#[test]
fn a_lost_attempt_in_an_earlier_steps_session_is_told_again_what_another_has_taken() {
    let mut driver = Driver::new(OF_AGENTS[0], PauseThen::Stay, vec![]);
    // Each op counts: the attempts' ids, and so their order, follow from all before.
    let ops = [
        Op::Pass(0),
        Op::End(12, 0),
        Op::Pass(0),
        Op::Hear(0, 102, 0),
        Op::Hear(0, 6, 0),
        Op::Resume,
        Op::Hear(0, 8, 0),
        Op::Resume,
        Op::End(0, 0),
        Op::Cancel(false),
        Op::Hear(0, 0, 0),
        Op::Hear(0, 0, 0),
        Op::Hear(0, 0, 0),
        Op::End(8, 4),
        Op::End(0, 0),
        Op::End(0, 0),
        Op::Resume,
        Op::Hear(14, 112, 0),
        Op::End(7, 6),
    ];
    for op in &ops {
        happen(&mut driver, op);
    }
    let begun = driver.commits.iter().flat_map(|(_, events)| events);
    let mut told = begun.filter_map(|event| match event {
        Event::AttemptStarted {
            key, cause, heads, ..
        } if key == "on" && !heads.is_empty() => Some((*cause, heads.clone())),
        _ => None,
    });
    let (_, before) = told.next().expect("it is told at the head of its prompt");
    assert_eq!(told.next(), Some((Cause::Lost, before)));
}
