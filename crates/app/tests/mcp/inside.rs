//! Agents inside a run, which Baton hands its server to: fake agents that start it as the real ones do.

use serde_json::{Value, json};

use crate::fakes;
use crate::server_support::{World, step};

fn definition(agent: &str, more: &str, prompt: &str) -> String {
    let lines: String = prompt
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    format!(
        "name: Think\nsteps:\n  - id: think\n    type: agent\n    agent: '{agent}'\n{more}    prompt: |\n{lines}"
    )
}

/// A world whose agent `claude` is the fake one.
fn world(definitions: &[(&str, &str)]) -> World {
    let mut world = World::idle(definitions);
    let claude = fakes::program("fake-claude");
    world.configure(&format!(
        "[agents.fake]\nkind = \"claude\"\ncommand = \"{}\"\n",
        claude.display()
    ));
    let memory = world.data_dir().with_file_name("memory");
    world.start_with(|host| {
        host.env("FAKE_AGENT_HOME", memory);
    });
    let answer = world.post("/api/projects", &json!({"path": world.directory()}));
    world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    world
}

fn comments(world: &World, run: &str) -> Vec<Value> {
    let path = format!("{run}/comments?limit=200");
    world.get(&path).json()["data"].as_array().unwrap().clone()
}

const WORK: &str = r#"@write report.txt all is well
@mcp post_comment {"text": "I begin with the report"}
@mcp report_progress {"message": "Half of it", "done": 1, "total": 2}
@mcp attach_artifact {"path": "report.txt"}
@mcp set_output {"value": {"files": ["report.txt"]}}
@say done"#;

#[test]
fn an_agent_comments_reports_attaches_and_sets_its_output() {
    let more = "    permission: acceptEdits\n";
    let world = world(&[("think", &definition("fake", more, WORK))]);
    let run = world.run("think", &json!({}));
    let done = world.run_until(&run, "completed");
    let think = step(&done, "think");
    assert_eq!(think["data"], json!({"files": ["report.txt"]}), "{think}");
    assert_eq!(think["result"], "done");
    let said = comments(&world, &run);
    let of = |text: &str| {
        let found = said.iter().find(|said| said["text"] == text);
        found.unwrap_or_else(|| panic!("no `{text}`: {said:#?}"))
    };
    let comment = of("I begin with the report");
    assert_eq!(comment["workflow_run_step_id"], think["id"], "{comment}");
    assert_eq!(comment["comment_type"], "agent", "{comment}");
    of("Half of it (1 of 2)");
    let artifacts = world.get(&format!("{run}/artifacts"));
    let artifacts = artifacts.json();
    assert_eq!(artifacts["data"][0]["name"], "report.txt", "{artifacts}");
    let id = artifacts["data"][0]["id"].as_str().unwrap();
    assert_eq!(
        world.get(&format!("/api/artifacts/{id}")).text,
        "all is well"
    );
}

#[test]
fn an_agents_question_waits_for_people_also_while_the_host_is_replaced() {
    let ask = r#"@mcp ask_human {"question": "Which colour?", "options": ["red", "blue"]}"#;
    let mut world = world(&[("think", &definition("fake", "", ask))]);
    let run = world.run("think", &json!({}));
    let asks = |run: &Value| step(run, "think")["waiting"]["reason"] == "question";
    world.run_when(&run, "asks", asks);
    world.kill_host();
    let memory = world.data_dir().with_file_name("memory");
    world.start_with(|host| {
        host.env("FAKE_AGENT_HOME", memory);
    });
    let waits = world.run_when(&run, "still asks", asks);
    let think = step(&waits, "think");
    let question = &think["session"]["questions"][0];
    assert_eq!(question["ask"]["asks"], "choices", "{question}");
    assert_eq!(think["session"]["questions"].as_array().unwrap().len(), 1);
    let path = format!(
        "/api/workflow-steps/{}/answer",
        think["id"].as_str().unwrap()
    );
    let answer = world.post(&path, &json!({"answers": {"Which colour?": "blue"}}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let done = world.run_until(&run, "completed");
    let result = step(&done, "think")["result"].as_str().unwrap();
    let result: Value = serde_json::from_str(result).unwrap_or_else(|_| panic!("{result}"));
    assert_eq!(result, json!({"answer": "blue"}));
}

#[test]
fn an_output_that_was_set_before_a_pause_or_a_loss_counts_after_it() {
    let prompt = "@mcp set_output {\"value\": {\"n\": 1}}\n@say set\n@wait go\n@say done";
    for how in ["paused", "lost"] {
        let world = world(&[("think", &definition("fake", "", prompt))]);
        let run = world.run("think", &json!({}));
        let attempts = world.data_dir().join("attempts");
        world.until("the output", || {
            let all = std::fs::read_dir(&attempts).into_iter().flatten().flatten();
            all.into_iter()
                .any(|dir| dir.path().join("output").exists())
        });
        if how == "paused" {
            world.post(&format!("{run}/pause"), &json!({"immediate": true}));
            world.run_until(&run, "paused");
            let say = json!({"message": "@say on I go"});
            assert_eq!(world.post(&format!("{run}/resume"), &say).status, 200);
        } else {
            let is_shepherd = |pid: &i32| {
                let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                words
                    .split(|byte| *byte == 0)
                    .any(|word| word == b"shepherd")
            };
            let shepherd = world.processes().into_iter().find(is_shepherd).unwrap();
            let shepherd = rustix::process::Pid::from_raw(shepherd).unwrap();
            rustix::process::kill_process(shepherd, rustix::process::Signal::KILL).unwrap();
        }
        std::fs::write(world.directory().join("go"), "").unwrap();
        let done = world.run_until(&run, "completed");
        let think = step(&done, "think");
        assert_eq!(think["attempt"], 2, "{how}: {think}");
        assert_eq!(think["data"], json!({"n": 1}), "{how}: {think}");
        let left = std::fs::read_dir(world.data_dir().join("outputs"));
        let runs = left.into_iter().flatten().flatten();
        let files = runs.flat_map(|run| std::fs::read_dir(run.path()).unwrap());
        assert_eq!(files.count(), 0, "{how}");
    }
}

#[test]
fn an_output_that_does_not_fit_its_schema_is_refused_to_the_agent() {
    let more = "    output: {type: object, properties: {n: {type: number}}, required: [n]}\n";
    let prompt = "@mcp set_output {\"value\": {\"n\": \"one\"}}\n@mcp set_output {\"value\": {\"n\": 1}}\n@say no JSON";
    let world = world(&[("think", &definition("fake", more, prompt))]);
    let run = world.run("think", &json!({}));
    let done = world.run_until(&run, "completed");
    assert_eq!(step(&done, "think")["data"], json!({"n": 1}));
}

#[test]
fn a_file_outside_the_runs_directory_is_not_taken() {
    let more = "    permission: acceptEdits\n";
    let prompt = r#"@mcp attach_artifact {"path": "/etc/passwd"}"#;
    let world = world(&[("think", &definition("fake", more, prompt))]);
    let run = world.run("think", &json!({}));
    let done = world.run_until(&run, "completed");
    let said = step(&done, "think")["result"].as_str().unwrap();
    assert!(said.contains("not in the run's directory"), "{said}");
}

#[test]
fn an_acp_agent_gets_the_server_with_its_session() {
    let acp = format!("acp:{}", fakes::program("fake-acp").display());
    let prompt = "@mcp post_comment {\"text\": \"over ACP\"}\n@say done";
    let world = world(&[("think", &definition(&acp, "", prompt))]);
    let run = world.run("think", &json!({}));
    world.run_until(&run, "completed");
    let said = comments(&world, &run);
    assert!(
        said.iter().any(|said| said["text"] == "over ACP"),
        "{said:#?}"
    );
}

/// The agent shows its token: what it wrote is masked, and the token opens nothing but the tools.
#[test]
fn an_attempts_token_is_masked_and_opens_nothing_else() {
    let prompt = "@wait go\n@read token.txt\n@say done";
    let world = world(&[("think", &definition("fake", "", prompt))]);
    let run = world.run("think", &json!({}));
    let mut token = String::new();
    world.until("the token", || {
        let attempts = std::fs::read_dir(world.data_dir().join("attempts"));
        let files = attempts.into_iter().flatten().flatten();
        let found = files.filter_map(|dir| std::fs::read_to_string(dir.path().join("token")).ok());
        token = found.last().unwrap_or_default();
        !token.is_empty()
    });
    std::fs::write(world.directory().join("token.txt"), &token).unwrap();
    let ask = |path: &str| {
        let request =
            format!("GET {path} HTTP/1.0\r\nhost: b\r\nauthorization: Bearer {token}\r\n\r\n");
        world.raw(&request).unwrap().status
    };
    assert_eq!(ask("/api/workflow-executions"), 403);
    assert_eq!(ask("/api/secrets"), 403);
    std::fs::write(world.directory().join("go"), "").unwrap();
    world.run_until(&run, "completed");
    let logs = std::process::Command::new("grep")
        .args(["-rlF", "--exclude=token", "--exclude=token.txt", &token])
        .arg(world.data_dir())
        .arg(world.directory())
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&logs.stdout).into_owned();
    assert_eq!(found, "", "the token is in these files");
    // Its attempt has ended: it opens the tools no more.
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "post_comment", "arguments": {"text": "late"}}})
    .to_string();
    let late = world.raw(&format!(
        "POST /mcp HTTP/1.0\r\nhost: b\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let late = late.unwrap();
    assert!(late.text.contains("has ended"), "{late:?}");
}
