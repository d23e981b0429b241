//! Files: worktrees, checkpoints, going back, finishing.

use std::path::PathBuf;

use serde_json::json;

use super::office::{Office, step};
use super::support::until;
use super::support::world::LIMIT;

const THREE: &str = "
name: Three
worktree: {mode: worktree, finish: FINISH}
steps:
  - {id: a, type: agent, agent: codex, permission: bypassPermissions, prompt: '@write a.txt one'}
  - {id: b, type: script, command: 'cat a.txt; echo two > b.txt; echo changed >> README.md'}
  - {id: ask, type: approval, message: 'ok?'}
  - {id: c, type: script, command: 'cat README.md b.txt'}
";

fn three(finish: &str) -> String {
    THREE.replace("FINISH", finish)
}

fn answer(office: &Office, run: &str) {
    let asks = office.when(run, "asks", |run| run["waiting"]["reason"] == "approval");
    let ask = step(&asks, "ask")["id"].as_str().unwrap().to_owned();
    let (status, said) = office.post(&format!("/api/workflow-steps/{ask}/approve"), &json!({}));
    assert_eq!(status, 200, "{said}");
}

#[test]
fn a_run_works_in_a_worktree_of_its_own_and_leaves_its_branch() {
    let office = Office::with_git();
    let before = office.git(&["status", "--porcelain"]);
    let run = office.run("three", &three("keep"));
    answer(&office, &run);
    let done = office.completed(&run);
    assert_eq!(step(&done, "c")["result"], "hello\nchanged\ntwo\n");
    assert!(!office.world.project.join("a.txt").exists());
    let branch = until("the branch has the work", LIMIT, || {
        let thread = office.thread(&run);
        let line = thread.iter().find(|line| line.contains("on branch"))?;
        Some(line.rsplit(' ').next()?.trim_end_matches('.').to_owned())
    });
    assert!(branch.starts_with("baton/three-"), "{branch}");
    assert_eq!(office.git(&["show", &format!("{branch}:a.txt")]), "one");
    assert_eq!(office.git(&["show", "main:README.md"]), "hello");
    let after = office.git(&["status", "--porcelain"]);
    let ours = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains(".agent"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ours(&before), ours(&after));
    let id = run.rsplit('/').next().unwrap();
    let refs = office.git(&[
        "for-each-ref",
        "--format=%(refname)",
        &format!("refs/baton/{id}"),
    ]);
    let numbered = refs.lines().filter(|name| !name.contains("before-"));
    assert_eq!(
        numbered.count(),
        3,
        "a checkpoint after each process:\n{refs}"
    );
    let checkpoints = office.world.get(&format!("{run}/checkpoints"));
    assert_eq!(checkpoints["data"].as_array().unwrap().len(), 3);
}

#[test]
fn going_back_restores_the_files_too() {
    let office = Office::with_git();
    let run = office.run("three", &three("keep"));
    office.when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
    office.post(&format!("{run}/pause"), &json!({}));
    office.when(&run, "paused", |run| run["status"] == "paused");
    let (status, said) = office.post(&format!("{run}/resume"), &json!({"from_step": "b"}));
    assert_eq!(status, 200, "{said}");
    answer(&office, &run);
    let done = office.completed(&run);
    // Had the files stayed, there would be two lines `changed`.
    assert_eq!(step(&done, "c")["result"], "hello\nchanged\ntwo\n");
}

#[test]
fn going_back_to_a_checkpoint_restores_the_files_it_holds() {
    let office = Office::with_git();
    let run = office.run("three", &three("keep"));
    let asks = office.when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
    let worktree = PathBuf::from(asks["path"].as_str().unwrap());
    assert!(worktree.join("b.txt").exists());
    let checkpoints = office.world.get(&format!("{run}/checkpoints"));
    let first = &checkpoints["data"][0];
    assert_eq!(first["step_id"], "a", "{checkpoints}");
    // What came after it is not there any more, and comes again.
    std::fs::write(worktree.join("a.txt"), "spoilt").unwrap();
    office.post(&format!("{run}/pause"), &json!({}));
    office.when(&run, "paused", |run| run["status"] == "paused");
    let (status, said) = office.post(&format!("{run}/resume"), &json!({"checkpoint": 99}));
    assert_eq!(status, 404, "{said}");
    let back = json!({"checkpoint": first["number"]});
    let (status, said) = office.post(&format!("{run}/resume"), &back);
    assert_eq!(status, 200, "{said}");
    answer(&office, &run);
    let done = office.completed(&run);
    assert_eq!(step(&done, "a")["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(step(&done, "b")["result"].as_str().unwrap().trim(), "one");
    assert_eq!(step(&done, "c")["result"], "hello\nchanged\ntwo\n");
}

#[test]
fn a_run_begins_from_the_branch_that_the_request_names() {
    let office = Office::with_git();
    office.git(&["checkout", "--quiet", "-b", "next"]);
    std::fs::write(office.world.project.join("README.md"), "next\n").unwrap();
    office.git(&["commit", "--quiet", "-a", "-m", "next"]);
    office.git(&["checkout", "--quiet", "main"]);
    office.world.define(
        "look",
        "name: Look\nsteps:\n  - {id: look, type: script, command: 'cat README.md'}\n",
    );
    // It means a worktree, though all steps are scripts.
    for (more, read) in [
        (json!({"base_branch": "next"}), "next\n"),
        (
            json!({"base_branch": "main", "worktree": "worktree"}),
            "hello\n",
        ),
        (json!({}), "hello\n"),
    ] {
        let (status, started) = office.start("look", &more);
        assert_eq!(status, 201, "{started}");
        let id = started["data"]["id"].as_str().unwrap();
        let done = office.completed(&format!("/api/workflow-executions/{id}"));
        assert_eq!(step(&done, "look")["result"], read, "{more}");
    }
    let checked_out = office.git(&["rev-parse", "--abbrev-ref", "HEAD"]);
    assert_eq!(checked_out, "main");
    let (status, refused) = office.start("look", &json!({"base_branch": "nowhere"}));
    assert_eq!(status, 422, "{refused}");
    assert_eq!(refused["errors"][0]["pointer"], "/base_branch", "{refused}");
}

#[test]
fn a_redirected_run_has_the_files_of_the_last_checkpoint_and_its_instruction() {
    let office = Office::with_git();
    let (begun, go) = (office.beside("begun"), office.beside("go"));
    let text = format!(
        "
name: Work
worktree: worktree
steps:
  - {{id: a, type: agent, agent: codex, permission: bypassPermissions, prompt: '@write a.txt one'}}
  - id: b
    type: agent
    agent: claude
    permission: bypassPermissions
    prompt: |
      @once {} @write half.txt half
      @wait {}
  - {{id: c, type: script, command: 'ls; cat told.txt'}}
",
        begun.display(),
        go.display()
    );
    let run = office.run("work", &text);
    let works = office.when(&run, "its session", |run| {
        step(run, "b")["agent_session_id"].is_string()
    });
    let before = PathBuf::from(works["path"].as_str().unwrap());
    until("half of it is written", LIMIT, || {
        before.join("half.txt").exists().then_some(())
    });
    let id = run.rsplit('/').next().unwrap();
    let redirect = json!({
        "content": "Other", "action_type": "redirect",
        "metadata": {"newTaskDescription": "Use tabs\n@write told.txt tabs"},
    });
    let (status, said) = office.post(&format!("/api/workflows/{id}/messages"), &redirect);
    assert_eq!(status, 200, "{said}");
    office.when(&run, "its end", |run| run["status"] == "cancelled");
    std::fs::write(&go, "").unwrap();
    let new = "/api/workflow-executions/2";
    let done = office.completed(new);
    // The prompt of its agent began with the instruction.
    assert_eq!(
        step(&done, "c")["result"],
        "README.md\na.txt\ntold.txt\ntabs"
    );
    assert_eq!(
        step(&done, "a")["attempts"],
        json!([]),
        "it did not run again"
    );
    let after = PathBuf::from(done["path"].as_str().unwrap());
    assert_ne!(before, after);
    let kept = std::fs::read_to_string(before.join("half.txt")).unwrap();
    assert_eq!(kept, "half", "the old work stays where it was");
    assert!(!before.join("told.txt").exists());
}

#[test]
fn a_removed_run_takes_its_worktree_along_and_no_other() {
    let office = Office::with_git();
    let [run, other] = [0; 2].map(|_| {
        let run = office.run("three", &three("keep"));
        office.when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
        run
    });
    let place = |run: &str| {
        let data = office.world.get(run)["data"].take();
        PathBuf::from(data["path"].as_str().unwrap())
    };
    let (own, others) = (place(&run), place(&other));
    office.post(&format!("{run}/cancel"), &json!({}));
    office.when(&run, "its end", |run| run["status"] == "cancelled");
    let removed = office.world.ask("DELETE", &run, None, None).unwrap();
    assert_eq!(removed.status, 204, "{removed:?}");
    assert!(!own.exists(), "{}", own.display());
    assert!(others.join("b.txt").exists());
    let id = run.rsplit('/').next().unwrap();
    let refs = office.git(&["for-each-ref", &format!("refs/baton/{id}")]);
    assert_eq!(refs, "", "its checkpoints are gone");
    answer(&office, &other);
    let done = office.completed(&other);
    assert_eq!(step(&done, "c")["result"], "hello\nchanged\ntwo\n");
}

#[test]
fn a_fork_begins_with_the_files_of_its_step() {
    let office = Office::with_git();
    let run = office.run("three", &three("keep"));
    answer(&office, &run);
    office.completed(&run);
    let (status, fork) = office.post(&format!("{run}/fork"), &json!({"from_step": "b"}));
    assert_eq!(status, 201, "{fork}");
    let fork = format!(
        "/api/workflow-executions/{}",
        fork["data"]["id"].as_str().unwrap()
    );
    answer(&office, &fork);
    let done = office.completed(&fork);
    assert_eq!(step(&done, "b")["result"].as_str().unwrap().trim(), "one");
    assert_eq!(step(&done, "c")["result"], "hello\nchanged\ntwo\n");
}

#[test]
fn a_clean_branch_is_merged_and_a_dirty_checkout_left_alone() {
    let office = Office::with_git();
    let run = office.run("three", &three("merge"));
    answer(&office, &run);
    office.completed(&run);
    until("it says so", LIMIT, || {
        let thread = office.thread(&run);
        thread
            .iter()
            .any(|line| line.contains("was merged into main"))
            .then_some(())
    });
    assert_eq!(office.git(&["show", "main:a.txt"]), "one");
    std::fs::write(office.world.project.join("README.md"), "mine\n").unwrap();
    let run = office.run("three", &three("merge"));
    answer(&office, &run);
    office.completed(&run);
    until("it says so", LIMIT, || {
        let thread = office.thread(&run);
        thread
            .iter()
            .any(|line| line.contains("not merged"))
            .then_some(())
    });
    let mine = std::fs::read_to_string(office.world.project.join("README.md")).unwrap();
    assert_eq!(mine, "mine\n");
}

#[test]
fn a_worktree_deleted_by_hand_is_made_again_with_its_files() {
    let office = Office::with_git();
    let run = office.run("three", &three("keep"));
    let asks = office.when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
    let id = asks["id"].as_str().unwrap();
    let worktree = office
        .world
        .data
        .join("worktrees")
        .join(&office.project)
        .join(id);
    assert!(worktree.join("b.txt").exists(), "{}", worktree.display());
    std::fs::remove_dir_all(&worktree).unwrap();
    answer(&office, &run);
    let done = office.completed(&run);
    assert_eq!(step(&done, "c")["result"], "hello\nchanged\ntwo\n");
    let thread = office.thread(&run);
    assert!(
        thread
            .iter()
            .any(|line| line.starts_with("system:") && line.contains("worktree")),
        "{thread:?}"
    );
}

#[test]
fn setup_runs_once_and_copies_are_there() {
    let office = Office::with_git();
    std::fs::write(office.world.project.join(".env.local"), "KEY=1\n").unwrap();
    let text = "
name: Setup
worktree: {mode: worktree, copy: ['.env*'], setup: 'echo set >> setup.txt'}
steps:
  - {id: a, type: script, command: 'cat .env.local setup.txt'}
  - {id: b, type: script, command: 'cat setup.txt'}
";
    let done = office.completed(&office.run("setup", text));
    assert_eq!(step(&done, "a")["result"], "KEY=1\nset\n");
    assert_eq!(step(&done, "b")["result"], "set\n");
    let text = text.replace("echo set >> setup.txt", "echo no such tool >&2; exit 3");
    let ended = office.ended(&office.run("setup", &text));
    let error = &step(&ended, "a")["error"];
    assert_eq!(error["code"], "workspace");
    assert!(
        error["message"].as_str().unwrap().contains("no such tool"),
        "{error}"
    );
}

#[test]
fn a_branch_is_refused_in_a_dirty_checkout_and_in_the_middle_of_a_rebase() {
    let office = Office::with_git();
    office.world.define(
        "one",
        "name: One\nworktree: branch\nsteps:\n  - {id: a, type: script, command: 'true'}\n",
    );
    office.git(&["add", "-A", "."]);
    office.git(&["commit", "--quiet", "-m", "definitions"]);
    std::fs::write(office.world.project.join("README.md"), "mine\n").unwrap();
    let (status, answer) = office.start("one", &json!({}));
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("dirty_checkout")),
        "{answer}"
    );
    office.git(&["checkout", "--quiet", "README.md"]);
    std::fs::create_dir_all(office.world.project.join(".git/rebase-merge")).unwrap();
    let (status, answer) = office.start("one", &json!({}));
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("repository_busy")),
        "{answer}"
    );
    // A worktree of its own does not mind.
    let (status, answer) = office.start("one", &json!({"worktree": "worktree"}));
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn without_git_an_agent_works_in_the_projects_directory() {
    let office = Office::new();
    let text = "
name: Plain
steps:
  - {id: a, type: agent, agent: codex, permission: bypassPermissions, prompt: '@write a.txt one'}
";
    office.completed(&office.run("plain", text));
    assert_eq!(
        std::fs::read_to_string(office.world.project.join("a.txt"))
            .unwrap()
            .trim(),
        "one"
    );
    office.world.define(
        "tree",
        &text.replace("steps:", "worktree: worktree\nsteps:"),
    );
    let (status, answer) = office.start("tree", &json!({}));
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("no_repository")),
        "{answer}"
    );
}

const FILE: &str = "
name: File
argsSchema: {type: object, properties: {file: {type: string}}, required: [file]}
steps:
  - {id: write, type: script, command: 'echo {{ args.file }} > {{ args.file }}; echo {{ args.file }} >> all.txt; git add -A; git -c user.name=A -c user.email=a@example.com commit --quiet -m {{ args.file }}'}
";

#[test]
fn isolated_children_work_apart_and_are_merged_back_in_item_order() {
    let office = Office::with_git();
    office.world.define(
        "file",
        &FILE.replace("; echo {{ args.file }} >> all.txt", ""),
    );
    let each = "
name: Each
worktree: worktree
steps:
  - {id: begin, type: script, command: 'echo begun > begun.txt'}
  - {id: each, type: workflow, workflow: file, foreach: [a, b, c], isolate: true, max_parallel: 3, args: {file: '{{ item }}'}}
  - {id: look, type: script, command: 'cat begun.txt a b c; git log --reverse --first-parent -m --name-only --format='}
";
    let done = office.completed(&office.run("each", each));
    let look = step(&done, "look")["result"].as_str().unwrap();
    assert!(look.starts_with("begun\na\nb\nc\n"), "{look}");
    let merged: Vec<&str> = look
        .lines()
        .filter(|line| line.len() == 1)
        .skip(3)
        .collect();
    assert_eq!(merged, ["a", "b", "c"], "in item order: {look}");
}

#[test]
fn an_isolated_child_that_conflicts_fails_and_keeps_its_branch() {
    let office = Office::with_git();
    office.world.define("file", FILE);
    let each = "
name: Each
worktree: worktree
steps:
  - {id: each, type: workflow, workflow: file, foreach: [a, b], isolate: true, max_parallel: 2, args: {file: '{{ item }}'}}
";
    let ended = office.ended(&office.run("each", each));
    assert_eq!(ended["status"], "failed", "{ended:#}");
    let second = step(&ended, "each.1");
    assert_eq!(step(&ended, "each.0")["status"], "completed");
    let message = second["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("merge_conflict") && message.contains("all.txt"),
        "{message}"
    );
    let branches = office.git(&["branch", "--list", "baton/file-*"]);
    assert_eq!(branches.lines().count(), 2, "{branches}");
}

#[test]
fn going_back_past_a_child_run_restores_what_it_did() {
    let office = Office::with_git();
    office.world.define(
        "adds",
        "name: Adds\nsteps:\n  - {id: add, type: script, command: 'echo two >> log.txt'}\n",
    );
    let around = "
name: Around
worktree: worktree
steps:
  - {id: one, type: script, command: 'echo one >> log.txt'}
  - {id: child, type: workflow, workflow: adds}
  - {id: three, type: script, command: 'echo three >> log.txt; cat log.txt'}
  - {id: ask, type: approval, message: 'ok?'}
";
    let run = office.run("around", around);
    office.when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
    let checkpoints = office.world.get(&format!("{run}/checkpoints"));
    assert_eq!(checkpoints["data"].as_array().unwrap().len(), 3);
    for from in ["three", "child"] {
        office.post(&format!("{run}/pause"), &json!({}));
        office.when(&run, "paused", |run| run["status"] == "paused");
        let (status, said) = office.post(&format!("{run}/resume"), &json!({"from_step": from}));
        assert_eq!(status, 200, "{said}");
        let asks = office.when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
        assert_eq!(
            step(&asks, "three")["result"],
            "one\ntwo\nthree\n",
            "from {from}"
        );
    }
}
