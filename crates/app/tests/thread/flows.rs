//! Document 4's three examples, in their order of kinds.

use serde_json::json;

use crate::office::{agents, beside, comes_to, has_session, in_order, say, thread_with, world};

#[test]
fn example_1_a_user_pauses_a_workflow_and_resumes_it() {
    let prompt = "@read package.json\n@read src/index.ts\n@say looking\n@wait GO\n@answer Planned.";
    let definition = |go: &std::path::Path| {
        let prompt = prompt.replace("GO", &go.display().to_string());
        agents(&[("plan", "claude", &prompt)])
    };
    let world = world(&[]);
    let go = beside(&world, "go");
    std::fs::write(world.directory().join("package.json"), "{}").unwrap();
    std::fs::create_dir_all(world.directory().join("src")).unwrap();
    std::fs::write(world.directory().join("src/index.ts"), "export {}").unwrap();
    std::fs::write(world.definition("work"), definition(&go)).unwrap();
    let run = world.run("work", &json!({}));
    thread_with(&world, &run, "agent: Reading file: src/index.ts");
    let pause = "Please pause - I need to add something to the requirements";
    let asked = say(&world, &run, "pause", pause, json!({"immediate": true}));
    assert_eq!(asked["actionTaken"], "Workflow pause requested");
    world.run_until(&run, "paused");
    comes_to(&world, &run, &asked["messageId"], "processed");
    let resume = "Resume - I've updated the requirements";
    let resumed = say(&world, &run, "resume", resume, json!({}));
    assert_eq!(resumed["actionTaken"], "Workflow resumed");
    thread_with(&world, &run, "agent: Continuing plan agent");
    std::fs::write(&go, "").unwrap();
    world.run_until(&run, "completed");
    let thread = thread_with(&world, &run, "agent: plan agent completed");
    in_order(
        &thread,
        &[
            "agent: Starting plan agent",
            "agent: Reading file: package.json",
            "agent: Reading file: src/index.ts",
            "user: Please pause",
            "system: Workflow paused at user request",
            "user: Resume",
            "system: Workflow resumed",
            "agent: Continuing plan agent",
        ],
    );
    // What was said with the resume reached the agent, and is done.
    in_order(&thread, &["agent: Acknowledged: Resume - I've updated"]);
    comes_to(&world, &run, &resumed["messageId"], "processed");
}

#[test]
fn example_2_a_user_redirects_a_workflow() {
    let world = world(&[]);
    let (go, definition) = (beside(&world, "go"), world.definition("work"));
    let prompt = format!(
        "@write src/components/Button.tsx button\n@wait {}\n@answer Coded.",
        go.display()
    );
    std::fs::write(definition, agents(&[("code", "claude", &prompt)])).unwrap();
    std::fs::create_dir_all(world.directory().join("src/components")).unwrap();
    let run = world.run("work", &json!({}));
    thread_with(
        &world,
        &run,
        "agent: Writing file: src/components/Button.tsx",
    );
    let words = "REDIRECT: Actually, make this a dropdown menu instead of a button";
    let redirected = say(&world, &run, "redirect", words, json!({}));
    assert_eq!(redirected["actionTaken"], "Redirected to workflow #2");
    assert_eq!(redirected["workflowId"], 2);
    world.run_until(&run, "cancelled");
    comes_to(&world, &run, &redirected["messageId"], "processed");
    let thread = thread_with(&world, &run, "system: Original workflow cancelled");
    in_order(
        &thread,
        &[
            "agent: Starting code agent",
            "agent: Writing file: src/components/Button.tsx (6 bytes)",
            "user: REDIRECT:",
            "system: Creating new workflow with updated instructions...",
            "system: Original workflow cancelled, new workflow #2 created",
        ],
    );
    let new = "/api/workflow-executions/2";
    let other = thread_with(&world, new, "agent: Starting code agent");
    in_order(
        &other,
        &[
            "system: Redirected from workflow #1: REDIRECT: Actually",
            "agent: Starting code agent",
        ],
    );
    let found = world.get(new).json()["data"].clone();
    assert_eq!(found["instruction"], words);
    assert_eq!(found["parent_run_id"], world.get(&run).json()["data"]["id"]);
    std::fs::write(&go, "").unwrap();
    world.run_until(new, "completed");
}

#[test]
fn example_3_a_user_provides_additional_context() {
    let world = world(&[]);
    let go = beside(&world, "go");
    let prompt = format!(
        "@say begun\n@wait {}\n@answer 5 sub-tasks identified",
        go.display()
    );
    let definition = agents(&[("plan", "claude", &prompt)]);
    std::fs::write(world.definition("work"), definition).unwrap();
    let run = world.run("work", &json!({}));
    has_session(&world, &run, "plan");
    let note = "Note: The authentication system uses JWT tokens stored in httpOnly cookies";
    let told = say(&world, &run, "instruction", note, json!({}));
    assert_eq!(told["actionTaken"], "Instruction queued");
    comes_to(&world, &run, &told["messageId"], "acknowledged");
    std::fs::write(&go, "").unwrap();
    world.run_until(&run, "completed");
    let thread = thread_with(&world, &run, "agent: plan agent completed");
    in_order(
        &thread,
        &[
            "agent: Starting plan agent",
            "user: Note: The authentication system",
            "agent: Acknowledged: Note: The authentication system",
            "agent: plan agent completed: 5 sub-tasks identified",
        ],
    );
    comes_to(&world, &run, &told["messageId"], "processed");
}
