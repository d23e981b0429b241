//! The verbs for who writes TypeScript definitions.

use serde_json::{Value, json};

use super::office::Office;

fn said(output: &std::process::Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn what_init_writes_runs_is_valid_and_replays_until_its_source_is_another() {
    let office = Office::new();
    let baton = |words: &[&str]| office.world.command(words).output().unwrap();
    let written = baton(&["init", "--ts"]);
    assert!(written.status.success(), "{}", said(&written));
    let definitions = office.world.project.join(".agent/workflows/definitions");
    for file in ["hello-ts.ts", "tsconfig.json", ".baton/baton.d.ts"] {
        assert!(definitions.join(file).exists(), "{file}");
    }
    let valid = baton(&["validate"]);
    assert!(valid.status.success(), "{}", said(&valid));
    let ran = baton(&["run", "hello-ts", "--arg", "name=Ada"]);
    assert!(ran.status.success(), "{}", said(&ran));
    let list = office.world.get("/api/workflow-executions");
    let number = list["data"][0]["number"].to_string();
    let same = baton(&["replay", &number]);
    assert!(same.status.success(), "{}", said(&same));
    assert!(said(&same).contains("goes the same way"), "{}", said(&same));
    let source = definitions.join("hello-ts.ts");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text.replace("\"letters\"", "\"characters\"")).unwrap();
    let other = baton(&["replay", &number, "--json"]);
    assert_eq!(other.status.code(), Some(1), "{}", said(&other));
    let verdict: Value = serde_json::from_slice(&other.stdout).unwrap();
    let why = verdict["data"]["divergence"].as_str().unwrap();
    assert!(why.contains("`letters` at hello-ts.ts:"), "{why}");
    assert!(why.contains("`characters` at hello-ts.ts:"), "{why}");
}

#[test]
fn validate_shows_the_place_in_a_typescript_file() {
    let office = Office::new();
    let text = "import { defineWorkflow } from \"baton\";
export default defineWorkflow({
  name: \"Bad\",
  concurency: \"x\",
  async execute() {},
});
";
    std::fs::write(office.world.project.join("bad.ts"), text).unwrap();
    let output = office
        .world
        .command(&["validate", "bad.ts"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let shown = said(&output);
    assert!(
        shown.contains("bad.ts:4:3") && shown.contains("concurrency"),
        "{shown}"
    );
    let output = office
        .world
        .command(&["validate", "bad.ts", "--json"])
        .output()
        .unwrap();
    let body: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(body["data"][0]["line"], json!(4));
}

#[test]
fn types_are_written_anew_and_a_tsconfig_that_is_there_stays() {
    let office = Office::new();
    let definitions = office.world.project.join(".agent/workflows/definitions");
    std::fs::write(definitions.join("tsconfig.json"), "{}").unwrap();
    let types = definitions.join(".baton/baton.d.ts");
    for _ in 0..2 {
        let output = office.world.command(&["types"]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(
            std::fs::read_to_string(&types)
                .unwrap()
                .contains("defineWorkflow")
        );
        std::fs::write(&types, "mine").unwrap();
    }
    let config = std::fs::read_to_string(definitions.join("tsconfig.json")).unwrap();
    assert_eq!(config, "{}");
}
