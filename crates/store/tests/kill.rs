//! Kill -9 at any instant: every acknowledged commit is there, and nothing half.
#![allow(clippy::unwrap_used, clippy::panic)]

mod child;
mod made;

use std::io::Write;
use std::path::Path;

use baton_engine::ports::{Aggregate, Journal, Position};
use baton_store::SqliteJournal;
use made::{append, hand, run, with_blob};

const RUNS: u64 = 5;

/// Not a test: what the child does. Prints `number seq` for each acknowledged commit.
#[test]
#[ignore = "started by the test below"]
fn child() {
    let Some(dir) = child::dir() else {
        return;
    };
    let journal = SqliteJournal::open(&dir).unwrap();
    let generation = journal.bump_generation().unwrap();
    let stdout = std::io::stdout();
    let heads = |number| journal.load(&Aggregate::Run(run(number)), 0).unwrap().len() as u64;
    let mut next: Vec<u64> = (1..=RUNS).map(|number| heads(number) + 1).collect();
    loop {
        let mut answers = Vec::new();
        for number in 1..=RUNS {
            let seq = &mut next[number as usize - 1];
            for _ in 0..number {
                let commit = match *seq % 7 {
                    0 => with_blob(number, *seq, &format!("{number} {seq}")),
                    _ => append(number, *seq),
                };
                answers.push((number, *seq, hand(&journal, commit)));
                *seq += 1;
            }
        }
        for (number, seq, answer) in answers {
            answer.blocking_recv().unwrap().unwrap();
            writeln!(&stdout, "ack {generation} {number} {seq}").unwrap();
        }
    }
}

#[test]
fn every_acknowledged_commit_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = vec![0; RUNS as usize];
    for round in 1..=12 {
        let (mut child, mut lines) = child::start(dir.path());
        // An odd number of lines in, and so at any point of a batch.
        let wanted = round * 137 % 1000;
        let mut seen = 0;
        let mut note = |line: &str| {
            let Some(rest) = line.strip_prefix("ack ") else {
                return false;
            };
            let words: Vec<u64> = rest.split(' ').filter_map(|w| w.parse().ok()).collect();
            let &[generation, number, seq] = words.as_slice() else {
                return false;
            };
            assert_eq!(generation, round);
            acknowledged[number as usize - 1] = seq;
            true
        };
        while seen <= wanted {
            let line = lines.next().unwrap().unwrap();
            seen += u64::from(note(&line));
        }
        child.kill().unwrap();
        // What it had said before it died counts too; its last line may be cut.
        for line in lines.map_while(Result::ok) {
            note(&line);
        }
        child.wait().unwrap();
        check(dir.path(), &acknowledged);
    }
}

fn check(dir: &Path, acknowledged: &[u64]) {
    let journal = SqliteJournal::open(dir).unwrap();
    let mut count = 0;
    for (number, &last) in (1..).zip(acknowledged) {
        let commits = journal.load(&Aggregate::Run(run(number)), 0).unwrap();
        count += commits.len();
        assert!(commits.len() as u64 >= last, "run {number} lost commits");
        for (seq, commit) in (1..).zip(&commits) {
            assert_eq!(commit.seq, seq);
            if seq % 7 == 0 {
                let hash = baton_core::run::big::hash(&format!("{number} {seq}"));
                assert!(journal.blob(&hash).unwrap().is_some());
            } else {
                assert_eq!(*commit.events, *append(number, seq).events);
            }
        }
    }
    assert_eq!(
        journal.since(Position(0), usize::MAX >> 1).unwrap().len(),
        count
    );
}
