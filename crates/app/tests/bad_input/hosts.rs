//! Hosts that are in each other's way, that die, or that cannot read their disk.

use std::path::Path;

use crate::processes::only_run;
use crate::server_support::World;

const GATE: &str = "
name: Gate
steps:
  - {id: wait, type: script, command: 'echo up >> up; while [ ! -e go ]; do sleep 0.02; done; echo went >> count'}
  - {id: after, type: script, command: 'echo after >> count'}
";
const ONE: &str = "name: One\nsteps:\n  - {id: s, type: script, command: 'echo ran >> ran'}\n";

/// All files below a directory.
pub fn files_below(directory: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => open.push(entry.path()),
                false => files.push(entry.path().display().to_string()),
            }
        }
    }
    files
}

#[test]
fn a_second_host_leaves_the_first_alone() {
    let world = World::new(&[("one", ONE)]);
    let first = world.host_pid();
    let second = world.host_command().output().unwrap();
    assert_eq!(second.status.code(), Some(75));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains("data_dir_in_use") && said.contains(&first.to_string()),
        "{said}"
    );
    assert_eq!(world.host_pid(), first);
    world.say(&["run", "one"]).is(0, &["completed"]);
}

#[test]
fn two_runs_at_once_share_one_new_host() {
    let world = World::idle(&[("one", ONE)]);
    let mut both = [world.going(&["run", "one"]), world.going(&["run", "one"])];
    for going in &mut both {
        world.ended(going).is(0, &["completed"]);
    }
    let mut numbers: Vec<u64> = world
        .runs()
        .iter()
        .filter_map(|r| r["number"].as_u64())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    let ran = std::fs::read_to_string(world.directory().join("ran")).unwrap();
    assert_eq!(ran, "ran\nran\n");
}

#[test]
fn a_watching_run_outlives_its_host() {
    let mut world = World::new(&[("gate", GATE)]);
    let mut watching = world.going(&["run", "gate"]);
    let up = world.directory().join("up");
    world.until("the step is up", || up.exists());
    let before = world.host_pid();
    world.kill_host();
    world.until("another host answers", || {
        world.try_get("/healthz").is_some()
    });
    assert_ne!(world.host_pid(), before);
    std::fs::write(world.directory().join("go"), "").unwrap();
    let said = world.ended(&mut watching);
    said.is(0, &["✓ wait completed", "✓ after completed", "completed"]);
    for line in ["▸ wait started", "✓ wait completed", "✓ after completed"] {
        assert_eq!(said.out.matches(line).count(), 1, "{line}: {said:#?}");
    }
    let count = std::fs::read_to_string(world.directory().join("count")).unwrap();
    assert_eq!(count, "went\nafter\n");
    assert_eq!(std::fs::read_to_string(up).unwrap(), "up\n");
    assert_eq!(only_run(&world)["status"], "completed");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let mut world = World::new(&[("one", ONE)]);
    world.say(&["run", "one"]).is(0, &["completed"]);
    assert_eq!(
        world
            .post("/api/host/handover", &serde_json::json!({}))
            .status,
        200
    );
    assert!(world.wait_host().success());
    let file = world.data_dir().join("journal.db");
    let mut bytes = std::fs::read(&file).unwrap();
    // The user version in the header (SQLite file format, 1.3).
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&file, &bytes).unwrap();
    for words in [&["run", "one"][..], &["list"], &["show", "1"]] {
        let said = world.say(words);
        said.is(70, &["version 99", "use a newer Baton"]);
        assert!(said.err.contains("up to "), "its own version: {said:#?}");
        assert!(said.out.is_empty(), "{said:#?}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), bytes, "it was written to");
}

#[test]
fn a_data_directory_that_cannot_be_used() {
    let world = World::idle(&[("one", ONE)]);
    std::fs::write(world.data_dir(), "in the way").unwrap();
    world
        .say(&["run", "one"])
        .is(70, &["data is not a directory"]);
    assert_eq!(
        std::fs::read_to_string(world.data_dir()).unwrap(),
        "in the way"
    );
    assert!(!world.directory().join("ran").exists());
}
