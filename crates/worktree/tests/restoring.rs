//! Restoring: what was there at a checkpoint is there again, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use baton_worktree::{Error, Mode, restore};
use proptest::prelude::*;
use support::*;

#[test]
fn restoring_brings_back_files_modes_and_links() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "script", "#!/bin/sh\n");
    fs::set_permissions(spec.path.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("script", spec.path.join("link")).unwrap();
    put(&spec.path, "dir/deep/file", "1");
    put(&spec.path, "plain", "1");
    let before = files(&spec.path);
    let taken = snap(&spec);

    fs::set_permissions(spec.path.join("script"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(spec.path.join("link")).unwrap();
    put(&spec.path, "link", "no link");
    fs::remove_dir_all(spec.path.join("dir")).unwrap();
    put(&spec.path, "dir", "a file now");
    fs::remove_file(spec.path.join("plain")).unwrap();
    put(&spec.path, "plain/is/a/dir", "1");
    put(&spec.path, "more/and/more", "1");
    fs::remove_file(spec.path.join("a")).unwrap();
    go_back(&spec, 1, &taken.commit);
    assert_eq!(files(&spec.path), before);
    assert!(!spec.path.join("more").exists());
    assert_eq!(git(&spec.path, &["status", "--porcelain", "-uno"]), "");
}

#[test]
fn restoring_puts_the_branch_back_where_it_was() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "uncommitted");
    let taken = snap(&spec);
    git(&spec.path, &["add", "-A"]);
    git(&spec.path, &["commit", "-qm", "agent"]);
    git(&spec.path, &["checkout", "-q", "-b", "elsewhere"]);
    put(&spec.path, "c", "more");
    git(&spec.path, &["add", "-A"]);
    git(&spec.path, &["commit", "-qm", "agent again"]);
    let elsewhere = git(&spec.path, &["rev-parse", "HEAD"]);
    let restored = restore(&spec, &taken.commit).unwrap().unwrap();
    assert_eq!(restored.head, taken.head);
    let head = git(&spec.path, &["symbolic-ref", "--short", "HEAD"]);
    assert_eq!(head, spec.branch);
    assert_eq!(git(&spec.path, &["rev-parse", "HEAD"]), taken.head);
    assert_eq!(world.git(&["rev-parse", "elsewhere"]), elsewhere);
    assert_eq!(git(&spec.path, &["status", "--porcelain"]), "?? b");
}

#[test]
fn restoring_keeps_what_was_there_before() {
    let world = world();
    let spec = world.run();
    let taken = snap(&spec);
    put(&spec.path, "work", "of an hour");
    let restored = restore(&spec, &taken.commit).unwrap().unwrap();
    let before = restored.before.unwrap();
    assert_eq!(
        world.git(&["show", &format!("{before}:work")]),
        "of an hour"
    );
    assert!(
        world
            .git(&["for-each-ref", "refs/baton/run_0001"])
            .contains(&before)
    );
}

#[test]
fn ignored_files_stay_and_files_that_a_newer_rule_hid_go() {
    let world = world();
    world.write(".gitignore", "*.log\n");
    world.commit("ignore");
    let spec = world.run();
    put(&spec.path, "kept.log", "1");
    let taken = snap(&spec);
    put(&spec.path, ".gitignore", "*.log\n*.hidden\n");
    put(&spec.path, "deep/new.hidden", "1");
    put(&spec.path, "deep/also.log", "1");
    go_back(&spec, 1, &taken.commit);
    assert!(spec.path.join("kept.log").exists());
    assert!(spec.path.join("deep/also.log").exists());
    assert!(!spec.path.join("deep/new.hidden").exists());
}

#[test]
fn a_file_comes_back_although_an_ignored_directory_took_its_place() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "out", "a file");
    let taken = snap(&spec);
    fs::remove_file(spec.path.join("out")).unwrap();
    put(&spec.path, ".gitignore", "out/\n");
    put(&spec.path, "out/x", "1");
    go_back(&spec, 1, &taken.commit);
    assert_eq!(read(&spec.path, "out"), "a file");
}

#[test]
fn a_generation_is_restored_once() {
    let world = world();
    let spec = world.run();
    let taken = snap(&spec);
    put(&spec.path, "b", "1");
    assert!(go_back(&spec, 1, &taken.commit).restored.is_some());
    put(&spec.path, "b", "by the next attempt");
    assert_eq!(go_back(&spec, 1, &taken.commit).restored, None);
    assert_eq!(read(&spec.path, "b"), "by the next attempt");
    assert!(go_back(&spec, 2, &taken.commit).restored.is_some());
    assert!(!spec.path.join("b").exists());
}

#[test]
fn a_killed_agents_lock_is_no_hindrance_to_going_back() {
    let world = world();
    let spec = world.run();
    let taken = snap(&spec);
    let dir = git(&spec.path, &["rev-parse", "--absolute-git-dir"]);
    fs::write(Path::new(&dir).join("index.lock"), "").unwrap();
    put(&spec.path, "b", "1");
    go_back(&spec, 1, &taken.commit);
    git(&spec.path, &["add", "-A"]);
}

#[test]
fn a_run_on_the_users_checkout_is_restored_there_when_nothing_is_unfinished() {
    let world = world();
    let spec = world.spec(Mode::Branch);
    prepare(&spec);
    world.write("b", "1");
    let taken = snap(&spec);
    world.write("b", "2");
    world.write("c", "2");
    go_back(&spec, 1, &taken.commit);
    assert_eq!(read(&world.repo, "b"), "1");
    assert!(!world.repo.join("c").exists());
    world.git(&["checkout", "-q", "main"]);
    let refused = restore(&spec, &taken.commit);
    assert!(
        matches!(refused, Err(Error::SwitchedAway { .. })),
        "{refused:?}"
    );
}

/// One change to the files.
#[derive(Debug, Clone)]
enum Edit {
    Write(usize, String),
    Link(usize, String),
    Executable(usize, bool),
    Delete(usize),
    Rename(usize, usize),
    Commit,
}

const PATHS: &[&str] = &[
    "a", "b", "d", "d/x", "d/y", "d/e", "d/e/f", "g h", "-n", "d/\n", "é",
];

fn edit() -> impl Strategy<Value = Edit> {
    let path = || 0..PATHS.len();
    prop_oneof![
        4 => (path(), "[ab\n]{0,3}").prop_map(|(at, text)| Edit::Write(at, text)),
        2 => (path(), "[a-d]{1,2}").prop_map(|(at, to)| Edit::Link(at, to)),
        1 => (path(), any::<bool>()).prop_map(|(at, on)| Edit::Executable(at, on)),
        2 => path().prop_map(Edit::Delete),
        2 => (path(), path()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => Just(Edit::Commit),
    ]
}

fn clear(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Makes room for a file: what is in the way on the path goes.
fn room(top: &Path, path: &str) {
    let mut way = top.to_owned();
    for part in Path::new(path)
        .parent()
        .into_iter()
        .flat_map(Path::components)
    {
        way.push(part);
        if !fs::symlink_metadata(&way).is_ok_and(|found| found.is_dir()) {
            clear(&way);
            fs::create_dir(&way).unwrap();
        }
    }
    clear(&top.join(path));
}

fn apply(top: &Path, edits: &[Edit]) {
    for edit in edits {
        match edit {
            Edit::Write(at, text) => {
                room(top, PATHS[*at]);
                fs::write(top.join(PATHS[*at]), text).unwrap();
            }
            Edit::Link(at, to) => {
                room(top, PATHS[*at]);
                symlink(to, top.join(PATHS[*at])).unwrap();
            }
            Edit::Executable(at, on) => {
                let path = top.join(PATHS[*at]);
                if fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
                    let mode = if *on { 0o755 } else { 0o644 };
                    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
                }
            }
            Edit::Delete(at) => clear(&top.join(PATHS[*at])),
            Edit::Rename(from, to) => {
                let (from, to) = (top.join(PATHS[*from]), PATHS[*to]);
                // A directory does not go into itself.
                if fs::symlink_metadata(&from).is_ok() && !top.join(to).starts_with(&from) {
                    let aside = top.join("aside");
                    fs::rename(&from, &aside).unwrap();
                    room(top, to);
                    fs::rename(aside, top.join(to)).unwrap();
                }
            }
            Edit::Commit => {
                git(top, &["add", "-A"]);
                git(top, &["commit", "-q", "--allow-empty", "-m", "x"]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_state_comes_back_from_any_other(
        first in proptest::collection::vec(edit(), 0..12),
        second in proptest::collection::vec(edit(), 0..12),
    ) {
        let world = world();
        let spec = world.run();
        apply(&spec.path, &first);
        let (before, one) = (files(&spec.path), snap(&spec));
        apply(&spec.path, &second);
        let (after, two) = (files(&spec.path), snap(&spec));
        go_back(&spec, 1, &one.commit);
        prop_assert_eq!(files(&spec.path), before.clone());
        prop_assert_eq!(git(&spec.path, &["rev-parse", "HEAD"]), one.head);
        go_back(&spec, 2, &two.commit);
        prop_assert_eq!(files(&spec.path), after);
        fs::remove_dir_all(&spec.path).unwrap();
        go_back(&spec, 2, &one.commit);
        prop_assert_eq!(files(&spec.path), before);
    }
}
