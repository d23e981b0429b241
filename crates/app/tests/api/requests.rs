//! Requests as documents 2 and 4 make them, with all that a body or a query may say.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::server_support::{World, step};

const RUNS: &str = "/api/workflow-executions";

const BUILD: &str = "
name: Build
phases: [make, check]
argsSchema: {type: object, properties: {what: {type: string}}, required: [what]}
steps:
  - {id: make, phase: make, type: script, command: 'echo {{ args.what }}'}
  - {id: ok, phase: check, type: approval, message: 'Is {{ args.what }} good?'}
outputs: {made: '{{ steps.make.result }}', told: '{{ run.instruction }}'}
";

const SLOW: &str = "
name: Slow
steps:
  - {id: one, type: script, command: 'sleep 1.3'}
  - {id: two, type: script, command: 'echo two'}
";

/// Another project with the same definition: its id, and where it is.
fn another(world: &World) -> (String, PathBuf) {
    let directory = world.directory().with_file_name("another");
    let definitions = directory.join(".agent/workflows/definitions");
    std::fs::create_dir_all(&definitions).unwrap();
    std::fs::write(definitions.join("build.yaml"), BUILD).unwrap();
    let made = world.post(
        "/api/projects",
        &json!({"path": directory, "name": "Other"}),
    );
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["data"]["id"].as_str().unwrap().to_owned();
    (id, directory)
}

/// The id of a project's definition.
fn definition(world: &World, project: &str, key: &str) -> Value {
    let listed = world.get(&format!("/api/workflow-definitions?project_id={project}"));
    let listed = listed.json();
    let mut all = listed["data"].as_array().unwrap().iter();
    all.find(|one| one["key"] == key).unwrap()["id"].clone()
}

fn started(world: &World, body: &Value) -> (Value, String) {
    let answer = world.post(RUNS, body);
    assert_eq!(answer.status, 201, "{answer:?}");
    let data = answer.json()["data"].take();
    let path = format!("{RUNS}/{}", data["id"].as_str().unwrap());
    (data, path)
}

fn approve(world: &World, run: &str) {
    let asks = world.run_when(run, "asks", |run| run["waiting"]["reason"] == "approval");
    let id = step(&asks, "ok")["id"].as_str().unwrap();
    let path = format!("/api/workflow-steps/{id}/approve");
    assert_eq!(world.post(&path, &json!({})).status, 200);
}

/// The numbers of the runs that are listed for this query.
fn listed(world: &World, query: &str) -> Vec<u64> {
    let answer = world.get(&format!("{RUNS}?{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let rows = answer["data"].as_array().unwrap().iter();
    rows.map(|run| run["number"].as_u64().unwrap()).collect()
}

#[test]
fn a_run_is_started_by_its_definitions_id_as_document_2_does() {
    let world = World::new(&[("build", BUILD), ("slow", SLOW)]);
    let (other, _) = another(&world);
    let id = definition(&world, &world.project, "build");
    let body = json!({
        "workflow_definition_id": id, "project_id": world.project, "args": {"what": "a boat"},
    });
    let (data, run) = started(&world, &body);
    assert_eq!(data["status"], "pending");
    assert_eq!(data["workflow_definition_id"], id);
    assert_eq!(data["args"], json!({"what": "a boat"}));
    approve(&world, &run);
    let done = world.run_until(&run, "completed");
    assert_eq!(done["outputs"]["made"], "a boat\n");
    // The id says which project it is.
    let short = json!({"workflow_definition_id": id, "args": {"what": "x"}, "name": "Mine"});
    let (data, _) = started(&world, &short);
    assert_eq!(data["project_id"], world.project);
    assert_eq!(data["name"], "Mine");
    let foreign = json!({
        "workflow_definition_id": id, "project_id": other, "args": {"what": "x"},
    });
    let refused = world.post(RUNS, &foreign);
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(
        refused.json()["errors"][0]["pointer"],
        "/workflow_definition_id"
    );
    let unknown = json!({"workflow_definition_id": format!("def_{}", "0".repeat(32))});
    assert_eq!(world.post(RUNS, &unknown).status, 404);
}

#[test]
fn a_budget_in_the_request_parks_the_run_and_resume_grants_it_again() {
    let world = World::new(&[("slow", SLOW)]);
    let body = json!({
        "project_id": world.project, "definition": "slow", "budget": {"minutes": 0.02},
    });
    let (data, run) = started(&world, &body);
    assert_eq!(data["budget"]["minutes"], 0.02);
    let paused = world.run_until(&run, "paused");
    assert_eq!(step(&paused, "two")["status"], "pending");
    let reason = paused["pause_reason"].as_str().unwrap();
    assert!(reason.contains("budget"), "{reason}");
    // On a busy machine what is granted may be used up by the last step, too.
    let mut status = json!("paused");
    for _ in 0..5 {
        if status != "paused" {
            break;
        }
        assert_eq!(world.post(&format!("{run}/resume"), &json!({})).status, 200);
        let rests = |run: &Value| run["status"] == "paused" || run["status"] == "completed";
        status = world.run_when(&run, "at rest", rests)["status"].take();
    }
    assert_eq!(status, "completed");
}

#[test]
fn a_fork_takes_other_args_a_name_and_an_instruction() {
    let world = World::new(&[("build", BUILD)]);
    let body = json!({
        "project_id": world.project, "definition": "build", "args": {"what": "a boat"},
    });
    let (_, run) = started(&world, &body);
    approve(&world, &run);
    world.run_until(&run, "completed");
    let body = json!({
        "args": {"what": "a kite"}, "message": "lighter this time", "name": "Second",
    });
    let answer = world.post(&format!("{run}/fork"), &body);
    assert_eq!(answer.status, 201, "{answer:?}");
    let data = answer.json()["data"].take();
    assert_eq!(data["name"], "Second");
    assert_eq!(data["args"]["what"], "a kite");
    assert_eq!(data["instruction"], "lighter this time");
    let fork = format!("{RUNS}/{}", data["id"].as_str().unwrap());
    approve(&world, &fork);
    let done = world.run_until(&fork, "completed");
    let outputs = json!({"made": "a kite\n", "told": "lighter this time"});
    assert_eq!(done["outputs"], outputs);
    let wrong = world.post(&format!("{run}/fork"), &json!({"args": {"what": 1}}));
    assert_eq!(wrong.status, 422, "{wrong:?}");
    assert_eq!(wrong.json()["code"], "invalid_args");
}

#[test]
fn runs_are_listed_by_project_phase_words_and_parent() {
    let world = World::new(&[("build", BUILD)]);
    let (other, _) = another(&world);
    let start = |project: &str, name: &str| {
        let args = json!({"what": "a boat"});
        let body = json!({
            "project_id": project, "definition": "build", "name": name, "args": args,
        });
        started(&world, &body).1
    };
    let first = start(&world.project, "Zeppelin in blue");
    start(&world.project, "Boat");
    start(&other, "Zeppelin in red");
    approve(&world, &first);
    world.run_until(&first, "completed");
    let fork = world.post(&format!("{first}/fork"), &json!({"name": "Fork"}));
    assert_eq!(fork.status, 201, "{fork:?}");
    for number in [2, 3, 4] {
        let run = format!("{RUNS}/{number}");
        world.run_when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
    }
    let own = &world.project;
    let id = first.rsplit('/').next().unwrap();
    for (query, expected) in [
        (String::new(), &[4, 3, 2, 1][..]),
        (format!("project_id={own}"), &[4, 2, 1]),
        (format!("project_id={other}"), &[3]),
        ("q=zeppelin".into(), &[3, 1]),
        (format!("q=zeppelin&project_id={own}"), &[1]),
        ("q=2".into(), &[2]),
        (format!("q={id}"), &[1]),
        (format!("parent_run_id={id}"), &[4]),
        ("parent_run_id=1".into(), &[4]),
        ("parent_run_id=2".into(), &[]),
        ("phase=check&status=running".into(), &[4, 3, 2]),
        ("phase=make".into(), &[]),
        ("phase=make,check".into(), &[4, 3, 2, 1]),
        ("project_id=odd".into(), &[]),
    ] {
        let mut found = listed(&world, &query);
        // A run's id may hold another's number.
        if query == "q=2" {
            found.retain(|number| *number == 2);
        }
        assert_eq!(found, expected, "{query}");
    }
}

#[test]
fn a_program_is_checked_without_being_kept() {
    let world = World::new(&[]);
    let helper = world
        .directory()
        .join(".agent/workflows/definitions/words.ts");
    std::fs::write(&helper, "export const word = 'hello';\n").unwrap();
    let good = "import { defineWorkflow } from 'baton';\nimport { word } from './words.ts';\n\
        export default defineWorkflow({ name: word, async execute() { return { word }; } });\n";
    let check = |source: &str, project: Option<&str>| {
        let body = json!({
            "type": "code", "source": source, "key": "checked", "project_id": project,
        });
        let answer = world.post("/api/workflow-definitions/validate", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["data"].take()
    };
    let project = Some(world.project.as_str());
    let found = check(good, project);
    assert_eq!(found, json!({"valid": true, "diagnostics": []}));
    // Without a project there is nothing to import from.
    assert_eq!(check(good, None)["valid"], false);
    let found = check(
        "import { defineWorkflow } from 'baton';\nconst = 1;\n",
        project,
    );
    assert_eq!(found["valid"], false);
    let first = &found["diagnostics"][0];
    assert_eq!(first["line"], 2, "{first}");
    assert!(
        first["file"].as_str().unwrap().ends_with("/checked.ts"),
        "{first}"
    );
    for (body, pointer) in [
        (json!({"type": "odd", "source": ""}), "/type"),
        (json!({"type": "code"}), "/source"),
        (json!({"source": "", "key": "../x"}), "/key"),
    ] {
        let refused = world.post("/api/workflow-definitions/validate", &body);
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    let none = json!({"source": "", "project_id": format!("prj_{}", "0".repeat(32))});
    let none = world.post("/api/workflow-definitions/validate", &none);
    assert_eq!(none.status, 404, "{none:?}");
}

#[test]
fn a_forgotten_project_is_gone_and_its_runs_and_files_stay() {
    let world = World::new(&[("build", BUILD)]);
    let (other, directory) = another(&world);
    let body = json!({"project_id": other, "definition": "build", "args": {"what": "x"}});
    let (_, run) = started(&world, &body);
    approve(&world, &run);
    world.run_until(&run, "completed");
    let path = format!("/api/projects/{other}");
    assert_eq!(world.request("DELETE", &path, None).status, 204);
    assert_eq!(world.get(&path).status, 404);
    assert_eq!(world.request("DELETE", &path, None).status, 404);
    let projects = world.get("/api/projects").json();
    assert_eq!(projects["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.post(RUNS, &body).status, 404);
    let definitions = world.get("/api/workflow-definitions").json();
    assert_eq!(definitions["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.get(&run).json()["data"]["status"], "completed");
    assert!(
        directory
            .join(".agent/workflows/definitions/build.yaml")
            .exists()
    );
}
