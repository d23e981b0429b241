//! Making a run's worktree, making it again, and what stands in the way.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use baton_worktree::{
    Error, Head, Made, Mode, Operation, Repository, Restore, Spec, ensure, mark_setup_done, remove,
    setup_done,
};
use support::*;

/// Leaves the user's checkout in the middle of a rebase.
fn break_off_a_rebase(world: &World) {
    world.git(&["checkout", "-q", "-b", "topic"]);
    world.write("a", "topic\n");
    world.commit("topic");
    world.git(&["checkout", "-q", "main"]);
    world.write("a", "main\n");
    world.commit("main");
    world.git(&["checkout", "-q", "topic"]);
    assert!(!try_git(&world.repo, &["rebase", "main"]).0);
}

#[test]
fn a_project_below_the_top_of_a_repository_works_at_the_same_place_in_the_worktree() {
    let world = world();
    world.write("sub/project/x", "1");
    world.commit("sub");
    let repository = Repository::discover(&world.repo.join("sub/project"))
        .unwrap()
        .unwrap();
    assert_eq!(repository.root, world.repo);
    let spec = Spec {
        project: repository.project,
        ..world.spec(Mode::Worktree)
    };
    let prepared = prepare(&spec);
    assert_eq!(prepared.directory, spec.path.join("sub/project"));
    assert_eq!(read(&prepared.directory, "x"), "1");
    assert_eq!(read(&spec.path, "a"), "one\n");
    assert_eq!(
        git(&spec.path, &["symbolic-ref", "--short", "HEAD"]),
        spec.branch
    );
}

#[test]
fn no_repository_an_empty_one_and_a_bare_one_each_have_an_answer() {
    let world = world();
    let plain = world.dir.path().join("plain");
    fs::create_dir(&plain).unwrap();
    assert_eq!(Repository::discover(&plain).unwrap(), None);

    git(&plain, &["init", "-q", "-b", "main"]);
    let empty = Repository::discover(&plain).unwrap().unwrap();
    assert_eq!(empty.state().unwrap().head, Head::Unborn("main".to_owned()));
    assert!(matches!(empty.base(None), Err(Error::NoCommits { .. })));

    let bare = world.dir.path().join("bare.git");
    world.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let repository = Repository::discover(&bare).unwrap().unwrap();
    assert!(repository.bare);
    repository.state().unwrap();
    let spec = Spec {
        base: repository.base(None).unwrap(),
        root: repository.root,
        ..world.spec(Mode::Worktree)
    };
    prepare(&spec);
    put(&spec.path, "b", "1");
    assert_eq!(snap(&spec).files_changed, 1);
    let on_branch = Spec {
        mode: Mode::Branch,
        path: world.data().join("other"),
        ..spec
    };
    let refused = ensure(&on_branch, &Restore::default());
    assert!(matches!(refused, Err(Error::Bare { .. })), "{refused:?}");
}

#[test]
fn a_repository_that_was_deleted_is_named() {
    let world = world();
    let spec = world.run();
    fs::remove_dir_all(world.repo.join(".git")).unwrap();
    let refused = ensure(&spec, &Restore::default());
    assert!(
        matches!(refused, Err(Error::NotARepository { .. })),
        "{refused:?}"
    );
    remove(&spec, false).unwrap();
    assert!(!spec.path.exists());
}

#[test]
fn the_state_of_a_checkout_is_told() {
    let world = world();
    let repository = Repository::discover(&world.repo).unwrap().unwrap();
    let state = repository.state().unwrap();
    let first = world.git(&["rev-parse", "HEAD"]);
    assert_eq!(state.head, Head::Branch("main".to_owned(), first.clone()));
    assert!(state.dirty.is_empty());
    world.write(".agent/workflows/executions/1/x", "1");
    assert!(repository.state().unwrap().dirty.is_empty());
    world.write("a", "two\n");
    world.write("new\nline", "1");
    assert_eq!(repository.state().unwrap().dirty.len(), 2);
    world.git(&["checkout", "-q", "--detach"]);
    assert_eq!(repository.state().unwrap().head, Head::Detached(first));
}

#[test]
fn what_a_checkout_is_in_the_middle_of_is_told() {
    for (command, operation) in [
        (&["merge", "topic"][..], Operation::Merge),
        (&["cherry-pick", "topic"], Operation::CherryPick),
        (&["revert", "HEAD^"], Operation::Revert),
        (&["bisect", "start"], Operation::Bisect),
    ] {
        let world = world();
        world.write("a", "two\n");
        world.commit("two");
        world.git(&["checkout", "-q", "-b", "topic"]);
        world.write("a", "topic\n");
        world.commit("topic");
        world.git(&["checkout", "-q", "main"]);
        world.write("a", "main\n");
        world.commit("main");
        try_git(&world.repo, command);
        let repository = Repository::discover(&world.repo).unwrap().unwrap();
        assert_eq!(repository.state().unwrap().operation, Some(operation));
    }
}

#[test]
fn a_repository_in_the_middle_of_a_rebase_is_refused_by_branch_mode_and_fine_for_worktrees() {
    let world = world();
    let base = world.git(&["rev-parse", "HEAD"]);
    break_off_a_rebase(&world);
    let before = users_own(&world);
    let spec = Spec {
        base,
        ..world.spec(Mode::Branch)
    };
    let refused = ensure(&spec, &Restore::default());
    let rebase = matches!(
        &refused,
        Err(Error::Busy {
            operation: Operation::Rebase,
            ..
        })
    );
    assert!(rebase, "{refused:?}");
    let spec = Spec {
        mode: Mode::Worktree,
        ..spec
    };
    prepare(&spec);
    put(&spec.path, "b", "1");
    snap(&spec);
    assert_eq!(users_own(&world), before);
}

#[test]
fn branch_mode_refuses_a_dirty_tree_and_one_that_was_switched_away() {
    let world = world();
    world.write("new", "1");
    let spec = world.spec(Mode::Branch);
    let refused = ensure(&spec, &Restore::default());
    assert!(
        matches!(&refused, Err(Error::Dirty { files, .. }) if files.len() == 1),
        "{refused:?}"
    );
    assert_eq!(world.git(&["symbolic-ref", "--short", "HEAD"]), "main");
    world.commit("new");
    assert_eq!(prepare(&spec).made, Made::New);
    assert_eq!(world.git(&["symbolic-ref", "--short", "HEAD"]), spec.branch);
    world.write("work", "of the run");
    assert_eq!(prepare(&spec).made, Made::Already);
    world.git(&["checkout", "-q", "main"]);
    let refused = ensure(&spec, &Restore::default());
    assert!(
        matches!(refused, Err(Error::SwitchedAway { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_worktree_deleted_by_hand_is_made_again_from_the_newest_checkpoint() {
    let world = world();
    let spec = world.run();
    mark_setup_done(&spec).unwrap();
    assert!(setup_done(&spec).unwrap());
    put(&spec.path, "b", "1");
    git(&spec.path, &["add", "-A"]);
    git(&spec.path, &["commit", "-qm", "agent"]);
    put(&spec.path, "b", "2");
    let before = files(&spec.path);
    let taken = snap(&spec);
    let want = Restore {
        generation: 0,
        commit: Some(taken.commit.clone()),
    };
    for again in ["deleted", "deleted and pruned", "half deleted"] {
        match again {
            "half deleted" => fs::remove_file(spec.path.join(".git")).unwrap(),
            _ => fs::remove_dir_all(&spec.path).unwrap(),
        }
        if again == "deleted and pruned" {
            world.git(&["worktree", "prune"]);
        }
        let prepared = ensure(&spec, &want).unwrap();
        assert_eq!(prepared.made, Made::Again, "{again}");
        assert!(!prepared.setup_done && !setup_done(&spec).unwrap());
        assert!(prepared.notes[0].contains("made again"), "{prepared:?}");
        assert_eq!(files(&spec.path), before, "{again}");
        assert_eq!(git(&spec.path, &["rev-parse", "HEAD"]), taken.head);
    }
    assert!(spec.path.with_extension("aside-1").join("b").exists());
}

#[test]
fn a_deleted_worktree_without_a_checkpoint_comes_back_from_its_branch() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    git(&spec.path, &["add", "-A"]);
    git(&spec.path, &["commit", "-qm", "agent"]);
    fs::remove_dir_all(&spec.path).unwrap();
    assert_eq!(prepare(&spec).made, Made::Again);
    assert_eq!(read(&spec.path, "b"), "1");
}

#[test]
fn a_repository_that_was_moved_finds_its_worktree_again() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    let moved = world.repo.with_file_name("moved");
    fs::rename(&world.repo, &moved).unwrap();
    let spec = Spec {
        root: moved,
        ..spec
    };
    assert_eq!(prepare(&spec).made, Made::Already);
    assert_eq!(read(&spec.path, "b"), "1");
    assert_eq!(snap(&spec).files_changed, 1);
}

#[test]
fn the_users_other_worktrees_are_left_alone_even_when_they_are_missing() {
    let world = world();
    let other = world.dir.path().join("other");
    world.git(&["worktree", "add", "-q", other.to_str().unwrap()]);
    fs::rename(&other, world.dir.path().join("unplugged")).unwrap();
    let spec = world.run();
    fs::remove_dir_all(&spec.path).unwrap();
    prepare(&spec);
    remove(&spec, false).unwrap();
    fs::rename(world.dir.path().join("unplugged"), &other).unwrap();
    git(&other, &["status"]);
}

#[test]
fn preparing_twice_changes_nothing() {
    let world = world();
    let spec = world.spec(Mode::Worktree);
    assert_eq!(prepare(&spec).made, Made::New);
    put(&spec.path, "b", "1");
    let again = prepare(&spec);
    assert_eq!((again.made, again.restored), (Made::Already, None));
    assert_eq!(read(&spec.path, "b"), "1");
}

#[test]
fn after_a_crash_anywhere_preparing_comes_to_the_same_end() {
    let world = world();
    let done = world.run();
    let expected = files(&done.path);
    let unready = r#"{"v":1,"ready":false,"branch_made":BRANCH,"generation":0,"setup_done":false,"copied":[]}"#;
    for (n, crash) in ["branch", "remembered", "locked", "half", "whole"]
        .iter()
        .enumerate()
    {
        let spec = world.spec_of(&format!("run_crash{n}"), Mode::Worktree);
        let marker = |made: &str| {
            fs::create_dir_all(spec.path.parent().unwrap()).unwrap();
            let path = spec.path.with_extension("json");
            fs::write(path, unready.replace("BRANCH", made)).unwrap();
        };
        marker("false");
        world.git(&["branch", &spec.branch, "main"]);
        if *crash != "branch" {
            marker("true");
        }
        let path = spec.path.to_str().unwrap();
        match *crash {
            "locked" => {
                world.git(&["worktree", "add", "-q", "--lock", "--detach", path]);
                fs::remove_dir_all(&spec.path).unwrap();
            }
            "half" => {
                world.git(&["worktree", "add", "-q", "--no-checkout", "--detach", path]);
            }
            "whole" => {
                world.git(&["worktree", "add", "-q", path, &spec.branch]);
            }
            _ => {}
        }
        assert_eq!(prepare(&spec).made, Made::New, "{crash}");
        assert_eq!(files(&spec.path), expected, "{crash}");
        let head = git(&spec.path, &["symbolic-ref", "--short", "HEAD"]);
        assert_eq!(head, spec.branch, "{crash}");
        assert_eq!(git(&spec.path, &["status", "--porcelain"]), "", "{crash}");
    }
}

#[test]
fn a_lost_state_file_loses_no_work() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    fs::remove_file(spec.path.with_extension("json")).unwrap();
    assert_eq!(prepare(&spec).made, Made::Already);
    assert_eq!(read(&spec.path, "b"), "1");
}

#[test]
fn a_branch_that_is_not_the_runs_is_never_taken() {
    let world = world();
    let spec = world.spec(Mode::Worktree);
    world.write("a", "two\n");
    world.commit("two");
    world.git(&["branch", &spec.branch]);
    let refused = ensure(&spec, &Restore::default());
    assert!(
        matches!(refused, Err(Error::BranchTaken { .. })),
        "{refused:?}"
    );
    world.git(&["branch", "-D", &spec.branch]);
    world.git(&["branch", "baton"]);
    let refused = ensure(&spec, &Restore::default());
    assert!(
        matches!(refused, Err(Error::BranchTaken { .. })),
        "{refused:?}"
    );
    remove(&spec, false).unwrap();
    world.git(&["rev-parse", "baton"]);
}

#[test]
fn work_in_a_damaged_worktree_is_set_aside_although_making_it_again_fails_at_first() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "precious");
    fs::remove_file(spec.path.join(".git")).unwrap();
    world.git(&["worktree", "prune"]);
    world.git(&["checkout", "-q", &spec.branch]);
    assert!(ensure(&spec, &Restore::default()).is_err());
    world.git(&["checkout", "-q", "main"]);
    assert_eq!(prepare(&spec).made, Made::Again);
    assert_eq!(read(&spec.path.with_extension("aside-1"), "b"), "precious");
}

#[test]
fn a_branch_that_the_user_has_checked_out_meanwhile_is_named() {
    let world = world();
    let spec = world.run();
    fs::remove_dir_all(&spec.path).unwrap();
    world.git(&["worktree", "prune"]);
    world.git(&["checkout", "-q", &spec.branch]);
    let refused = ensure(&spec, &Restore::default());
    assert!(
        matches!(&refused, Err(Error::BranchInUse { at, .. }) if *at == world.repo),
        "{refused:?}"
    );
    world.git(&["checkout", "-q", "main"]);
    assert_eq!(prepare(&spec).made, Made::Again);
}

#[test]
fn copied_files_arrive_once_and_are_in_no_checkpoint() {
    let world = world();
    world.write(".gitignore", "ignored*\n");
    world.write("tracked.env", "committed");
    world.commit("ignore");
    world.write(".env", "secret");
    world.write(".env.d/x", "1");
    world.write("config/deep/y.local", "1");
    world.write("ignored.env", "1");
    world.write("tracked.env", "changed");
    let mut spec = world.spec(Mode::Worktree);
    spec.copy = [".env*", "**/*.local", "*.env", "../out", "nothing"]
        .map(str::to_owned)
        .to_vec();
    let prepared = prepare(&spec);
    assert_eq!(read(&spec.path, ".env"), "secret");
    assert_eq!(read(&spec.path, ".env.d/x"), "1");
    assert_eq!(read(&spec.path, "config/deep/y.local"), "1");
    assert_eq!(read(&spec.path, "ignored.env"), "1");
    assert_eq!(read(&spec.path, "tracked.env"), "committed");
    assert!(prepared.notes[0].contains("../out"), "{prepared:?}");
    let taken = snap(&spec);
    assert_eq!(taken.files_changed, 0);
    put(&spec.path, ".env", "by the agent");
    put(&spec.path, "b", "1");
    go_back(&spec, 1, &taken.commit);
    assert_eq!(read(&spec.path, ".env"), "by the agent");
    assert!(!spec.path.join("b").exists());
}

#[test]
fn copying_follows_no_link_out_of_the_project_or_the_worktree() {
    let world = world();
    let outside = world.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("key"), "private").unwrap();
    symlink(&outside, world.repo.join("conf")).unwrap();
    world.commit("a link");
    symlink(outside.join("key"), world.repo.join(".env")).unwrap();
    symlink("a", world.repo.join(".env.inside")).unwrap();
    let mut spec = world.spec(Mode::Worktree);
    spec.copy = [".env*", "conf/*", "**/key"].map(str::to_owned).to_vec();
    let prepared = prepare(&spec);
    assert!(!spec.path.join(".env").exists());
    assert_eq!(read(&spec.path, ".env.inside"), "one\n");
    assert!(
        prepared.notes[0].contains("out of the project"),
        "{prepared:?}"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn a_fork_begins_with_the_files_and_the_head_of_a_checkpoint() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    git(&spec.path, &["add", "-A"]);
    git(&spec.path, &["commit", "-qm", "agent"]);
    put(&spec.path, "c", "uncommitted");
    let taken = snap(&spec);
    let fork = Spec {
        base: taken.commit.clone(),
        ..world.spec_of("run_0002", Mode::Worktree)
    };
    prepare(&fork);
    assert_eq!(files(&fork.path), files(&spec.path));
    assert_eq!(git(&fork.path, &["rev-parse", "HEAD"]), taken.head);
    assert_eq!(git(&fork.path, &["status", "--porcelain"]), "?? c");
    assert_eq!(
        git(&fork.path, &["symbolic-ref", "--short", "HEAD"]),
        fork.branch
    );
}

#[test]
fn submodules_are_filled_in_without_a_word_in_the_users_configuration() {
    let world = world();
    let library = world.dir.path().join("library");
    fs::create_dir(&library).unwrap();
    git(&library, &["init", "-q"]);
    put(&library, "lib", "1");
    git(&library, &["add", "-A"]);
    git(&library, &["commit", "-qm", "lib"]);
    let add = [
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
    ];
    world.git(&[&add[..], &["../library", "vendor/library"]].concat());
    world.commit("submodule");
    let config = fs::read(world.repo.join(".git/config")).unwrap();
    let spec = world.spec(Mode::Worktree);
    let prepared = prepare(&spec);
    assert_eq!(fs::read(world.repo.join(".git/config")).unwrap(), config);
    // Git may refuse addresses that are paths: then it is said.
    let filled = spec.path.join("vendor/library/lib").exists();
    assert!(
        filled || prepared.notes[0].contains("submodules"),
        "{prepared:?}"
    );
    put(&spec.path, "b", "1");
    let taken = snap(&spec);
    assert_eq!(taken.files_changed, 1);
    go_back(&spec, 1, &taken.commit);
    remove(&spec, false).unwrap();
    assert!(!spec.path.exists());
}

#[test]
fn removing_leaves_nothing_and_can_be_said_again() {
    let world = world();
    let before = users_own(&world);
    let spec = world.run();
    put(&spec.path, "b", "1");
    snap(&spec);
    for keep_branch in [true, false] {
        prepare(&spec);
        remove(&spec, keep_branch).unwrap();
        let left = fs::read_dir(spec.path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 0);
        let branch = try_git(&world.repo, &["rev-parse", "--verify", &spec.branch]).0;
        assert_eq!(branch, keep_branch);
    }
    remove(&spec, false).unwrap();
    assert_eq!(users_own(&world), before);
    assert_eq!(world.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn a_run_that_stays_needs_no_repository() {
    let world = world();
    let plain = world.dir.path().canonicalize().unwrap().join("plain");
    fs::create_dir(&plain).unwrap();
    let spec = Spec {
        root: plain.clone(),
        ..world.spec(Mode::Stay)
    };
    let prepared = prepare(&spec);
    assert_eq!(prepared.directory, plain);
    assert!(!prepared.restores_files);
    mark_setup_done(&spec).unwrap();
    assert!(prepare(&spec).setup_done);
    assert_eq!(fs::read_dir(&plain).unwrap().count(), 0);
}
