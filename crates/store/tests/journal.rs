//! What the journal promises, through its public interface.
#![allow(clippy::unwrap_used, clippy::panic)]

mod made;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use baton_core::ids::{CommandId, ProjectId};
use baton_core::run::big::hash;
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, AppendError, Journal, Position, Wake};
use baton_store::{Faults, Options, Project, SqliteJournal, WriteError};
use made::{append, hand, put, run, with_blob, with_command};

fn open() -> (tempfile::TempDir, SqliteJournal) {
    let dir = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(dir.path()).unwrap();
    (dir, journal)
}

fn seqs(journal: &dyn Journal, number: u64, after: u64) -> Vec<u64> {
    let stored = journal.load(&Aggregate::Run(run(number)), after).unwrap();
    stored.iter().map(|commit| commit.seq).collect()
}

#[test]
fn what_is_appended_is_loaded_in_order_also_after_reopening() {
    let (dir, journal) = open();
    for seq in 1..=5 {
        put(&journal, append(1, seq)).unwrap();
        put(&journal, append(2, seq)).unwrap();
    }
    let head = journal.head();
    drop(journal);
    let journal = SqliteJournal::open(dir.path()).unwrap();
    assert_eq!(journal.head(), head);
    assert_eq!(seqs(&journal, 1, 0), [1, 2, 3, 4, 5]);
    assert_eq!(seqs(&journal, 2, 3), [4, 5]);
    assert_eq!(seqs(&journal, 2, 5), Vec::<u64>::new());
    assert_eq!(seqs(&journal, 3, 0), Vec::<u64>::new());
    let commit = &journal.load(&Aggregate::Run(run(2)), 4).unwrap()[0];
    assert_eq!(commit.at, Timestamp::from_millis(1_005));
    assert_eq!(*commit.events, *br#"[{"run":2,"seq":5}]"#);
    put(&journal, append(1, 6)).unwrap();
}

#[test]
fn since_gives_all_commits_by_position_and_no_more_than_asked() {
    let (_dir, journal) = open();
    for seq in 1..=3 {
        put(&journal, append(1, seq)).unwrap();
        put(&journal, append(2, seq)).unwrap();
    }
    let first = journal.since(Position(0), 4).unwrap();
    let rest = journal.since(first[3].position, 4).unwrap();
    assert_eq!((first.len(), rest.len()), (4, 2));
    let all: Vec<_> = first.iter().chain(&rest).map(|c| c.position).collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(all[5], journal.head());
    assert!(journal.since(journal.head(), 4).unwrap().is_empty());
}

#[test]
fn a_conflict_fails_nobody_else() {
    let (_dir, journal) = open();
    put(&journal, append(1, 1)).unwrap();
    let answers = [
        hand(&journal, append(2, 1)),
        hand(&journal, append(1, 1)),
        hand(&journal, append(1, 5)),
        hand(&journal, append(1, 2)),
        hand(&journal, append(3, 2)),
    ];
    let results = answers.map(|answer| answer.blocking_recv().unwrap());
    assert!(results[0].is_ok());
    assert_eq!(results[1], Err(AppendError::Conflict { head: 1 }));
    assert_eq!(results[2], Err(AppendError::Conflict { head: 1 }));
    assert_eq!(results[3].as_ref().unwrap().seq, 2);
    assert_eq!(results[4], Err(AppendError::Conflict { head: 0 }));
}

#[test]
fn a_repeated_command_is_answered_with_what_it_gave() {
    let (dir, journal) = open();
    let first = put(&journal, with_command(1, 1, "a")).unwrap();
    put(&journal, append(1, 2)).unwrap();
    let again = put(&journal, with_command(1, 3, "a"));
    assert_eq!(again, Err(AppendError::Repeated(first)));
    let twice = [
        hand(&journal, with_command(2, 1, "b")),
        hand(&journal, with_command(2, 2, "b")),
    ];
    let [one, two] = twice.map(|answer| answer.blocking_recv().unwrap());
    assert_eq!(two, Err(AppendError::Repeated(one.clone().unwrap())));
    drop(journal);
    let journal = SqliteJournal::open(dir.path()).unwrap();
    let found = journal.command(&CommandId("b".into())).unwrap();
    assert_eq!(found, Some((Aggregate::Run(run(2)), one.unwrap())));
    assert_eq!(journal.command(&CommandId("c".into())).unwrap(), None);
    // A refusal is not remembered.
    assert!(put(&journal, with_command(1, 9, "c")).is_err());
    put(&journal, with_command(1, 3, "c")).unwrap();
}

#[test]
fn wakes_are_those_of_the_last_commit() {
    let (_dir, journal) = open();
    let wake = |due: Option<u64>, live| Wake {
        due: due.map(Timestamp::from_millis),
        live,
        unfinished: true,
    };
    for (number, wakes) in [
        (1, [wake(Some(7), false), wake(Some(9), false)]),
        (2, [wake(Some(7), true), wake(None, false)]),
        (3, [wake(None, false), wake(None, true)]),
    ] {
        for (seq, wake) in (1..).zip(wakes) {
            let mut append = append(number, seq);
            append.wake = wake;
            put(&journal, append).unwrap();
        }
    }
    let wakes = journal.wakes().unwrap();
    let expected = vec![
        (Aggregate::Run(run(1)), wake(Some(9), false)),
        (Aggregate::Run(run(3)), wake(None, true)),
    ];
    assert_eq!(wakes, expected);
}

#[test]
fn a_number_used_in_a_durable_commit_is_never_given_again() {
    let (dir, journal) = open();
    let given: Vec<_> = (0..3).map(|_| journal.next_number()).collect();
    assert!(given.windows(2).all(|pair| pair[0] < pair[1]));
    put(&journal, append(given[2], 1)).unwrap();
    drop(journal);
    let journal = SqliteJournal::open(dir.path()).unwrap();
    assert!(journal.next_number() > given[2]);
    assert!(journal.remove(&Aggregate::Run(run(given[2]))).unwrap());
    drop(journal);
    let journal = SqliteJournal::open(dir.path()).unwrap();
    assert!(journal.next_number() > given[2]);
}

#[test]
fn runs_are_found_by_number_and_prefix() {
    let (_dir, journal) = open();
    for number in [1, 2, 3] {
        put(&journal, append(number, 1)).unwrap();
    }
    let slot = Aggregate::Slot("prj_1/deploy".into());
    let mut commit = append(4, 1);
    commit.aggregate = slot.clone();
    commit.board = None;
    put(&journal, commit).unwrap();
    assert_eq!(journal.load(&slot, 0).unwrap().len(), 1);
    assert_eq!(journal.run_of_number(2).unwrap(), Some(run(2)));
    assert_eq!(journal.run_of_number(4).unwrap(), None);
    assert_eq!(journal.run_of_number(u64::MAX).unwrap(), None);
    let id = run(2).to_string();
    assert_eq!(journal.runs_by_prefix(&id).unwrap(), [run(2)]);
    assert_eq!(journal.runs_by_prefix(&id[4..]).unwrap(), [run(2)]);
    assert_eq!(journal.runs_by_prefix(&id[..20]).unwrap().len(), 2);
    for none in ["run_%", "slot:", "run_f", "'"] {
        assert!(journal.runs_by_prefix(none).unwrap().is_empty());
    }
}

#[test]
fn blobs_are_kept_once_and_removed_with_the_last_who_needs_them() {
    let (_dir, journal) = open();
    let text = "x".repeat(20_000);
    put(&journal, with_blob(1, 1, &text)).unwrap();
    put(&journal, with_blob(2, 1, &text)).unwrap();
    // It only speaks of the blob.
    let mut mention = with_blob(3, 1, &text);
    mention.blobs.clear();
    put(&journal, mention).unwrap();
    put(&journal, with_blob(1, 2, "only the first needs it")).unwrap();
    let id = hash(&text);
    for (number, is_kept) in [(1, true), (2, true), (3, false)] {
        assert_eq!(journal.blob(&id).unwrap().as_deref(), Some(text.as_str()));
        assert!(journal.remove(&Aggregate::Run(run(number))).unwrap());
        assert_eq!(journal.blob(&id).unwrap().is_some(), is_kept);
    }
    assert_eq!(
        journal.blob(&hash("only the first needs it")).unwrap(),
        None
    );
}

#[test]
fn a_removed_run_is_gone_and_the_others_stay() {
    let (dir, journal) = open();
    for seq in 1..=3 {
        put(&journal, with_command(1, seq, &format!("one {seq}"))).unwrap();
        put(&journal, with_command(2, seq, &format!("two {seq}"))).unwrap();
    }
    put(&journal, append(1, 4)).unwrap();
    let head = journal.head();
    assert!(journal.remove(&Aggregate::Run(run(1))).unwrap());
    assert!(!journal.remove(&Aggregate::Run(run(1))).unwrap());
    assert_eq!(seqs(&journal, 1, 0), Vec::<u64>::new());
    assert_eq!(seqs(&journal, 2, 0), [1, 2, 3]);
    assert_eq!(journal.since(Position(0), 100).unwrap().len(), 3);
    assert_eq!(journal.command(&CommandId("one 2".into())).unwrap(), None);
    assert_eq!(journal.run_of_number(1).unwrap(), None);
    let conflict = put(&journal, append(1, 5));
    assert_eq!(conflict, Err(AppendError::Conflict { head: 0 }));
    drop(journal);
    // A position is not given twice either.
    let journal = SqliteJournal::open(dir.path()).unwrap();
    assert!(put(&journal, append(2, 4)).unwrap().position > head);
}

/// Fails batches by their number.
struct Failing {
    batches: AtomicUsize,
    before: usize,
    after: usize,
}

impl Faults for Failing {
    fn before_commit(&self, _: usize) -> Option<String> {
        let batch = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
        (batch == self.before).then(|| "no space".to_owned())
    }

    fn after_commit(&self, _: usize) -> Option<String> {
        let batch = self.batches.load(Ordering::Relaxed);
        (batch == self.after).then(|| "the sync failed".to_owned())
    }
}

fn open_failing(before: usize, after: usize) -> (tempfile::TempDir, SqliteJournal) {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Failing {
        batches: AtomicUsize::new(0),
        before,
        after,
    });
    let journal = SqliteJournal::open_with(dir.path(), Options { faults }).unwrap();
    (dir, journal)
}

#[test]
fn after_a_failed_commit_nothing_of_it_is_there_and_the_next_one_works() {
    let (_dir, journal) = open_failing(2, 0);
    put(&journal, append(1, 1)).unwrap();
    let failed = put(&journal, append(1, 2));
    assert_eq!(failed, Err(AppendError::Failed("no space".into())));
    assert_eq!(seqs(&journal, 1, 0), [1]);
    assert_eq!(journal.head(), Position(1));
    let appended = put(&journal, append(1, 2)).unwrap();
    assert!(appended.position > Position(1));
    assert_eq!(seqs(&journal, 1, 0), [1, 2]);
}

#[test]
fn a_commit_that_became_durable_although_its_sync_failed_is_seen_by_the_next_one() {
    let (_dir, journal) = open_failing(0, 2);
    put(&journal, append(1, 1)).unwrap();
    assert!(put(&journal, append(1, 2)).is_err());
    let conflict = put(&journal, append(1, 2));
    assert_eq!(conflict, Err(AppendError::Conflict { head: 2 }));
    assert_eq!(seqs(&journal, 1, 0), [1, 2]);
    assert_eq!(journal.head(), Position(2));
}

#[test]
fn the_head_is_told_when_commits_are_durable() {
    let (_dir, journal) = open();
    let mut heads = journal.subscribe();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let answer = hand(&journal, append(1, 1));
    runtime.block_on(heads.changed()).unwrap();
    assert_eq!(*heads.borrow_and_update(), Position(1));
    assert!(answer.blocking_recv().unwrap().is_ok());
}

#[test]
fn generations_rise_also_after_reopening() {
    let (dir, journal) = open();
    assert_eq!(journal.bump_generation(), Ok(1));
    assert_eq!(journal.bump_generation(), Ok(2));
    drop(journal);
    let journal = SqliteJournal::open(dir.path()).unwrap();
    assert_eq!(journal.bump_generation(), Ok(3));
}

#[test]
fn projects_are_kept_and_a_path_belongs_to_one() {
    let (dir, journal) = open();
    let project = |bits, path: &str| Project {
        id: ProjectId::from_bits(bits),
        name: format!("project {bits}"),
        path: path.into(),
        created_at: Timestamp::from_millis(5),
    };
    journal.put_project(project(1, "/a")).unwrap();
    journal.put_project(project(2, "/b")).unwrap();
    let taken = journal.put_project(project(3, "/a"));
    assert_eq!(taken, Err(WriteError::PathTaken("/a".into())));
    journal.put_project(project(1, "/c")).unwrap();
    drop(journal);
    let journal = SqliteJournal::open(dir.path()).unwrap();
    let all = journal.projects().unwrap();
    assert_eq!(all, [project(1, "/c"), project(2, "/b")]);
    assert!(journal.remove_project(ProjectId::from_bits(2)).unwrap());
    assert!(!journal.remove_project(ProjectId::from_bits(2)).unwrap());
    assert_eq!(journal.project(ProjectId::from_bits(2)).unwrap(), None);
}

#[test]
fn nobody_else_may_read_the_files() {
    let (dir, journal) = open();
    put(&journal, append(1, 1)).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn dropping_the_journal_finishes_what_it_was_given() {
    let (dir, journal) = open();
    let answers: Vec<_> = (1..=500)
        .map(|seq| hand(&journal, append(1, seq)))
        .collect();
    drop(journal);
    for answer in answers {
        answer.blocking_recv().unwrap().unwrap();
    }
    let journal = SqliteJournal::open(dir.path()).unwrap();
    assert_eq!(seqs(&journal, 1, 0).len(), 500);
}
