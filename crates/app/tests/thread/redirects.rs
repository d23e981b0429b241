//! Redirects: what the new run begins with, and that it is made once.

use serde_json::{Value, json};

use crate::office::{
    agents, beside, has_session, in_order, messages, say, start, thread_with, world,
};
use crate::server_support::{World, step};

/// Three agents, of which the second waits for `go`.
fn three() -> (World, std::path::PathBuf) {
    let world = world(&[]);
    let go = beside(&world, "go");
    let wait = format!("@wait {}\n@answer Coded.", go.display());
    let definition = agents(&[
        ("plan", "claude", "@answer The plan."),
        ("code", "claude", &wait),
        ("check", "claude", "@answer Checked {{ run.instruction }}"),
    ]);
    std::fs::write(world.definition("work"), definition).unwrap();
    (world, go)
}

fn second(world: &World) -> Value {
    world.get("/api/workflow-executions/2").json()["data"].clone()
}

#[test]
fn the_new_run_goes_on_from_the_last_checkpoint_with_a_standing_instruction() {
    let (world, go) = three();
    let run = world.run("work", &json!({}));
    has_session(&world, &run, "code");
    let metadata = json!({
        "newTaskDescription": "make it a menu", "additionalContext": "with keys",
    });
    say(&world, &run, "redirect", "Change of plans", metadata);
    world.run_until(&run, "cancelled");
    let new = "/api/workflow-executions/2";
    has_session(&world, new, "code");
    let found = second(&world);
    assert_eq!(found["instruction"], "make it a menu\n\nwith keys");
    let plan = step(&found, "plan");
    assert_eq!(
        (&plan["status"], &plan["result"]),
        (&json!("completed"), &json!("The plan."))
    );
    std::fs::write(&go, "").unwrap();
    let done = world.run_until(new, "completed");
    let said = step(&done, "check")["result"].as_str().unwrap().to_owned();
    assert!(said.starts_with("Checked make it a menu"), "{said}");
    // Nothing of the plan ran again.
    assert_eq!(
        step(&done, "plan")["attempts"].as_array().map(Vec::len),
        Some(0)
    );
}

/// As [`three`], as a program: what it has thrown dice for, it has thrown dice for once.
const PROGRAM: &str = r#"import { defineWorkflow } from "baton";
export default defineWorkflow({
  name: "Work",
  worktree: "stay",
  async execute(ctx) {
    const agent = (id: string, prompt: string) =>
      ctx.step(id, { type: "agent", agent: "claude", permission: "bypassPermissions", prompt });
    const dice = Math.random();
    const plan = await agent("plan", "@answer The plan.");
    const roll = await ctx.step("roll", { type: "function", fn: () => dice });
    await agent("code", "@wait GO\n@answer Coded.");
    const check = await agent("check", `@answer Checked ${ctx.run.instruction}`);
    return { plan: plan.result, check: check.result, same: roll.data === dice, dice };
  },
});
"#;

/// Waits until a program has asked for this agent step, and its session is there.
fn is_asked_for(world: &World, run: &str, key: &str) {
    world.run_when(run, "its session", |run| {
        let mut steps = run["steps"].as_array().unwrap().iter();
        steps.any(|step| step["step_id"] == key && step["agent_session_id"].is_string())
    });
}

#[test]
fn a_redirected_program_goes_on_from_the_last_checkpoint_too() {
    let world = world(&[]);
    let go = beside(&world, "go");
    let program = PROGRAM.replace("GO", &go.display().to_string());
    std::fs::write(world.definition("work").with_extension("ts"), program).unwrap();
    let run = world.run("work", &json!({}));
    is_asked_for(&world, &run, "code");
    let metadata = json!({"newTaskDescription": "make it a menu"});
    say(&world, &run, "redirect", "Change of plans", metadata);
    let old = world.run_until(&run, "cancelled");
    assert_ne!(step(&old, "code")["status"], "completed");
    let new = "/api/workflow-executions/2";
    is_asked_for(&world, new, "code");
    let plan = step(&second(&world), "plan").clone();
    assert_eq!(plan["status"], "completed");
    assert_eq!(plan["result"], "The plan.");
    assert_eq!(plan["attempts"].as_array().map(Vec::len), Some(0));
    std::fs::write(&go, "").unwrap();
    let done = world.run_until(new, "completed");
    let outputs = &done["outputs"];
    assert_eq!(outputs["plan"], "The plan.");
    assert_eq!(outputs["same"], true);
    let said = outputs["check"].as_str().unwrap();
    assert!(said.starts_with("Checked make it a menu"), "{said}");
}

#[test]
fn a_program_decides_itself_where_a_redirect_begins() {
    let world = world(&[]);
    let go = beside(&world, "go");
    let program = PROGRAM.replace("GO", &go.display().to_string());
    std::fs::write(world.definition("work").with_extension("ts"), program).unwrap();
    let run = world.run("work", &json!({}));
    is_asked_for(&world, &run, "code");
    let body = json!({
        "content": "Only check", "action_type": "redirect", "metadata": {"skipToAgent": "code"},
    });
    let refused = world.post(&messages(&run), &body);
    assert_eq!(refused.status, 422, "{refused:?}");
    let problem = refused.json();
    assert_eq!(problem["code"], "invalid");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("skipToAgent") && detail.contains("TypeScript"),
        "{detail}"
    );
    assert_eq!(world.get(&run).json()["data"]["status"], "running");
    std::fs::write(&go, "").unwrap();
    world.run_until(&run, "completed");
}

#[test]
fn a_redirect_may_begin_at_a_step() {
    let (world, _go) = three();
    let run = world.run("work", &json!({}));
    has_session(&world, &run, "code");
    let metadata = json!({"skipToAgent": "check"});
    say(&world, &run, "redirect", "Only check", metadata);
    let done = world.run_until("/api/workflow-executions/2", "completed");
    assert_eq!(step(&done, "plan")["status"], "completed");
    assert_eq!(step(&done, "code")["status"], "skipped");
    assert_eq!(step(&done, "check")["result"], "Checked Only check");
}

#[test]
fn what_is_paused_can_be_redirected() {
    let world = world(&[(
        "ask",
        "name: Ask\nsteps:\n  - {id: ok, type: approval, message: 'Go on?'}\n",
    )]);
    let run = world.run("ask", &json!({}));
    world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    say(&world, &run, "pause", "Stop", json!({}));
    world.run_until(&run, "paused");
    say(&world, &run, "redirect", "Other", json!({}));
    world.run_until(&run, "cancelled");
    world.run_when("/api/workflow-executions/2", "waits", |run| {
        run["waiting"]["reason"] == "approval"
    });
}

#[test]
fn a_redirect_is_carried_out_once_across_a_crash() {
    for _ in 0..3 {
        let world = redirected_and_killed();
        let list = world.get("/api/workflow-executions").json();
        assert_eq!(list["data"].as_array().unwrap().len(), 2, "{list}");
    }
}

fn redirected_and_killed() -> World {
    let (mut world, go) = three();
    let run = world.run("work", &json!({}));
    has_session(&world, &run, "code");
    say(&world, &run, "redirect", "Anew", json!({}));
    world.kill_host();
    start(&mut world, &[]);
    world.run_until(&run, "cancelled");
    let thread = thread_with(&world, &run, "system: Original workflow cancelled");
    let created = thread
        .iter()
        .filter(|line| line.starts_with("system: Creating"));
    assert_eq!(created.count(), 1);
    std::fs::write(&go, "").unwrap();
    world.run_until("/api/workflow-executions/2", "completed");
    let new = thread_with(
        &world,
        "/api/workflow-executions/2",
        "agent: check agent completed",
    );
    in_order(&new, &["system: Redirected from workflow #1: Anew"]);
    world
}
