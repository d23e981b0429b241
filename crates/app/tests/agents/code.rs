//! TypeScript definitions over the real binary.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};

use super::office::Office;
use super::support::pause;

/// As a document of what users expect has it.
const EXAMPLE: &str = include_str!("../../../script/tests/examples/implement-feature.ts");

/// Document 2's example of YAML.
const PIPELINE: &str = include_str!("../../../core/tests/fixtures/simple-pipeline.yaml");

/// A `pnpm` that notes what it is asked for.
fn install_pnpm(office: &Office, note: &str) {
    let pnpm = office.world.project.join("../bin/pnpm");
    let text = format!("#!/bin/sh\n{note} >> \"$PWD/pnpm.log\"\n");
    std::fs::write(&pnpm, text).unwrap();
    std::fs::set_permissions(&pnpm, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn define(office: &Office, name: &str, text: &str) {
    let dir = office.world.project.join(".agent/workflows/definitions");
    std::fs::write(dir.join(name), text).unwrap();
}

/// Starts a run with these args; gives its path.
fn start(office: &Office, key: &str, args: &Value) -> String {
    let answer = office.start(key, &json!({"args": args}));
    assert_eq!(answer.0, 201, "{}", answer.1);
    let id = answer.1["data"]["id"].as_str().unwrap();
    format!("/api/workflow-executions/{id}")
}

#[test]
fn the_example_runs_to_its_end_however_often_its_host_is_killed() {
    let office = Office::new();
    define(&office, "implement-feature.ts", EXAMPLE);
    install_pnpm(&office, "sleep 0.2\necho \"$1\"");
    let args = json!({"featureName": "Login", "requirements": "JWT"});
    let run = start(&office, "implement-feature", &args);
    for kill in 0..8_u64 {
        // Not the same moments each time.
        let moment = (u64::from(std::process::id()) * 37 + kill * 113) % 250;
        pause(Duration::from_millis(moment));
        office.restart();
    }
    let done = office.completed(&run);
    let steps = done["steps"].as_array().unwrap();
    let keys: Vec<&str> = steps
        .iter()
        .map(|s| s["step_id"].as_str().unwrap())
        .collect();
    let expected = [
        "research-codebase",
        "create-spec",
        "implement",
        "run-tests",
        "build",
    ];
    assert_eq!(keys, expected);
    assert!(
        steps.iter().all(|step| step["status"] == "completed"),
        "{done:#}"
    );
    assert_eq!(done["current_phase"], "test");
    let ran = std::fs::read_to_string(office.world.project.join("pnpm.log")).unwrap();
    assert_eq!(ran, "test\nbuild\n", "each command ran once");
    let comments = office.world.get(&format!("{run}/comments"));
    let said = comments["data"].as_array().unwrap().iter();
    let said = said.filter(|c| c["text"] == "Feature implementation complete!");
    assert_eq!(said.count(), 1, "{comments:#}");
}

#[test]
fn the_pipeline_example_runs_its_four_steps_in_order() {
    let office = Office::new();
    define(&office, "simple-pipeline.yaml", PIPELINE);
    install_pnpm(&office, "echo \"$@\"");
    let (status, refused) =
        office.start("simple-pipeline", &json!({"args": {"environment": "moon"}}));
    assert_eq!(status, 422, "{refused}");
    assert_eq!(refused["code"], "invalid_args");
    assert_eq!(refused["errors"][0]["pointer"], "/args/environment");
    let (status, refused) = office.start("simple-pipeline", &json!({}));
    assert_eq!((status, &refused["code"]), (422, &json!("invalid_args")));
    let run = start(
        &office,
        "simple-pipeline",
        &json!({"environment": "staging"}),
    );
    let done = office.completed(&run);
    let ran = std::fs::read_to_string(office.world.project.join("pnpm.log")).unwrap();
    assert_eq!(ran, "install\nbuild\ntest\ndeploy --env staging\n");
    assert_eq!(done["name"], "Simple Build Pipeline");
    assert_eq!(done["current_phase"], "deploy");
    let steps = done["steps"].as_array().unwrap().iter();
    let steps: Vec<_> = steps
        .map(|step| {
            (
                step["step_id"].clone(),
                step["phase"].clone(),
                step["status"].clone(),
            )
        })
        .collect();
    let expected = [
        ("install-deps", "build"),
        ("build-app", "build"),
        ("run-tests", "test"),
        ("deploy", "deploy"),
    ];
    let expected = expected.map(|(key, phase)| (json!(key), json!(phase), json!("completed")));
    assert_eq!(steps, expected);
}

#[test]
fn args_are_read_by_the_schema_and_errors_name_their_place() {
    let office = Office::new();
    define(
        &office,
        "typed.ts",
        "import { defineWorkflow } from \"baton\";
import { z } from \"zod\";
export default defineWorkflow({
  name: \"Typed\",
  phases: [\"only\"],
  argsSchema: z.object({ n: z.coerce.number().min(1), tags: z.array(z.string()).default([\"a\"]) }),
  async execute(ctx) {
    const sum = await ctx.step(\"sum\", { type: \"function\", fn: () => ctx.args.n + ctx.args.tags.length });
    return { sum: sum.data };
  },
});
",
    );
    let run = start(&office, "typed", &json!({"n": "41"}));
    let done = office.completed(&run);
    assert_eq!(done["outputs"], json!({"sum": 42}));
    assert_eq!(done["args"], json!({"n": 41, "tags": ["a"]}));
    let (status, refused) = office.start("typed", &json!({"args": {"n": 0, "tags": ["a", 1]}}));
    assert_eq!(status, 422, "{refused:#}");
    let text = refused.to_string();
    assert!(text.contains("/n") && text.contains("/tags/1"), "{text}");
    let path = format!("/api/workflow-definitions?project_id={}", office.project);
    let listed = office.world.get(&path)["data"][0].take();
    assert_eq!(listed["type"], "code");
    assert_eq!(listed["phases"], json!(["only"]));
    assert_eq!(listed["steps"][0]["id"], "sum");
    assert_eq!(listed["steps"][0]["type"], "function");
    assert_eq!(listed["args_schema"]["properties"]["n"]["minimum"], 1);
}

#[test]
fn a_prompt_may_be_a_function_and_a_comment_may_be_about_a_step() {
    let office = Office::new();
    let text = |prompt: &str| {
        format!(
            "import {{ defineWorkflow }} from \"@repo/workflow-engine\";
export default defineWorkflow({{
  name: \"Asked\",
  argsSchema: {{ type: \"object\", properties: {{ what: {{ type: \"string\" }} }} }},
  worktree: \"stay\",
  async execute(ctx) {{
    const look = await ctx.step(\"look\", {{
      type: \"agent\", agent: \"claude\", permission: \"bypassPermissions\", prompt: {prompt},
    }});
    await ctx.comment(\"It has looked.\", \"look\");
    await ctx.comment(\"All of it.\");
    return {{ said: look.result }};
  }},
}});
"
        )
    };
    define(
        &office,
        "asked.ts",
        &text("(ctx) => `@answer Of ${ctx.args.what} in ${ctx.runId}`"),
    );
    let run = start(&office, "asked", &json!({"what": "birds"}));
    let done = office.completed(&run);
    let id = run.rsplit('/').next().unwrap();
    assert_eq!(done["outputs"]["said"], format!("Of birds in {id}"));
    let comments = office.world.get(&format!("{run}/comments"));
    let about = |text: &str| {
        let mut all = comments["data"].as_array().unwrap().iter();
        let found = all.find(|comment| comment["text"] == text).unwrap();
        (
            found["step_id"].clone(),
            found["workflow_run_step_id"].clone(),
        )
    };
    let look = done["steps"][0]["id"].clone();
    assert_eq!(about("It has looked."), (json!("look"), look));
    assert_eq!(about("All of it."), (Value::Null, Value::Null));
    // What gives no text is refused where it stands.
    define(&office, "asked.ts", &text("(async () => \"late\") as any"));
    let failed = office.ended(&start(&office, "asked", &json!({})));
    assert_eq!(failed["status"], "failed");
    let why = failed["error_message"].as_str().unwrap();
    assert!(
        why.contains("is not async") && why.contains("asked.ts:7"),
        "{why}"
    );
}

#[test]
fn a_run_keeps_the_bundle_it_began_with_and_replay_tells_where_the_source_differs() {
    let office = Office::new();
    let text = |id: &str| {
        format!(
            "import {{ defineWorkflow }} from \"baton\";
export default defineWorkflow({{
  name: \"Kept\",
  async execute(ctx) {{
    await ctx.step(\"first\", {{ type: \"script\", command: \"true\" }});
    await ctx.approval(\"ok\", \"Go on?\");
    await ctx.step(\"{id}\", {{ type: \"script\", command: \"true\" }});
  }},
}});
"
        )
    };
    define(&office, "kept.ts", &text("second"));
    let run = start(&office, "kept", &json!({}));
    office.when(&run, "its question", |run| {
        run["waiting"]["reason"] == "approval"
    });
    define(&office, "kept.ts", &text("other"));
    office.restart();
    let waiting = office.world.get(&run)["data"].take();
    let ok = waiting["steps"][1]["id"].as_str().unwrap();
    let (status, answer) = office.post(&format!("/api/workflow-steps/{ok}/approve"), &json!({}));
    assert!(status < 300, "{answer}");
    let done = office.completed(&run);
    assert_eq!(done["steps"][2]["step_id"], "second");
    let (status, replayed) = office.post(&format!("{run}/replay"), &json!({}));
    assert_eq!(status, 200, "{replayed}");
    let why = replayed["data"]["divergence"].as_str().unwrap();
    assert!(
        why.contains("`second` at kept.ts:7:") && why.contains("`other` at kept.ts:7:"),
        "{why}"
    );
}

#[test]
fn a_failed_run_goes_on_from_the_step_that_failed() {
    let office = Office::new();
    define(
        &office,
        "again.ts",
        "import { defineWorkflow } from \"baton\";
export default defineWorkflow({
  name: \"Again\",
  async execute(ctx) {
    await ctx.step(\"first\", { type: \"script\", command: \"echo one >> ran\" });
    await ctx.step(\"second\", { type: \"script\", command: \"echo two >> ran; test -e go\" });
    await ctx.step(\"third\", { type: \"script\", command: \"echo three >> ran\" });
  },
});
",
    );
    let run = start(&office, "again", &json!({}));
    let failed = office.ended(&run);
    assert_eq!(failed["status"], "failed", "{failed:#}");
    let why = failed["error_message"].as_str().unwrap_or_default();
    assert!(
        why.contains("step `second` failed") && why.contains("again.ts:6:"),
        "{why}"
    );
    std::fs::write(office.world.project.join("go"), "").unwrap();
    let (status, answer) = office.post(&format!("{run}/retry"), &json!({}));
    assert!(status < 300, "{answer}");
    office.completed(&run);
    let ran = std::fs::read_to_string(office.world.project.join("ran")).unwrap();
    assert_eq!(ran, "one\ntwo\ntwo\nthree\n");
}

#[test]
fn a_fork_from_a_step_runs_that_step_and_what_follows() {
    let office = Office::new();
    define(
        &office,
        "forked.ts",
        "import { defineWorkflow } from \"baton\";
import { z } from \"zod\";
export default defineWorkflow({
  name: \"Forked\",
  argsSchema: z.object({ word: z.string().transform((word) => word.length) }),
  concurrency: { key: \"words-{{ args.word }}\", limit: 5 },
  async execute(ctx) {
    const dice = await ctx.step(\"dice\", { type: \"function\", fn: () => Math.random() });
    await ctx.step(\"first\", { type: \"script\", command: `echo one ${ctx.runId} >> ran` });
    await ctx.step(\"second\", { type: \"script\", command: \"echo two >> ran\" });
    return [ctx.args.word, dice.data, Math.random()];
  },
});
",
    );
    let run = start(&office, "forked", &json!({"word": "four"}));
    let whole = office.completed(&run);
    assert_eq!(whole["outputs"][0], 4);
    let (status, answer) = office.post(&format!("{run}/fork"), &json!({"from_step": "second"}));
    assert_eq!(status, 201, "{answer}");
    let id = answer["data"]["id"].as_str().unwrap();
    let fork = office.completed(&format!("/api/workflow-executions/{id}"));
    assert_eq!(fork["outputs"], whole["outputs"], "the same dice");
    let ran = std::fs::read_to_string(office.world.project.join("ran")).unwrap();
    let words: Vec<&str> = ran.lines().map(|line| &line[..3]).collect();
    assert_eq!(
        words,
        ["one", "two", "two"],
        "what came before is not run again"
    );
}
