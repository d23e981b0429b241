//! What a checkpoint holds, and what it leaves alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use baton_worktree::{Error, Mode, checkpoint, forget, keep};
use support::*;

#[test]
fn a_checkpoint_leaves_the_users_index_alone() {
    let world = world();
    world.write("staged", "x");
    world.git(&["add", "staged"]);
    world.write("stashed", "x");
    world.git(&["stash", "-q", "--include-untracked"]);
    world.write("half", "x");
    world.git(&["add", "half"]);
    world.write("a", "the user's own change\n");
    for hook in [
        "pre-commit",
        "post-checkout",
        "reference-transaction",
        "post-index-change",
    ] {
        let path = world.repo.join(".git/hooks").join(hook);
        put(
            &world.repo,
            &format!(".git/hooks/{hook}"),
            "#!/bin/sh\ntouch \"$0.ran\"\nexit 1\n",
        );
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let before = users_own(&world);
    let spec = world.run();
    put(&spec.path, "new", "x");
    let taken = snap(&spec);
    keep(&spec.root, &spec.run, 0, &taken.commit).unwrap();
    put(&spec.path, "new", "y");
    go_back(&spec, 1, &taken.commit);
    assert_eq!(users_own(&world), before);
}

#[test]
fn a_checkpoint_leaves_what_an_agent_staged_as_it_is() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "staged", "x");
    git(&spec.path, &["add", "staged"]);
    put(&spec.path, "loose", "x");
    let before = git(&spec.path, &["status", "--porcelain"]);
    let taken = snap(&spec);
    assert_eq!(taken.files_changed, 2);
    assert_eq!(git(&spec.path, &["status", "--porcelain"]), before);
}

#[test]
fn ignored_files_and_those_about_runs_are_in_no_checkpoint() {
    let world = world();
    world.write(".gitignore", "*.log\n/build\n");
    world.commit("ignore");
    let spec = world.run();
    put(&spec.path, "x.log", "x");
    put(&spec.path, "build/out", "x");
    put(&spec.path, ".agent/workflows/executions/1/state.json", "x");
    put(
        &spec.path,
        "sub/.agent/workflows/executions/1/state.json",
        "x",
    );
    put(&spec.path, ".agent/workflows/mine.yaml", "x");
    let taken = snap(&spec);
    let listed = world.git(&["ls-tree", "-r", "--name-only", &taken.commit]);
    assert_eq!(listed, ".agent/workflows/mine.yaml\n.gitignore\na");
}

#[test]
fn an_ignored_file_that_was_added_by_force_is_in_a_checkpoint() {
    let world = world();
    world.write(".gitignore", "*.log\n");
    world.commit("ignore");
    let spec = world.run();
    snap(&spec);
    for name in ["deep/forced.log", "gone.log", "linked/away.log"] {
        put(&spec.path, name, "1");
        git(&spec.path, &["add", "-f", name]);
    }
    git(&spec.path, &["commit", "-qm", "by force"]);
    fs::remove_file(spec.path.join("gone.log")).unwrap();
    fs::remove_dir_all(spec.path.join("linked")).unwrap();
    symlink("deep", spec.path.join("linked")).unwrap();
    let taken = snap(&spec);
    let listed = world.git(&["ls-tree", "-r", "--name-only", &taken.commit]);
    assert_eq!(listed, ".gitignore\na\ndeep/forced.log\nlinked");
    put(&spec.path, "deep/forced.log", "2");
    go_back(&spec, 1, &taken.commit);
    assert_eq!(read(&spec.path, "deep/forced.log"), "1");
}

#[test]
fn executions_that_somebody_committed_are_in_no_checkpoint_either() {
    let world = world();
    world.write(".agent/workflows/executions/1/state.json", "old");
    world.commit("by mistake");
    let spec = world.run();
    let taken = snap(&spec);
    assert_eq!(
        world.git(&["ls-tree", "-r", "--name-only", &taken.commit]),
        "a"
    );
    put(
        &spec.path,
        ".agent/workflows/executions/1/state.json",
        "new",
    );
    go_back(&spec, 1, &taken.commit);
    assert_eq!(
        read(&spec.path, ".agent/workflows/executions/1/state.json"),
        "new"
    );
}

#[test]
fn a_checkpoint_follows_the_one_before_and_says_what_changed() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    let first = snap(&spec);
    put(&spec.path, "b", "2");
    put(&spec.path, "c", "2");
    let second = checkpoint(&spec, "-n tricky\nsubject", Some(&first.commit))
        .unwrap()
        .unwrap();
    assert_eq!((first.files_changed, second.files_changed), (1, 2));
    assert_eq!(
        world.git(&["rev-parse", &format!("{}^", second.commit)]),
        first.commit
    );
    assert_eq!(second.head, world.git(&["rev-parse", "main"]));
    let who = world.git(&["log", "-1", "--format=%an <%ae> %cn <%ce>", &second.commit]);
    assert_eq!(who, "Baton <baton@localhost> Baton <baton@localhost>");
}

#[test]
fn a_kept_checkpoint_survives_git_gc_and_can_be_kept_twice() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    git(&spec.path, &["add", "-A"]);
    git(&spec.path, &["commit", "-q", "-m", "by the agent"]);
    put(&spec.path, "b", "2");
    let taken = snap(&spec);
    for _ in 0..2 {
        keep(&spec.root, &spec.run, 7, &taken.commit).unwrap();
    }
    git(&spec.path, &["reset", "-q", "--hard", "HEAD^"]);
    git(&spec.path, &["reflog", "expire", "--expire=now", "--all"]);
    world.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(
        world.git(&["rev-parse", "refs/baton/run_0001/7"]),
        taken.commit
    );
    let back = go_back(&spec, 1, &taken.commit);
    assert_eq!(back.restored, Some(taken.commit));
    assert_eq!(git(&spec.path, &["rev-parse", "HEAD"]), taken.head);
    for _ in 0..2 {
        forget(&spec.root, &spec.run).unwrap();
    }
    assert_eq!(world.git(&["for-each-ref", "refs/baton"]), "");
}

#[test]
fn what_is_no_commit_or_run_never_reaches_git() {
    let world = world();
    let spec = world.run();
    for odd in ["--all", "HEAD", "main", "", "0000"] {
        let refused = keep(&spec.root, &spec.run, 0, odd);
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{odd}");
    }
    let missing = "1".repeat(40);
    let refused = baton_worktree::restore(&spec, &missing);
    assert!(matches!(refused, Err(Error::UnknownCommit { .. })));
    assert!(matches!(
        forget(&spec.root, "../x"),
        Err(Error::Invalid { .. })
    ));
}

#[test]
fn odd_names_are_in_a_checkpoint() {
    let world = world();
    let spec = world.run();
    let names: [&[u8]; 6] = [
        b"-rf",
        b"a b",
        b"new\nline",
        b"\xff\xfe",
        b":(top)x",
        b"*?[q]",
    ];
    for name in names {
        fs::write(spec.path.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let before = files(&spec.path);
    let taken = snap(&spec);
    assert_eq!(taken.files_changed, names.len());
    for name in names {
        fs::remove_file(spec.path.join(OsStr::from_bytes(name))).unwrap();
    }
    go_back(&spec, 1, &taken.commit);
    assert_eq!(files(&spec.path), before);
}

#[test]
fn a_private_index_that_is_damaged_or_locked_is_made_again() {
    let world = world();
    let spec = world.run();
    snap(&spec);
    let index = spec.path.with_extension("index");
    fs::write(&index, "no index at all").unwrap();
    put(&spec.path, "b", "1");
    assert_eq!(snap(&spec).files_changed, 1);
    fs::write(spec.path.with_extension("index.lock"), "").unwrap();
    put(&spec.path, "c", "1");
    assert_eq!(snap(&spec).files_changed, 2);
}

#[test]
fn a_repository_within_the_worktree_is_named_and_stops_nothing() {
    let world = world();
    let spec = world.run();
    fs::create_dir(spec.path.join("inner")).unwrap();
    git(&spec.path.join("inner"), &["init", "-q"]);
    put(&spec.path, "inner/x", "1");
    put(&spec.path, "b", "1");
    let taken = snap(&spec);
    assert_eq!(taken.files_changed, 1);
    assert!(taken.warnings[0].contains("inner"), "{:?}", taken.warnings);
    let back = go_back(&spec, 1, &taken.commit);
    assert!(
        back.notes.iter().any(|note| note.contains("inner")),
        "{back:?}"
    );
    assert_eq!(read(&spec.path, "inner/x"), "1");
}

#[test]
fn a_filter_that_is_not_installed_is_named() {
    let world = world();
    let spec = world.run();
    world.git(&["config", "filter.big.clean", "no-such-program clean %f"]);
    world.git(&["config", "filter.big.smudge", "no-such-program smudge %f"]);
    world.git(&["config", "filter.big.required", "true"]);
    put(&spec.path, ".gitattributes", "*.bin filter=big\n");
    put(&spec.path, "x.bin", "1");
    let refused = checkpoint(&spec, "x", None);
    assert!(matches!(refused, Err(Error::Filter { .. })), "{refused:?}");
    world.git(&["config", "filter.big.clean", "tr a-z A-Z"]);
    world.git(&["config", "filter.big.smudge", "tr A-Z a-z"]);
    put(&spec.path, "x.bin", "abc");
    let taken = snap(&spec);
    let stored = world.git(&["cat-file", "blob", &format!("{}:x.bin", taken.commit)]);
    assert_eq!(stored, "ABC");
    put(&spec.path, "x.bin", "xyz");
    go_back(&spec, 1, &taken.commit);
    assert_eq!(read(&spec.path, "x.bin"), "abc");
}

#[test]
fn a_link_is_kept_as_a_link_and_never_followed() {
    let world = world();
    let spec = world.run();
    let outside = world.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "x").unwrap();
    let empty = snap(&spec);
    symlink(&outside, spec.path.join("out")).unwrap();
    let with = snap(&spec);
    assert_eq!(with.files_changed, 1);
    go_back(&spec, 1, &empty.commit);
    assert!(fs::symlink_metadata(spec.path.join("out")).is_err());
    assert!(outside.join("precious").exists());
}

#[test]
fn a_checkpoint_of_a_run_that_stays_holds_no_files() {
    let world = world();
    let spec = world.spec(Mode::Stay);
    assert!(!prepare(&spec).restores_files);
    assert_eq!(checkpoint(&spec, "x", None).unwrap(), None);
}

#[test]
fn an_unfinished_rebase_of_the_agents_can_be_checkpointed() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "a", "agent\n");
    git(&spec.path, &["commit", "-qam", "agent"]);
    world.write("a", "user\n");
    world.commit("user");
    assert!(!try_git(&spec.path, &["rebase", "main"]).0);
    let taken = snap(&spec);
    assert!(read(&spec.path, "a").contains("<<<<<<<"));
    put(&spec.path, "a", "x");
    go_back(&spec, 1, &taken.commit);
    assert!(read(&spec.path, "a").contains("<<<<<<<"));
    assert!(!try_git(&spec.path, &["rebase", "--abort"]).0);
    assert_eq!(
        git(&spec.path, &["symbolic-ref", "HEAD"]),
        format!("refs/heads/{}", spec.branch)
    );
}
