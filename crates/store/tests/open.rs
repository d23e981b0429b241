//! Which files the journal opens, and that it leaves the others alone.
#![allow(clippy::unwrap_used, clippy::panic)]

mod made;

use baton_engine::ports::{Aggregate, Journal};
use baton_store::{OpenError, SqliteJournal};
use made::{append, put, run};

fn refusal(dir: &std::path::Path) -> OpenError {
    match SqliteJournal::open(dir) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[test]
fn a_newer_database_is_refused_by_its_version_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("journal.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute_batch("CREATE TABLE future (x); PRAGMA user_version = 12;")
        .unwrap();
    drop(connection);
    let before = std::fs::read(&file).unwrap();
    let error = refusal(dir.path());
    assert!(matches!(
        error,
        OpenError::Newer {
            found: 12,
            known: 2,
            ..
        }
    ));
    let text = error.to_string();
    assert!(text.contains("12") && text.contains('1'), "{text}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn other_files_are_refused() {
    for content in [
        &b"hello"[..],
        &[0; 4096],
        &b"SQLite format 3\0 and not more"[..],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("journal.db");
        std::fs::write(&file, content).unwrap();
        assert!(matches!(refusal(dir.path()), OpenError::Foreign { .. }));
        assert_eq!(std::fs::read(&file).unwrap(), content);
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    connection.execute_batch("CREATE TABLE songs (x)").unwrap();
    drop(connection);
    assert!(matches!(refusal(dir.path()), OpenError::Foreign { .. }));
}

#[test]
fn a_damaged_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(dir.path()).unwrap();
    put(&journal, append(1, 1)).unwrap();
    drop(journal);
    let file = dir.path().join("journal.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..].fill(0xA5);
    std::fs::write(&file, bytes).unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::Damaged { .. }));
}

#[test]
fn a_data_directory_that_cannot_be_made_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = refusal(&file.join("data"));
    assert!(matches!(error, OpenError::Io { .. }));
    assert!(error.to_string().contains("file/data"));
}

#[test]
fn an_empty_file_becomes_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("journal.db"), "").unwrap();
    let journal = SqliteJournal::open(dir.path()).unwrap();
    put(&journal, append(1, 1)).unwrap();
    assert_eq!(journal.load(&Aggregate::Run(run(1)), 0).unwrap().len(), 1);
}
