//! The binary as people use it, without a host: what it writes, and how it ends.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn baton(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baton"))
        .args(words)
        .current_dir(dir)
        .env("BATON_DATA_DIR", dir.join("data"))
        .env("XDG_CONFIG_HOME", dir.join("config"))
        .env_remove("BATON_ATTEMPT")
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn what_init_writes_is_valid_and_is_not_written_twice() {
    let dir = temp();
    let first = baton(dir.path(), &["init"]);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    assert!(stdout(&first).contains("baton run hello"));
    let valid = baton(dir.path(), &["validate"]);
    assert_eq!(code(&valid), 0, "{}", stdout(&valid));
    let hello = dir.path().join(".agent/workflows/definitions/hello.yaml");
    std::fs::write(&hello, "mine").unwrap();
    let second = baton(dir.path(), &["init"]);
    assert_eq!(code(&second), 5);
    assert_eq!(std::fs::read_to_string(hello).unwrap(), "mine");
}

#[test]
fn the_samples_are_valid() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    let dir = temp();
    let output = baton(
        dir.path(),
        &["-C", samples.to_str().unwrap(), "validate", "--strict"],
    );
    assert_eq!(code(&output), 0, "{}", stdout(&output));
}

#[test]
fn an_invalid_definition_is_shown_with_its_place() {
    let dir = temp();
    std::fs::write(
        dir.path().join("bad.yaml"),
        "name: x\nsteps:\n  - id: a\n    type: scirpt\n",
    )
    .unwrap();
    let output = baton(dir.path(), &["validate", "bad.yaml"]);
    assert_eq!(code(&output), 2);
    assert!(
        stdout(&output).contains("bad.yaml:4:"),
        "{}",
        stdout(&output)
    );
    let output = baton(dir.path(), &["validate", "bad.yaml", "--json"]);
    assert_eq!(code(&output), 2);
    let body: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(body["data"][0]["line"], 4);
}

#[test]
fn a_missing_file_and_a_missing_project_are_told_apart() {
    let dir = temp();
    assert_eq!(code(&baton(dir.path(), &["validate", "none.yaml"])), 2);
    let output = baton(dir.path(), &["validate"]);
    assert_eq!(code(&output), 5);
    assert!(
        stderr(&output).contains("baton init"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn wrong_use_ends_with_2_and_help_with_0() {
    let dir = temp();
    assert_eq!(code(&baton(dir.path(), &["explode"])), 2);
    assert_eq!(code(&baton(dir.path(), &["show"])), 2);
    assert_eq!(
        code(&baton(
            dir.path(),
            &["resume", "1", "--from", "a", "--checkpoint", "1"]
        )),
        2
    );
    assert_eq!(code(&baton(dir.path(), &["secret", "set", "KEY=value"])), 2);
    assert_eq!(code(&baton(dir.path(), &["gc", "--older-than", "30"])), 2);
    let help = baton(dir.path(), &["--help"]);
    assert_eq!(code(&help), 0);
    assert!(stdout(&help).contains("Exit codes: 0 done or detached"));
    assert!(!stdout(&help).contains("shepherd"));
}

#[test]
fn with_json_errors_are_problems_on_stderr() {
    let dir = temp();
    for words in [&["validate", "--json"][..], &["explode", "--json"]] {
        let output = baton(dir.path(), words);
        let problem: Value = serde_json::from_str(&stderr(&output)).unwrap();
        assert!(
            problem["code"].is_string() && problem["detail"].is_string(),
            "{problem}"
        );
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn completions_and_schema_need_nothing() {
    let dir = temp();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = baton(dir.path(), &["completions", shell]);
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains("validate"));
    }
    let output = baton(dir.path(), &["schema"]);
    assert_eq!(code(&output), 0);
    assert!(serde_json::from_str::<Value>(&stdout(&output)).is_ok());
}

#[test]
fn the_printed_config_is_a_config() {
    let dir = temp();
    let output = baton(dir.path(), &["init", "--config"]);
    assert!(stdout(&output).contains("orphan_grace = \"10m\""));
    std::fs::create_dir_all(dir.path().join("config/baton")).unwrap();
    let file = dir.path().join("config/baton/baton.toml");
    std::fs::write(&file, stdout(&output)).unwrap();
    let doctor = baton(dir.path(), &["doctor"]);
    assert!(stdout(&doctor).contains("✓ config"), "{}", stdout(&doctor));
    std::fs::write(&file, "orphan_grce = \"1m\"").unwrap();
    let doctor = baton(dir.path(), &["doctor"]);
    assert_eq!(code(&doctor), 70);
    assert!(
        stdout(&doctor).contains("did you mean `orphan_grace`?"),
        "{}",
        stdout(&doctor)
    );
}

#[test]
fn doctor_starts_no_host_and_makes_no_directory() {
    let dir = temp();
    let output = baton(dir.path(), &["doctor", "--json"]);
    assert!(serde_json::from_str::<Value>(&stdout(&output)).is_ok());
    assert!(!dir.path().join("data").exists());
}
