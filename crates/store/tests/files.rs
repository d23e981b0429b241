//! What the files of runs promise.
#![allow(clippy::unwrap_used, clippy::panic)]

mod made;
mod sample;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use baton_engine::Plans;
use baton_engine::ports::Journal;
use baton_store::{Files, SqliteJournal};
use made::run;
use sample::{story, tell};
use serde_json::{Value, json};

fn follow(dir: &Path, journal: &Arc<SqliteJournal>) -> Files {
    let plans = Arc::new(Plans::default());
    Files::open(dir, journal.clone(), plans, journal.subscribe()).unwrap()
}

fn settle(journal: &SqliteJournal, files: &Files) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(files.wait_for(journal.head()));
}

fn executions(project: &Path) -> PathBuf {
    project.join(".agent/workflows/executions")
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_run_leaves_the_files_of_document_2() {
    let data = tempfile::tempdir().unwrap();
    let project = tempfile::tempdir().unwrap();
    let journal = Arc::new(SqliteJournal::open(data.path()).unwrap());
    let files = follow(data.path(), &journal);
    let path = project.path().to_str().unwrap();
    let long = "x".repeat(100_000);
    tell(&*journal, 1, 1, &mut story(1, path, &long));
    settle(&journal, &files);
    assert_eq!(files.problems(), []);
    let executions = executions(project.path());
    assert_eq!(
        std::fs::read(executions.join(".gitignore")).unwrap(),
        b"*\n"
    );
    let root = executions.join(run(1).to_string());
    assert_eq!(
        json_of(&root.join("args.json")),
        json!({"environment": "dev"})
    );
    let definition = json_of(&root.join("definition.json"));
    assert_eq!(definition["key"], "pipeline");
    assert_eq!(definition["source"], sample::PIPELINE);
    let checkpoint = json_of(&root.join("checkpoints/step-0.json"));
    assert_eq!(checkpoint["execution_id"], json!(run(1)));
    assert_eq!(checkpoint["completed_step_ids"], json!(["build-app"]));
    assert_eq!(checkpoint["current_step_index"], 1);
    let result = &checkpoint["step_results"]["build-app"];
    assert_eq!(result["stepId"], "build-app");
    assert_eq!(result["status"], "completed");
    assert_eq!(result["result"]["$ref"]["bytes"], 100_000);
    let logs = root.join("logs");
    assert_eq!(
        json_of(&logs.join("build-app/input.json"))["command"],
        "make"
    );
    let output = json_of(&logs.join("build-app/output.json"));
    assert_eq!(output["result"].as_str().unwrap().len(), 64 * 1024);
    assert_eq!(output["exit_code"], 0);
    let summary = std::fs::read_to_string(logs.join("build-app/summary.md")).unwrap();
    assert!(summary.starts_with("# Build\n"), "{summary}");
    // A wait has no log directory.
    assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 1);
}

#[test]
fn missing_files_are_repaired_at_start() {
    let data = tempfile::tempdir().unwrap();
    let project = tempfile::tempdir().unwrap();
    let journal = Arc::new(SqliteJournal::open(data.path()).unwrap());
    let files = follow(data.path(), &journal);
    let path = project.path().to_str().unwrap();
    tell(&*journal, 1, 1, &mut story(1, path, "done"));
    settle(&journal, &files);
    drop(files);
    let root = executions(project.path()).join(run(1).to_string());
    let raw = root.join("logs/build-app/output.log");
    std::fs::write(&raw, "raw").unwrap();
    let before = std::fs::read(root.join("checkpoints/step-0.json")).unwrap();
    std::fs::remove_dir_all(root.join("checkpoints")).unwrap();
    std::fs::remove_file(root.join("args.json")).unwrap();
    let files = follow(data.path(), &journal);
    settle(&journal, &files);
    assert_eq!(
        std::fs::read(root.join("checkpoints/step-0.json")).unwrap(),
        before
    );
    assert!(root.join("args.json").exists());
    assert_eq!(std::fs::read(raw).unwrap(), b"raw");
}

#[test]
fn a_project_that_is_gone_is_a_problem_and_not_made_again() {
    let data = tempfile::tempdir().unwrap();
    let parent = tempfile::tempdir().unwrap();
    let project = parent.path().join("gone");
    let journal = Arc::new(SqliteJournal::open(data.path()).unwrap());
    let files = follow(data.path(), &journal);
    let here = tempfile::tempdir().unwrap();
    tell(
        &*journal,
        1,
        1,
        &mut story(1, project.to_str().unwrap(), "done"),
    );
    tell(
        &*journal,
        2,
        1,
        &mut story(2, here.path().to_str().unwrap(), "done"),
    );
    settle(&journal, &files);
    let problems = files.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].0, run(1));
    assert!(!project.exists());
    assert!(executions(here.path()).join(run(2).to_string()).exists());
    // Once it is back, the next host writes what is missing.
    drop(files);
    std::fs::create_dir(&project).unwrap();
    let files = follow(data.path(), &journal);
    settle(&journal, &files);
    assert_eq!(files.problems(), []);
    let root = executions(&project).join(run(1).to_string());
    assert!(root.join("logs/build-app/summary.md").exists());
}
