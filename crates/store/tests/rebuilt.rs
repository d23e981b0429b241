//! Views that are made anew: killed at any instant they go on, and become what they would have been.
#![allow(clippy::unwrap_used)]

mod child;
mod made;
mod sample;
mod world;

use std::io::Write;

use baton_engine::ports::{Journal, Position};
use baton_store::SqliteJournal;
use baton_store::views::RunFilter;
use made::run;
use rusqlite::Connection;
use world::{World, await_views, begin, open};

const RUNS: u64 = 3_000;

/// Not a test: what the child does. Prints how far the views are.
#[test]
#[ignore = "started by the test below"]
fn child() {
    let Some(dir) = child::dir() else {
        return;
    };
    let (journal, views) = begin(&dir);
    loop {
        let at = views.position();
        assert_eq!(views.have_caught_up(), at == journal.head());
        writeln!(std::io::stdout(), "at {}", at.0).unwrap();
        if at == journal.head() {
            return;
        }
        await_views(&views, Position(at.0 + 1));
    }
}

/// All that readers get, and what they search by.
fn all(world: &World) -> String {
    let views = world.settled();
    assert!(views.have_caught_up());
    let mut all = String::new();
    for q in [
        None,
        Some("run 2999"),
        Some("299"),
        Some("n 1"),
        Some("29"),
        Some("9"),
    ] {
        for status in [vec![], vec!["completed".into()]] {
            let filter = RunFilter {
                q: q.map(str::to_owned),
                statuses: status,
                ..RunFilter::default()
            };
            let found = views.runs(&filter, None, RUNS as usize).unwrap();
            assert!(!found.rows.is_empty(), "{filter:?}");
            all.push_str(&format!("{found:?}"));
        }
    }
    for number in 1..=RUNS {
        let steps = views.steps(run(number)).unwrap();
        let attempts = views.all_attempts(number).unwrap();
        let messages = views.messages(run(number), 0, 9).unwrap();
        all.push_str(&format!("{steps:?}{attempts:?}{messages:?}"));
    }
    all
}

#[test]
fn views_that_are_killed_while_they_are_made_anew_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(dir.path()).unwrap();
    let mut answers = Vec::new();
    for number in 1..=RUNS {
        let mut story = sample::story(number, "/shop", "done");
        // Every third still waits.
        let commits = if number % 3 == 0 { 6 } else { story.len() };
        for (seq, events) in (1..).zip(&mut story[..commits]) {
            answers.push(made::hand(&journal, sample::commit(number, seq, events)));
        }
    }
    for answer in answers {
        answer.blocking_recv().unwrap().unwrap();
    }
    let head = journal.head();
    drop(journal);
    let (mut kills, mut reached) = (0, 0);
    loop {
        let (mut child, lines) = child::start(dir.path());
        let at = |line: String| line.strip_prefix("at ")?.parse::<u64>().ok();
        let mut places = lines.map_while(Result::ok).filter_map(at);
        let first = places.next().unwrap();
        assert!(first >= reached, "it goes on from where it was: {first}");
        // At once, and then a batch later each time.
        let further = places.by_ref().take(kills).last();
        child.kill().unwrap();
        child.wait().unwrap();
        let views = Connection::open(dir.path().join("views.db")).unwrap();
        let sql = "SELECT position, whole FROM state";
        let state = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u64>(0)?, row.get::<_, bool>(1)?));
        let (position, is_whole) = views.query_row(sql, [], state).unwrap();
        assert!(position >= further.unwrap_or(first), "what it said is kept");
        reached = position;
        if position == head.0 {
            break;
        }
        assert!(!is_whole, "readers would find some only");
        kills += 1;
    }
    assert!(kills > 1, "it was killed while it was made: {kills}");
    let world = open(dir);
    let found = all(&world);
    let World {
        dir,
        journal,
        views,
    } = world;
    drop((journal, views));
    for end in ["", "-wal", "-shm"] {
        let _gone = std::fs::remove_file(dir.path().join(format!("views.db{end}")));
    }
    let world = open(dir);
    assert!(all(&world) == found, "as they are made at once");
}
