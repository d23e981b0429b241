//! Definitions that cannot be run, that change, or that ask for too much.

use std::fmt::Write as _;

use serde_json::Value;

use crate::server_support::{World, step};

fn script(rest: &str) -> String {
    format!("name: X\nsteps:\n  - {{id: s, type: script, command: 'true'{rest}}}\n")
}

#[test]
fn what_is_not_there_yet_is_named_and_starts_nothing() {
    let remote =
        "name: X\nsteps:\n  - {id: far, type: remote, provider: stakwork, workflow_id: 1}\n";
    let cases = [("remote", remote, "stakwork")];
    let all: Vec<(&str, &str)> = cases.iter().map(|(key, text, _)| (*key, *text)).collect();
    let world = World::new(&all);
    for (key, _, named) in cases {
        let said = world.say(&["run", key, "--json"]);
        said.is(2, &[named]);
        let problem: Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!(problem["code"], "not_available", "{key}: {problem}");
    }
    assert!(world.runs().is_empty());
}

#[test]
fn a_worktree_without_a_repository_is_refused_with_what_would_be_right() {
    let tree = format!("worktree: worktree\n{}", script(""));
    let world = World::new(&[("tree", &tree), ("plain", &script(""))]);
    let words = ["is in no git repository", "git init"];
    world.say(&["run", "tree"]).is(2, &words);
    for mode in ["branch", "worktree"] {
        world
            .say(&["run", "plain", "--worktree", mode])
            .is(2, &words);
    }
    assert!(world.runs().is_empty());
}

#[test]
fn a_cycle_of_needs_is_shown_with_its_place() {
    let text = "name: X\nsteps:\n  - {id: a, type: script, command: 'true', needs: [b]}\n  - {id: b, type: script, command: 'true', needs: [a]}\n";
    let world = World::new(&[("cycle", text)]);
    world.say(&["validate"]).is(2, &["cycle.yaml:", "cycle"]);
    world
        .say(&["run", "cycle"])
        .is(2, &["cycle.yaml:3:10: steps need each other in a circle"]);
    assert!(world.runs().is_empty());
}

#[test]
fn a_bomb_of_aliases_is_refused_at_once() {
    let mut bomb = "name: X\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..20 {
        let before = format!("*a{}", n - 1);
        writeln!(bomb, "a{n}: &a{n} [{}]", [before.as_str(); 10].join(", ")).unwrap();
    }
    let world = World::new(&[("bomb", &bomb)]);
    world.say(&["validate"]).is(2, &["bomb.yaml"]);
    world.say(&["run", "bomb"]).is(2, &["bomb"]);
    assert!(
        crate::logs::peak(world.host_pid()) < 200 * 1024,
        "the host's memory"
    );
}

#[test]
fn a_template_that_would_make_a_gigabyte_fails_its_step() {
    let text = "name: X
steps:
  - {id: a, type: script, command: 'head -c 60000 /dev/zero | tr \"\\0\" x'}
  - {id: s, type: script, command: 'true', env: {X: '{{ steps.a.result * 20000 }}'}}
";
    let world = World::new(&[("big", text)]);
    let said = world.say(&["run", "big"]);
    assert!(matches!(said.code, Some(1 | 2)), "{said:#?}");
    assert!(
        crate::logs::peak(world.host_pid()) < 300 * 1024,
        "the host's memory"
    );
    let list = "name: X
steps:
  - {id: s, type: script, command: 'echo {{ range(100000000) | join(\"xxxxxxxxxx\") }}'}
";
    std::fs::write(world.definition("list"), list).unwrap();
    let said = world.say(&["run", "list"]);
    assert!(matches!(said.code, Some(1 | 2)), "{said:#?}");
    assert!(
        crate::logs::peak(world.host_pid()) < 300 * 1024,
        "the host's memory"
    );
}

#[test]
fn a_run_keeps_the_definition_it_began_with() {
    let text = "name: Old
steps:
  - {id: wait, type: script, command: 'echo up > up; while [ ! -e go ]; do sleep 0.02; done'}
  - {id: test, type: script, command: 'test -e fixed; echo old > said'}
";
    let mut world = World::new(&[("one", text)]);
    world.say(&["run", "one", "-d"]).is(0, &["started"]);
    let up = world.directory().join("up");
    world.until("the step is up", || up.exists());
    std::fs::write(world.definition("one"), "name: New\nsteps: [").unwrap();
    std::fs::write(world.directory().join("go"), "").unwrap();
    let failed = world.run_until("/api/workflow-executions/1", "failed");
    assert_eq!(step(&failed, "test")["error"]["code"], "exit_code");
    std::fs::remove_file(world.definition("one")).unwrap();
    world.kill_host();
    world.start();
    std::fs::write(world.directory().join("fixed"), "").unwrap();
    world.say(&["retry", "1"]).is(0, &[]);
    world.run_until("/api/workflow-executions/1", "completed");
    let said = std::fs::read_to_string(world.directory().join("said")).unwrap();
    assert_eq!(said, "old\n");
    world.say(&["run", "one"]).is(5, &["one"]);
}
