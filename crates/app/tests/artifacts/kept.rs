//! Files that steps leave by `artifacts:` are listed as those that people bring.

use serde_json::json;

use crate::form::{get, on_disk, upload};
use crate::server_support::{World, step};

const MAKE: &str = "
name: Make
steps:
  - id: make
    type: script
    command: 'test -e again && echo two > out.txt || { echo one > out.txt; echo more > old.txt; }'
    artifacts: ['*.txt']
  - {id: gate, type: script, command: 'test -e go'}
";

const USE: &str = "
name: Use
steps:
  - {id: make-it, type: script, command: 'echo one > b.txt; echo three > a.txt', artifacts: ['*.txt']}
  - id: use
    type: script
    command: 'echo {{ steps.make_it.artifacts | length }} {{ steps.make_it.artifacts[0].name }} {{ steps.make_it.artifacts[1].size_bytes }}; cat {{ steps.make_it.artifacts[0].path }}'
    outputs: {said: stdout | trim}
";

#[test]
fn a_later_step_finds_the_artifacts_of_an_earlier_one_by_name() {
    let world = World::new(&[("use", USE)]);
    let run = world.run("use", &json!({}));
    let done = world.run_until(&run, "completed");
    let said = &step(&done, "use")["outputs"]["said"];
    assert_eq!(said, "2 a.txt 4\nthree");
}

#[test]
fn kept_files_have_ids_and_a_new_attempt_replaces_them_but_not_what_people_brought() {
    let world = World::new(&[("make", MAKE)]);
    let run = world.run("make", &json!({}));
    let done = world.run_until(&run, "failed");
    let kept = step(&done, "make")["artifacts"].clone();
    let names: Vec<&str> = kept
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|a| a["name"].as_str())
        .collect();
    assert_eq!(names.len(), 2, "{kept}");
    assert!(names.contains(&"out.txt") && names.contains(&"old.txt"));
    let parts = [
        ("step_id", None, &b"make"[..]),
        ("file", Some("out.txt"), b"mine"),
    ];
    assert_eq!(
        upload(&world, &run, "", &parts).json()["data"]["name"],
        "out-2.txt"
    );
    let project = world.directory();
    std::fs::remove_file(project.join("old.txt")).unwrap();
    for name in ["again", "go"] {
        std::fs::write(project.join(name), "").unwrap();
    }
    world.post(&format!("{run}/resume"), &json!({"from_step": "make"}));
    world.run_until(&run, "completed");
    let list = world.get(&format!("{run}/artifacts")).json()["data"].clone();
    let mut found: Vec<(String, String)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| {
            let path = format!("/api/artifacts/{}", artifact["id"].as_str().unwrap());
            let body = String::from_utf8(get(&world, &path, "").body).unwrap();
            (artifact["name"].as_str().unwrap().to_owned(), body)
        })
        .collect();
    found.sort();
    let expected = [("out-2.txt", "mine"), ("out.txt", "two\n")];
    assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(
        on_disk(&world, &run),
        ["make/.kept", "make/out-2.txt", "make/out.txt"]
    );
}
