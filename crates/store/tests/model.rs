//! Under any sequence of appends, failures, removals and restarts the SQLite journal answers as the
//! plain one in memory does.
#![allow(clippy::unwrap_used, clippy::panic)]

mod made;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use baton_core::ids::CommandId;
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, Append, AppendError, Journal, Position, Wake};
use baton_store::{Faults, MemoryJournal, Options, SqliteJournal};
use made::{append, put, run};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    Append {
        run: u64,
        ahead: i8,
        command: Option<u8>,
        due: Option<u8>,
        live: bool,
        blob: Option<u8>,
        fault: u8,
    },
    Reopen,
}

/// One fault, at the next commit.
#[derive(Default)]
struct Next(AtomicU8);

impl Faults for Next {
    fn before_commit(&self, _: usize) -> Option<String> {
        let hit = self
            .0
            .compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst);
        hit.is_ok().then(|| "before".to_owned())
    }

    fn after_commit(&self, _: usize) -> Option<String> {
        let hit = self
            .0
            .compare_exchange(2, 0, Ordering::SeqCst, Ordering::SeqCst);
        hit.is_ok().then(|| "after".to_owned())
    }
}

fn op() -> impl Strategy<Value = Op> {
    let append = (
        1..4u64,
        prop_oneof![8 => Just(1i8), 1 => Just(0i8), 1 => Just(2i8)],
        proptest::option::weighted(0.4, 0..6u8),
        proptest::option::of(0..9u8),
        any::<bool>(),
        proptest::option::weighted(0.2, 0..3u8),
        prop_oneof![8 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)],
    )
        .prop_map(|(run, ahead, command, due, live, blob, fault)| Op::Append {
            run,
            ahead,
            command,
            due,
            live,
            blob,
            fault,
        });
    prop_oneof![20 => append, 1 => Just(Op::Reopen)]
}

fn build(op: &Op, head: u64) -> Append {
    let Op::Append {
        run,
        ahead,
        command,
        due,
        live,
        blob,
        ..
    } = op
    else {
        unreachable!()
    };
    let seq = head.saturating_add_signed(i64::from(*ahead));
    let mut append = match blob {
        Some(n) => made::with_blob(*run, seq, &format!("blob {n}")),
        None => append(*run, seq),
    };
    append.command = command.map(|n| CommandId(format!("command {n}")));
    append.wake = Wake {
        due: due.map(|due| Timestamp::from_millis(due.into())),
        live: *live,
        unfinished: true,
    };
    append
}

/// Positions differ where commits failed: only their order is compared.
fn kind(result: &Result<baton_engine::ports::Appended, AppendError>) -> String {
    match result {
        Ok(appended) => format!("ok {}", appended.seq),
        Err(AppendError::Repeated(appended)) => format!("repeated {}", appended.seq),
        Err(other) => other.to_string(),
    }
}

fn compare(one: &dyn Journal, two: &dyn Journal) {
    let all = |journal: &dyn Journal| -> Vec<_> {
        let commits = journal.since(Position(0), 10_000).unwrap();
        assert!(
            commits
                .windows(2)
                .all(|pair| pair[0].position < pair[1].position)
        );
        let last = commits.last().map_or(Position(0), |commit| commit.position);
        assert_eq!(last, journal.head());
        let plain = |c: baton_engine::ports::Stored| (c.aggregate, c.seq, c.at, c.events);
        commits.into_iter().map(plain).collect()
    };
    assert_eq!(all(one), all(two));
    let wakes = |journal: &dyn Journal| {
        let mut wakes = journal.wakes().unwrap();
        wakes.sort_by(|a, b| a.0.cmp(&b.0));
        wakes
    };
    assert_eq!(wakes(one), wakes(two));
    for number in 1..4 {
        let id = Aggregate::Run(run(number));
        let load = |journal: &dyn Journal, after| -> Vec<_> {
            let commits = journal.load(&id, after).unwrap();
            commits.into_iter().map(|c| (c.seq, c.events)).collect()
        };
        assert_eq!(load(one, 0), load(two, 0));
        assert_eq!(load(one, 2), load(two, 2));
        assert_eq!(one.run_of_number(number), two.run_of_number(number));
    }
    for n in 0..6 {
        let id = CommandId(format!("command {n}"));
        let plain = |journal: &dyn Journal| {
            let found = journal.command(&id).unwrap();
            found.map(|(aggregate, appended)| (aggregate, appended.seq))
        };
        assert_eq!(plain(one), plain(two));
    }
    for n in 0..3 {
        let hash = baton_core::run::big::hash(&format!("blob {n}"));
        assert_eq!(one.blob(&hash), two.blob(&hash));
    }
}

/// A commit: where, whose, its number and its events.
type Plain = (Position, Aggregate, u64, Arc<[u8]>);

/// What follows on each position, two commits at a time.
fn pages(journal: &dyn Journal) -> Vec<Vec<Plain>> {
    let after = (0..=journal.head().0).map(Position);
    let page = |after| {
        let commits = journal.since(after, 2).unwrap().into_iter();
        commits
            .map(|c| (c.position, c.aggregate, c.seq, c.events))
            .collect()
    };
    after.map(page).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sqlite_answers_as_the_model_does(ops in proptest::collection::vec(op(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let faults = [Arc::new(Next::default()), Arc::new(Next::default())];
        let open = || {
            let options = Options { faults: faults[0].clone() };
            SqliteJournal::open_with(dir.path(), options).unwrap()
        };
        let model = MemoryJournal::new(faults[1].clone());
        let mut sqlite = open();
        for op in &ops {
            let Op::Append { run: number, fault, .. } = op else {
                drop(sqlite);
                sqlite = open();
                continue;
            };
            let head = model.load(&Aggregate::Run(run(*number)), 0).unwrap().len() as u64;
            for next in &faults {
                next.0.store(*fault, Ordering::SeqCst);
            }
            let results = [put(&sqlite, build(op, head)), put(&model, build(op, head))];
            for next in &faults {
                next.0.store(0, Ordering::SeqCst);
            }
            prop_assert_eq!(kind(&results[0]), kind(&results[1]));
        }
        compare(&sqlite, &model);
        // The last commits are read from memory, then from the disk.
        let from_memory = pages(&sqlite);
        drop(sqlite);
        let sqlite = open();
        prop_assert_eq!(from_memory, pages(&sqlite));
        compare(&sqlite, &model);
    }
}
