//! What valid files mean: defaults, short forms, both spellings.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use baton_core::definition::template::{Command, Text};
use baton_core::definition::{
    Action, Definition, Items, OnFull, OnLost, Severity, Source, Wait, WorktreeMode, parse, render,
};
use serde_json::json;

fn read(text: &str) -> Definition {
    let parsed = parse(&Source {
        key: "key",
        file: "key.yaml",
        text,
    });
    parsed
        .definition
        .unwrap_or_else(|| panic!("{}", render(&parsed.diagnostics, text, false)))
}

#[test]
fn defaults_apply_to_agents_and_scripts_and_are_merged_under_their_own() {
    let d = read(
        "name: t
defaults: {agent: codex, model: m, permission: plan, timeout: 30m, retry: {attempts: 3, backoff: 1s}, on_lost: ask, env: {A: a, B: b}, cwd: app}
steps:
  - {id: s, type: script, command: ls, retry: {attempts: 5}, env: {B: c}}
  - {id: a, type: agent, prompt: x, timeout: 0, cwd: web}
  - {id: q, type: approval, message: ok?}
  - {id: w, type: workflow, workflow: other}
",
    );
    let [s, a, q, w] = &d.steps[..] else { panic!() };
    assert_eq!(s.timeout, Some(Duration::from_secs(1800)));
    assert_eq!(
        (s.retry.attempts, s.retry.backoff),
        (5, Duration::from_secs(1))
    );
    assert_eq!(s.on_lost, OnLost::Ask);
    assert_eq!(s.env["A"], Text::new("a"));
    assert_eq!(s.env["B"], Text::new("c"));
    let Action::Script(script) = &s.action else {
        panic!()
    };
    assert_eq!(script.cwd, Some(Text::new("app")));
    assert_eq!((a.timeout, a.retry.attempts), (None, 3));
    let Action::Agent(agent) = &a.action else {
        panic!()
    };
    assert_eq!(
        (agent.agent.as_str(), agent.permission.as_deref()),
        ("codex", Some("plan"))
    );
    assert_eq!(
        (agent.model.clone(), agent.cwd.clone()),
        (Some(Text::new("m")), Some(Text::new("web")))
    );
    for other in [q, w] {
        assert_eq!(
            (other.timeout, other.retry.attempts, other.env.len()),
            (None, 1, 0)
        );
    }
}

#[test]
fn both_spellings_of_every_field_are_read() {
    let d = read(
        "name: t
argsSchema: {type: object, properties: {n: {type: integer}}}
triggers: {schedule: {cron: '0 6 * * *', catchUp: all}, webhook: {secretEnv: S}}
concurrency: {key: k, onFull: cancel_oldest}
defaults: {onUsageLimit: fail, onLost: fail}
steps:
  - {id: a, type: agent, agent: claude, prompt: x, maxTurns: 3, systemPrompt: y, continueOnError: true}
  - {id: b, type: script, command: ls, foreach: [1, 2], maxParallel: 2}
  - {id: c, type: remote, provider: p, workflowId: 7}
  - {id: d, type: approval, message: m, timeout: 1d, onTimeout: approve, onReject: continue}
",
    );
    assert!(d.steps[0].continue_on_error);
    assert_eq!(d.steps[1].foreach.as_ref().unwrap().max_parallel, 2);
    assert_eq!(d.concurrency.unwrap().on_full, OnFull::CancelOldest);
}

#[test]
fn a_phase_is_inherited_from_the_step_before() {
    let d = read(
        "name: t
phases: [one, {id: two, label: Second}]
steps:
  - {id: a, type: wait, for: 0}
  - {id: b, type: wait, for: 1h30m, phase: two}
  - {id: c, type: wait, until: '2026-01-01T00:00:00Z'}
",
    );
    let phases: Vec<_> = d.steps.iter().map(|s| s.phase.clone().unwrap()).collect();
    assert_eq!(phases, ["one", "two", "two"]);
    assert_eq!(
        (d.phases[0].label.as_str(), d.phases[1].label.as_str()),
        ("one", "Second")
    );
    assert!(
        matches!(d.steps[1].action, Action::Wait(Wait::For(length)) if length == Duration::from_secs(5400))
    );
}

#[test]
fn short_forms_stand_for_long_ones() {
    let d = read(
        "name: t\nworktree: stay\nconcurrency: deploy\nsteps: [{id: a, type: script, command: [echo, a b, 7]}]\n",
    );
    assert_eq!(d.worktree.unwrap().mode, WorktreeMode::Stay);
    let concurrency = d.concurrency.unwrap();
    assert_eq!(
        (concurrency.key, concurrency.limit),
        (Text::new("deploy"), 1)
    );
    let Action::Script(script) = &d.steps[0].action else {
        panic!()
    };
    assert_eq!(
        script.command,
        Command::Words(vec![Text::new("echo"), Text::new("a b"), Text::new("7")])
    );
}

#[test]
fn items_come_from_a_list_a_template_or_a_matrix() {
    let d = read(
        "name: t
steps:
  - {id: a, type: script, command: 'echo {{ item }} {{ index }}', foreach: [1, '{{ run.number }}']}
  - {id: b, type: script, command: 'echo {{ item.os }}', matrix: {os: [mac, linux], node: [20, 22]}}
  - {id: c, type: workflow, workflow: w, foreach: '{{ steps.a.data }}'}
  - {id: d, type: workflow, workflow: w, foreach: '{{ steps.a.data }}', isolate: true, max_parallel: 9}
  - {id: e, type: workflow, workflow: w, isolate: true}
",
    );
    let each = |n: usize| d.steps[n].foreach.clone().unwrap();
    assert_eq!(each(0).max_parallel, 4);
    let Items::Matrix(axes) = each(1).items else {
        panic!()
    };
    assert_eq!(axes["node"], [json!(20), json!(22)]);
    assert_eq!((each(2).max_parallel, each(3).max_parallel), (1, 9));
    assert!(matches!(&d.steps[4].action, Action::Workflow(w) if w.isolate));
}

#[test]
fn anchors_and_merges_repeat_values() {
    let d = read(
        "name: t
steps:
  - &first {id: a, type: script, command: ls, retry: &retry {attempts: 2}}
  - {<<: *first, id: b}
  - {id: c, type: script, command: ls, retry: *retry}
",
    );
    assert_eq!(
        d.steps.iter().map(|s| s.retry.attempts).collect::<Vec<_>>(),
        [2, 2, 2]
    );
    assert_eq!(d.steps[1].id, "b");
}

#[test]
fn needs_make_a_graph_and_words_of_yaml_1_1_are_texts() {
    let d = read(
        "name: t
steps:
  - {id: a, type: script, command: true, needs: [], env: {X: no, Y: 1.10, Z: true}}
  - {id: c, type: script, command: 'echo {{ steps.a.result }}', needs: [b]}
  - {id: b, type: script, command: ls, needs: [a, a]}
",
    );
    assert!(d.is_graph);
    assert_eq!(
        d.steps.iter().map(|s| s.needs.clone()).collect::<Vec<_>>(),
        [vec![], vec![2], vec![0]]
    );
    let env: Vec<_> = d.steps[0]
        .env
        .values()
        .map(|t| t.source().to_owned())
        .collect();
    assert_eq!(env, ["no", "1.10", "true"]);
}

#[test]
fn warnings_do_not_stop_a_definition() {
    let parsed = parse(&Source {
        key: "k",
        file: "k",
        text: "name: t\nsteps:\n- {id: a, type: wait, for: 0}\n- {id: b, type: wait, for: 0, needs: [a]}\n",
    });
    assert!(parsed.definition.is_some());
    assert_eq!(parsed.diagnostics[0].severity, Severity::Warning);
}

#[test]
fn the_order_of_the_args_is_kept() {
    let d = read(
        "name: t\nargsSchema: {type: object, properties: {z: {}, a: {}, m: {}}}\nsteps: [{id: a, type: wait, for: 0}]\n",
    );
    let schema = d.args_schema.unwrap();
    assert_eq!(
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["z", "a", "m"]
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_read() {
    read("\u{feff}name: t\r\nsteps:\r\n  - id: a\r\n    type: script\r\n    command: ls\r\n");
}
