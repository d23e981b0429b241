//! Which spans there are, and how they hang together.

use std::process::Command;

use serde_json::json;

use crate::collector::{Collector, Told};
use crate::fakes;
use crate::server_support::{World, step};

/// A world whose hosts send traces to this collector.
pub fn world(
    collector: &Collector,
    definitions: &[(&str, &str)],
    change: impl FnOnce(&mut Command),
) -> World {
    let mut world = World::idle(definitions);
    let memory = world.data_dir().with_file_name("memory");
    world.start_with(|host| {
        collector.tell(host);
        host.env("FAKE_AGENT_HOME", memory);
        change(host);
    });
    let path = world.directory();
    let answer = world.post("/api/projects", &json!({"path": path}));
    world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    world
}

/// The spans, once one of this name is among them.
pub fn spans_with(world: &World, collector: &Collector, name: &str) -> Vec<Told> {
    let mut spans = Vec::new();
    world.until(&format!("the span {name}"), || {
        spans = collector.spans();
        spans.iter().any(|span| span.name == name)
    });
    spans
}

/// The span of this name: there is one.
pub fn one<'a>(spans: &'a [Told], name: &str) -> &'a Told {
    let found: Vec<&Told> = spans.iter().filter(|span| span.name == name).collect();
    match found[..] {
        [one] => one,
        _ => panic!("{} spans `{name}` among {spans:#?}", found.len()),
    }
}

/// The hex digits of the run's id.
fn hex(run: &str) -> String {
    run.rsplit('_').next().unwrap().to_owned()
}

fn traced() -> String {
    let agent = fakes::program("fake-acp");
    let agent = agent.display();
    format!(
        "name: Traced
phases: [build, check]
steps:
  - {{id: build, phase: build, type: script, command: 'true'}}
  - id: think
    phase: build
    type: agent
    agent: 'acp:{agent}'
    permission: bypassPermissions
    prompt: |
      Read it.
      @read a.txt
      @run exit 4
      @read gone.txt
      @spend 10 5 0.25
      @answer ok
  - id: each
    phase: check
    type: script
    foreach: '{{{{ args.items }}}}'
    command: 'true'
  - id: bad
    phase: check
    type: script
    env: {{TOKEN: '{{{{ secrets.DEPLOY }}}}'}}
    command: 'echo $TOKEN; echo $TOKEN >&2; exit 3'
    retry: {{attempts: 2, backoff: 10ms}}
"
    )
    .replacen(
        "phases:",
        "argsSchema: {type: object, properties: {items: {type: array, default: [1, 2]}}}\nphases:",
        1,
    )
}

#[test]
fn a_run_is_a_trace_of_its_steps_their_attempts_and_what_agents_used() {
    let collector = Collector::new();
    let world = world(&collector, &[("traced", &traced())], |host| {
        host.env("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=fake-key");
    });
    std::fs::write(world.directory().join("a.txt"), "text").unwrap();
    let secret = "sk-fake-0123456789abcdef";
    let kept = world.request(
        "PUT",
        "/api/secrets/DEPLOY",
        Some(&json!({"value": secret})),
    );
    assert!(kept.status < 300, "{kept:?}");
    let run = world.run("traced", &json!({}));
    world.run_until(&run, "failed");
    let spans = spans_with(&world, &collector, "run traced");

    for span in &spans {
        assert_eq!(span.trace, hex(&run), "{span:?}");
        assert_eq!(span.service, "baton");
        assert!(span.from <= span.to, "{span:?}");
    }
    let root = one(&spans, "run traced");
    assert!(root.parent.is_empty(), "{root:?}");
    assert_eq!(root.status, 2, "{root:?}");
    assert!(root.is("baton.run.status", "failed") && root.is("baton.definition", "traced"));
    for key in ["build", "think", "each", "bad"] {
        let span = one(&spans, &format!("step {key}"));
        assert_eq!(span.parent, root.id, "{span:?}");
        assert!(span.from >= root.from && span.to <= root.to, "{span:?}");
    }
    let think = one(&spans, "step think");
    assert!(think.is("baton.step.type", "agent") && think.is("baton.phase", "build"));
    assert!(think.is("baton.step.status", "completed") && think.status == 0);
    let of = |parent: &Told| -> Vec<&Told> {
        spans
            .iter()
            .filter(|span| span.parent == parent.id)
            .collect()
    };
    // Items hang below their step, and each has an attempt.
    let items = of(one(&spans, "step each"));
    let mut names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    // They run at once.
    names.sort_unstable();
    assert_eq!(names, ["step each.0", "step each.1"]);
    assert!(items.iter().all(|item| of(item).len() == 1), "{spans:#?}");
    // Both tries of the step that failed are there, and why.
    let bad = one(&spans, "step bad");
    assert!(
        bad.status == 2 && bad.is("error.type", "exit_code"),
        "{bad:?}"
    );
    let tries = of(bad);
    let names: Vec<&str> = tries.iter().map(|tried| tried.name.as_str()).collect();
    assert_eq!(names, ["attempt 1", "attempt 2"]);
    assert!(
        tries
            .iter()
            .all(|tried| tried.status == 2 && tried.is("process.exit.code", "3"))
    );
    assert!(
        tries[1].is("baton.attempt.cause", "retry"),
        "{:?}",
        tries[1]
    );
    // What the agent used hangs below its attempt.
    let [attempt] = of(think)[..] else {
        panic!("{spans:#?}");
    };
    assert!(attempt.is("baton.cost_usd", "0.25"), "{attempt:?}");
    let tools = of(attempt);
    assert_eq!(tools.len(), 3, "{tools:#?}");
    assert!(tools.iter().all(|tool| tool.name.starts_with("tool ")));
    let statuses: Vec<i32> = tools.iter().map(|tool| tool.status).collect();
    assert_eq!(statuses, [0, 0, 2], "{tools:#?}");
    // No secret, and none of what was said.
    let bytes = collector.bytes();
    for word in [secret, "Read it", "exit 4", "a.txt"] {
        let found = bytes
            .windows(word.len())
            .any(|part| part == word.as_bytes());
        assert!(!found, "`{word}` is in a span");
    }
    for head in collector.heads() {
        assert!(head.starts_with("POST /v1/traces "), "{head}");
        assert!(head.contains("x-collector-key: fake-key"), "{head}");
    }
}

#[test]
fn agents_and_tools_follow_the_conventions_for_generative_ai_when_asked_to() {
    let collector = Collector::new();
    let world = world(&collector, &[("traced", &traced())], |host| {
        host.env(
            "OTEL_SEMCONV_STABILITY_OPT_IN",
            "gen_ai_latest_experimental",
        );
        host.env("OTEL_SERVICE_NAME", "ours");
        host.env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    });
    let run = world.run("traced", &json!({"items": []}));
    world.run_until(&run, "failed");
    let spans = spans_with(&world, &collector, "run traced");
    assert!(spans.iter().all(|span| span.service == "ours"));
    let mut heads = collector.heads().into_iter();
    assert!(heads.all(|head| head.contains("content-encoding: gzip")));
    let agent = spans
        .iter()
        .find(|span| span.name.starts_with("invoke_agent acp:"));
    let agent = agent.unwrap_or_else(|| panic!("no agent among {spans:#?}"));
    assert!(
        agent.is("gen_ai.operation.name", "invoke_agent"),
        "{agent:?}"
    );
    assert!(agent.is("gen_ai.usage.input_tokens", "10"), "{agent:?}");
    assert!(agent.is("gen_ai.usage.output_tokens", "5"), "{agent:?}");
    assert!(
        agent.attributes.contains_key("gen_ai.conversation.id"),
        "{agent:?}"
    );
    let tools = spans.iter().filter(|span| span.parent == agent.id);
    let tools: Vec<&Told> = tools.collect();
    assert_eq!(tools.len(), 3, "{spans:#?}");
    for tool in tools {
        assert!(tool.name.starts_with("execute_tool "), "{tool:?}");
        assert!(tool.is("gen_ai.operation.name", "execute_tool"), "{tool:?}");
        assert!(
            tool.attributes.contains_key("gen_ai.tool.call.id"),
            "{tool:?}"
        );
    }
}

const PARENT: &str = "
name: Parent
steps:
  - {id: child, type: workflow, workflow: inner}
";

const INNER: &str = "
name: Inner
steps:
  - {id: work, type: script, command: 'true'}
";

#[test]
fn a_child_run_is_in_its_parents_trace_below_the_step() {
    let collector = Collector::new();
    let world = world(&collector, &[("parent", PARENT), ("inner", INNER)], |_| {});
    let run = world.run("parent", &json!({}));
    let run_id = run.rsplit('/').next().unwrap();
    world.run_until(&run, "completed");
    let spans = spans_with(&world, &collector, "run parent");
    assert!(
        spans.iter().all(|span| span.trace == hex(run_id)),
        "{spans:#?}"
    );
    let inner = one(&spans, "run inner");
    assert_eq!(inner.parent, one(&spans, "step child").id);
    assert!(inner.is("baton.parent_run.id", run_id), "{inner:?}");
    assert_eq!(one(&spans, "step work").parent, inner.id);
}

const GATE: &str = "
name: Gate
steps:
  - {id: a, type: script, command: 'true'}
  - {id: ok, type: approval, message: Go on?}
  - {id: b, type: script, command: 'exit 7'}
";

#[test]
fn a_restart_goes_on_in_the_same_trace_and_repeats_nothing() {
    let collector = Collector::new();
    let mut world = world(&collector, &[("gate", GATE)], |_| {});
    let run = world.run("gate", &json!({}));
    let waits = world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    spans_with(&world, &collector, "step a");
    // It was noted how far it came: else what was sent may be sent again.
    let events = world.get(&format!("{run}/events?limit=200")).json();
    let events = events["data"].as_array().unwrap();
    let ended = events
        .iter()
        .find(|event| event["type"] == "step_completed")
        .unwrap();
    let commit = ended["pos"].as_u64().unwrap() / 4096;
    world.until("the place is kept", || {
        let kept = std::fs::read(world.data_dir().join("traces.json")).unwrap();
        let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
        kept["position"].as_u64().unwrap() >= commit
    });
    world.kill_host();
    world.start_with(|host| collector.tell(host));
    let id = step(&waits, "ok")["id"].as_str().unwrap();
    let approved = world.post(&format!("/api/workflow-steps/{id}/approve"), &json!({}));
    assert_eq!(approved.status, 200, "{approved:?}");
    world.run_until(&run, "failed");
    let spans = spans_with(&world, &collector, "run gate");
    let root = one(&spans, "run gate");
    assert!(
        spans.iter().all(|span| span.trace == hex(&run)),
        "{spans:#?}"
    );
    for key in ["a", "ok", "b"] {
        assert_eq!(one(&spans, &format!("step {key}")).parent, root.id);
    }
    let mut ids: Vec<&Vec<u8>> = spans.iter().map(|span| &span.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), spans.len(), "a span came twice: {spans:#?}");
    // It goes on after its failure: a later part of the same trace, below the same root.
    let again = world.post(&format!("{run}/retry"), &json!({}));
    assert_eq!(again.status, 200, "{again:?}");
    world.until("the second end", || {
        let spans = collector.spans();
        let ends = spans.iter().filter(|span| span.name == "run gate");
        ends.count() == 2
    });
    let spans = collector.spans();
    let second = spans.iter().rfind(|span| span.name == "run gate").unwrap();
    assert_eq!(
        (&second.parent, second.trace.as_str()),
        (&root.id, &*hex(&run))
    );
    let b = spans.iter().rfind(|span| span.name == "step b").unwrap();
    assert_eq!(b.parent, second.id);
}
