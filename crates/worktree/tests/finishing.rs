//! Finishing: kept, merged when clean, brought back to a parent, and shown as a difference.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::path::PathBuf;

use baton_worktree::{
    Change, Child, Error, Finished, How, Merged, Mode, Reason, Spec, branch_name, changed_files,
    diff, finish, isolate, merge_back, remove,
};
use support::*;

fn merge(spec: &Spec) -> Finished {
    let into = Some("main".to_owned());
    finish(spec, &How::Merge { into }, "What the run did")
        .unwrap()
        .unwrap()
}

#[test]
fn keeping_commits_what_is_left_to_the_branch() {
    let world = world();
    let before = users_own(&world);
    let spec = world.run();
    put(&spec.path, "b", "1");
    put(&spec.path, ".agent/workflows/executions/1/x", "1");
    for how in [How::Keep, How::Review, How::Keep] {
        let done = finish(&spec, &how, "What the run did").unwrap().unwrap();
        assert_eq!((done.merged, done.reason), (Merged::No, None));
        assert_eq!(world.git(&["rev-parse", &spec.branch]), done.commit);
    }
    assert_eq!(users_own(&world), before);
    let log = world.git(&["log", "--format=%an: %s", &format!("main..{}", spec.branch)]);
    assert_eq!(log, "Baton: What the run did");
    assert_eq!(
        world.git(&["ls-tree", "-r", "--name-only", &spec.branch]),
        "a\nb"
    );
}

#[test]
fn copied_secrets_are_never_committed() {
    let world = world();
    world.write(".env", "secret");
    let mut spec = world.spec(Mode::Worktree);
    spec.copy = vec![".env".to_owned()];
    prepare(&spec);
    put(&spec.path, "b", "1");
    finish(&spec, &How::Keep, "x").unwrap();
    assert_eq!(
        world.git(&["ls-tree", "-r", "--name-only", &spec.branch]),
        "a\nb"
    );
}

#[test]
fn a_clean_checkout_of_the_base_is_moved_forward_with_its_files() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    world.write("untracked", "of the user");
    let done = merge(&spec);
    assert_eq!(done.merged, Merged::FastForward);
    assert_eq!(world.git(&["rev-parse", "main"]), done.commit);
    assert_eq!(read(&world.repo, "b"), "1");
    assert_eq!(world.git(&["status", "--porcelain"]), "?? untracked");
    assert_eq!(merge(&spec).merged, Merged::NothingToDo);
}

#[test]
fn a_base_that_went_on_gets_a_merge() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    world.write("c", "1");
    let theirs = world.commit("user");
    let done = merge(&spec);
    let Merged::MergeCommit(commit) = done.merged else {
        panic!("{done:?}");
    };
    assert_eq!(world.git(&["rev-parse", "main^1"]), theirs);
    assert_eq!(world.git(&["rev-parse", "main^2"]), done.commit);
    assert_eq!(world.git(&["rev-parse", "main"]), commit);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert!(world.repo.join("b").exists() && world.repo.join("c").exists());
}

#[test]
fn a_base_that_is_checked_out_nowhere_is_moved_without_files() {
    for forward in [true, false] {
        let world = world();
        let spec = world.run();
        put(&spec.path, "b", "1");
        if !forward {
            world.write("c", "1");
            world.commit("user");
        }
        world.git(&["checkout", "-q", "-b", "elsewhere"]);
        world.write("dirty", "1");
        let done = merge(&spec);
        assert_eq!(done.reason, None);
        assert_eq!(done.merged == Merged::FastForward, forward);
        assert!(world.git(&["ls-tree", "--name-only", "main"]).contains('b'));
        assert!(!world.repo.join("b").exists());
    }
}

#[test]
fn merge_into_a_dirty_checkout_changes_nothing() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    world.write("a", "the user's own change\n");
    let before = users_own(&world);
    let done = merge(&spec);
    let named = vec![PathBuf::from("a")];
    assert_eq!(done.reason, Some(Reason::Dirty(world.repo.clone(), named)));
    assert_eq!(users_own(&world), before);
    world.git(&["checkout", "-q", "a"]);
    world.write("b", "untracked, and in the way");
    let before = users_own(&world);
    let done = merge(&spec);
    assert!(matches!(done.reason, Some(Reason::Refused(..))), "{done:?}");
    assert_eq!(users_own(&world), before);
    fs::remove_file(world.repo.join("b")).unwrap();
    assert_eq!(merge(&spec).merged, Merged::FastForward);
}

#[test]
fn an_ignored_file_of_the_users_is_not_written_over_by_a_merge() {
    let world = world();
    world.write(".gitignore", "out\n");
    world.commit("ignore");
    let spec = world.run();
    put(&spec.path, "out", "of the run");
    git(&spec.path, &["add", "-f", "out"]);
    world.write("out", "precious");
    let before = users_own(&world);
    let done = merge(&spec);
    assert!(matches!(done.reason, Some(Reason::Refused(..))), "{done:?}");
    assert_eq!(users_own(&world), before);
}

#[test]
fn a_checkout_that_another_git_has_locked_is_named_and_left() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    let lock = world.repo.join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    let before = users_own(&world);
    let into = Some("main".to_owned());
    let refused = finish(&spec, &How::Merge { into }, "x");
    assert!(
        matches!(&refused, Err(error @ Error::Locked { .. }) if error.may_pass()),
        "{refused:?}"
    );
    assert_eq!(users_own(&world), before);
    fs::remove_file(lock).unwrap();
    assert_eq!(merge(&spec).merged, Merged::FastForward);
}

#[test]
fn a_conflict_is_reported_and_nothing_is_changed() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "a", "run\n");
    put(&spec.path, "b", "1");
    world.write("a", "user\n");
    world.commit("user");
    let before = users_own(&world);
    let done = merge(&spec);
    assert_eq!(
        done.reason,
        Some(Reason::Conflict(vec![PathBuf::from("a")]))
    );
    assert_eq!(done.merged, Merged::No);
    assert_eq!(users_own(&world), before);
    assert_eq!(world.git(&["rev-parse", &spec.branch]), done.commit);
}

#[test]
fn a_base_that_is_being_rebased_is_not_moved() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    world.git(&["branch", "other"]);
    world.write("a", "main\n");
    world.commit("main");
    world.git(&["checkout", "-q", "other"]);
    world.write("a", "other\n");
    world.commit("other");
    world.git(&["checkout", "-q", "main"]);
    assert!(!try_git(&world.repo, &["rebase", "other"]).0);
    let before = users_own(&world);
    let done = merge(&spec);
    assert!(matches!(done.reason, Some(Reason::Busy(..))), "{done:?}");
    assert_eq!(users_own(&world), before);
}

#[test]
fn a_detached_start_and_a_base_that_is_gone_keep_the_branch() {
    let world = world();
    world.git(&["checkout", "-q", "--detach"]);
    let spec = world.run();
    put(&spec.path, "b", "1");
    let done = finish(&spec, &How::Merge { into: None }, "x")
        .unwrap()
        .unwrap();
    assert_eq!(done.reason, Some(Reason::Detached));
    world.git(&["branch", "-D", "main"]);
    assert_eq!(
        merge(&spec).reason,
        Some(Reason::BranchGone("main".to_owned()))
    );
    assert_eq!(world.git(&["rev-parse", &spec.branch]), done.commit);
}

#[test]
fn work_that_an_agent_did_on_another_branch_or_none_ends_up_on_the_runs() {
    let world = world();
    let spec = world.run();
    git(&spec.path, &["checkout", "-q", "-b", "feature"]);
    put(&spec.path, "b", "1");
    git(&spec.path, &["add", "-A"]);
    git(&spec.path, &["commit", "-qm", "agent"]);
    put(&spec.path, "c", "1");
    finish(&spec, &How::Keep, "x").unwrap();
    assert_eq!(
        world.git(&["ls-tree", "-r", "--name-only", &spec.branch]),
        "a\nb\nc"
    );
    git(&spec.path, &["checkout", "-q", "--detach", "main"]);
    put(&spec.path, "d", "1");
    finish(&spec, &How::Keep, "x").unwrap();
    assert_eq!(
        world.git(&["ls-tree", "-r", "--name-only", &spec.branch]),
        "a\nd"
    );
    assert!(
        world
            .git(&["log", "--format=%s", &spec.branch])
            .contains("agent")
    );
    assert_eq!(git(&spec.path, &["status", "--porcelain"]), "");
}

#[test]
fn an_unfinished_merge_of_the_runs_is_not_committed() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "a", "run\n");
    git(&spec.path, &["commit", "-qam", "agent"]);
    world.write("a", "user\n");
    world.commit("user");
    assert!(!try_git(&spec.path, &["merge", "main"]).0);
    let refused = finish(&spec, &How::Keep, "x");
    assert!(matches!(refused, Err(Error::Busy { .. })), "{refused:?}");
}

#[test]
fn a_run_whose_worktree_is_gone_finishes_with_what_was_committed() {
    let world = world();
    let spec = world.run();
    put(&spec.path, "b", "1");
    git(&spec.path, &["add", "-A"]);
    git(&spec.path, &["commit", "-qm", "agent"]);
    fs::remove_dir_all(&spec.path).unwrap();
    let done = merge(&spec);
    assert_eq!(done.merged, Merged::FastForward);
    assert!(done.notes[0].contains("gone"), "{done:?}");
}

#[test]
fn a_run_on_the_users_checkout_returns_it_to_the_base_after_a_merge() {
    let world = world();
    let spec = world.spec(Mode::Branch);
    prepare(&spec);
    world.write("b", "1");
    let done = merge(&spec);
    assert_eq!(done.merged, Merged::FastForward);
    assert_eq!(world.git(&["symbolic-ref", "--short", "HEAD"]), "main");
    assert_eq!(read(&world.repo, "b"), "1");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

fn child_of(world: &World, parent: &Spec, n: u32, checkpoint: &str) -> Spec {
    let run = format!("run_child{n}");
    let child = Child {
        path: world.data().join("worktrees/prj").join(&run),
        branch: branch_name("child", &run),
        run,
    };
    let spec = isolate(parent, child, checkpoint);
    prepare(&spec);
    spec
}

#[test]
fn children_bring_back_commits_and_changes_one_after_another() {
    let world = world();
    let parent = world.run();
    put(&parent.path, "p", "uncommitted");
    let shared = snap(&parent);
    let one = child_of(&world, &parent, 1, &shared.commit);
    let two = child_of(&world, &parent, 2, &shared.commit);
    assert_eq!(read(&one.path, "p"), "uncommitted");
    put(&one.path, "one", "1");
    git(&one.path, &["add", "one"]);
    git(&one.path, &["commit", "-qm", "by one"]);
    put(&one.path, "loose", "1");
    put(&two.path, "two", "1");
    git(&two.path, &["add", "two"]);
    git(&two.path, &["commit", "-qm", "by two"]);
    fs::remove_file(two.path.join("p")).unwrap();
    assert_eq!(merge_back(&parent, &one).unwrap().files_changed, 2);
    assert_eq!(merge_back(&parent, &two).unwrap().files_changed, 2);
    assert_eq!(merge_back(&parent, &one).unwrap().files_changed, 0);
    assert_eq!(git(&parent.path, &["status", "--porcelain"]), "?? loose");
    let log = git(&parent.path, &["log", "--format=%s"]);
    assert!(log.contains("by one") && log.contains("by two"), "{log}");
    assert!(!parent.path.join("p").exists());
    for child in [one, two] {
        remove(&child, true).unwrap();
        world.git(&["rev-parse", "--verify", &child.branch]);
    }
}

#[test]
fn a_child_that_conflicts_changes_nothing_and_keeps_its_branch() {
    let world = world();
    let parent = world.run();
    let shared = snap(&parent);
    let child = child_of(&world, &parent, 1, &shared.commit);
    put(&child.path, "a", "child\n");
    put(&child.path, "b", "child\n");
    put(&parent.path, "a", "parent\n");
    let before = (
        files(&parent.path),
        git(&parent.path, &["status", "--porcelain=v2", "--branch"]),
    );
    match merge_back(&parent, &child) {
        Err(Error::MergeConflict { paths }) => assert_eq!(paths, [PathBuf::from("a")]),
        other => panic!("{other:?}"),
    }
    let after = (
        files(&parent.path),
        git(&parent.path, &["status", "--porcelain=v2", "--branch"]),
    );
    assert_eq!(after, before);
    assert_eq!(read(&child.path, "b"), "child\n");
}

#[test]
fn a_file_that_git_does_not_know_is_not_written_over_by_a_child() {
    let world = world();
    world.write(".gitignore", "out\n");
    world.commit("ignore");
    let parent = world.run();
    let child = child_of(&world, &parent, 1, &snap(&parent).commit);
    put(&parent.path, "out", "precious");
    put(&child.path, "out", "child");
    put(&child.path, "z", "child");
    git(&child.path, &["add", "-f", "out", "z"]);
    git(&child.path, &["commit", "-qm", "child"]);
    let refused = merge_back(&parent, &child);
    assert!(
        matches!(refused, Err(Error::MergeConflict { .. })),
        "{refused:?}"
    );
    assert_eq!(read(&parent.path, "out"), "precious");
    assert!(!parent.path.join("z").exists());
}

#[test]
fn a_difference_is_told_when_the_worktree_is_long_gone() {
    let world = world();
    world.write("moved", &"line\n".repeat(20));
    world.commit("more");
    world.git(&["config", "diff.external", "false"]);
    world.git(&["config", "diff.noprefix", "true"]);
    world.git(&["config", "color.ui", "always"]);
    let spec = world.run();
    let from = snap(&spec).commit;
    fs::rename(spec.path.join("moved"), spec.path.join("to here")).unwrap();
    put(&spec.path, "a", "one\ntwo\n");
    put(&spec.path, "new\nline", "x\n");
    fs::write(spec.path.join("binary"), [0, 159, 0]).unwrap();
    let to = snap(&spec).commit;
    remove(&spec, false).unwrap();
    let changed = changed_files(&world.repo, &from, &to).unwrap();
    let told: Vec<_> = changed
        .iter()
        .map(|file| {
            (
                file.path.to_str().unwrap(),
                file.change,
                file.added,
                file.removed,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("a", Change::Modified, Some(1), Some(0)),
            ("binary", Change::Added, None, None),
            ("new\nline", Change::Added, Some(1), Some(0)),
            ("to here", Change::Renamed, Some(0), Some(0)),
        ]
    );
    assert_eq!(changed[3].old_path, Some(PathBuf::from("moved")));
    let mut text = Vec::new();
    diff(&world.repo, &from, &to, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("--- a/a\n+++ b/a\n@@ -1 +1,2 @@\n one\n+two\n"),
        "{text}"
    );
    assert!(
        text.contains("rename from moved\nrename to to here\n"),
        "{text}"
    );
    assert!(
        text.contains("Binary files /dev/null and b/binary differ"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'));
    let nowhere = changed_files(&world.repo, &from, &"0".repeat(40));
    assert!(matches!(nowhere, Err(Error::UnknownCommit { .. })));
}
