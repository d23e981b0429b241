//! Agents of the Agent Client Protocol as recorded: Gemini CLI 0.61.0, claude-agent-acp 0.49.0 and
//! 0.100.0, codex-acp 0.16.0 and 2.6.0.

#![allow(clippy::unwrap_used, reason = "all of it is for tests")]

mod lines;

use baton_agents::{Driver, Exit, FailureKind, Order, Output, Permission, Setup, Turn, acp};
use lines::{converse, recording, show};
use serde_json::{Value, json};

fn setup(permission: Permission) -> Setup {
    Setup {
        program: vec!["agent".into()],
        prompt: "go".into(),
        cwd: "/workspace/project".into(),
        permission,
        ..Setup::default()
    }
}

fn driver(setup: &Setup) -> Box<dyn Driver> {
    acp(setup).unwrap().1
}

/// A recording's outputs; a second driver must give the same.
fn played(name: &str, permission: Permission) -> String {
    let text = recording(&format!("acp/{name}.jsonl"));
    let mut one = driver(&setup(permission));
    let mut outputs = converse(&mut *one, &text);
    let again = converse(&mut *driver(&setup(permission)), &text);
    assert_eq!(outputs, again);
    outputs.extend(one.order(&Order::Finish {}));
    outputs.extend(one.ended(&Exit {
        code: Some(0),
        ..Exit::default()
    }));
    show(&outputs)
}

#[test]
fn gemini_edits_and_asks() {
    insta::assert_snapshot!(played("gemini_edit", Permission::Default));
}

#[test]
fn gemini_is_cancelled() {
    insta::assert_snapshot!(played("gemini_cancel", Permission::BypassPermissions));
}

#[test]
fn claude_keeps_todos() {
    insta::assert_snapshot!(played("claude_0.49_todo", Permission::Default));
}

#[test]
fn claude_edits_and_asks() {
    insta::assert_snapshot!(played("claude_0.100_edit", Permission::Default));
}

#[test]
fn the_older_codex_edits_and_asks() {
    insta::assert_snapshot!(played("codex_0.16_edit", Permission::Default));
}

#[test]
fn the_newer_codex_works() {
    insta::assert_snapshot!(played("codex_2.6_todo", Permission::Default));
}

/// The agent's answer to the driver's last request.
fn answer(driver: &mut dyn Driver, id: u64, result: Value) -> Vec<Output> {
    driver.line(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
}

fn sent(outputs: &[Output]) -> Vec<Value> {
    let text = |output: &Output| match output {
        Output::Send { text, .. } => Some(serde_json::from_str(text).unwrap()),
        _ => None,
    };
    outputs.iter().filter_map(text).collect()
}

#[test]
fn servers_go_out_in_the_protocols_form() {
    let mut setup = setup(Permission::Default);
    setup.mcp.insert(
        "a".into(),
        json!({"command": "x", "args": ["y"], "env": {"K": "v"}}),
    );
    setup.mcp.insert(
        "b".into(),
        json!({"type": "http", "url": "http://h", "headers": {"N": "1"}}),
    );
    let mut driver = driver(&setup);
    driver.begin();
    let can = json!({"mcpCapabilities": {"http": true}});
    let outputs = answer(
        &mut *driver,
        1,
        json!({"protocolVersion": 1, "agentCapabilities": can}),
    );
    assert_eq!(
        sent(&outputs)[0]["params"]["mcpServers"],
        json!([
            {"name": "a", "command": "x", "args": ["y"], "env": [{"name": "K", "value": "v"}]},
            {"type": "http", "name": "b", "url": "http://h", "headers": [{"name": "N", "value": "1"}]},
        ])
    );
    setup.mcp.insert("c".into(), json!({"url": "http://h"}));
    assert!(acp(&setup).is_err());
}

#[test]
fn what_is_not_offered_is_refused_and_the_session_goes_on() {
    let mut driver = driver(&setup(Permission::Default));
    driver.begin();
    answer(&mut *driver, 1, json!({"protocolVersion": 1}));
    answer(&mut *driver, 2, json!({"sessionId": "s"}));
    let ask = json!({"jsonrpc": "2.0", "id": "x", "method": "terminal/create", "params": {}});
    let outputs = driver.line(&ask.to_string());
    assert_eq!(sent(&outputs)[0]["error"]["code"], -32601);
    assert_eq!(sent(&outputs)[0]["id"], "x");
    let outputs = answer(&mut *driver, 3, json!({"stopReason": "end_turn"}));
    assert!(matches!(
        outputs.last(),
        Some(Output::Turn(Turn::Done { .. }))
    ));
}

#[test]
fn a_session_is_taken_back_as_the_agent_can() {
    let resumed = |session: Value, loads: bool| {
        let mut setup = setup(Permission::Default);
        setup.resume = Some("old".into());
        let mut driver = driver(&setup);
        driver.begin();
        let can = json!({"loadSession": loads, "sessionCapabilities": session});
        let outputs = answer(
            &mut *driver,
            1,
            json!({"protocolVersion": 1, "agentCapabilities": can}),
        );
        (driver, outputs)
    };
    let (mut driver, outputs) = resumed(json!({"resume": {}}), true);
    assert_eq!(sent(&outputs)[0]["method"], "session/resume");
    let outputs = answer(&mut *driver, 2, json!({}));
    assert!(matches!(&outputs[0], Output::Session { id, .. } if id == "old"));
    let (_, outputs) = resumed(json!({}), true);
    assert_eq!(sent(&outputs)[0]["method"], "session/load");
    let (_, outputs) = resumed(json!({}), false);
    assert!(matches!(&outputs[0], Output::Fatal(why) if why.kind == FailureKind::SessionLost));
}

#[test]
fn planning_is_not_left_to_an_agent_without_a_mode_for_it() {
    let mut driver = driver(&setup(Permission::Plan));
    driver.begin();
    answer(&mut *driver, 1, json!({"protocolVersion": 1}));
    let outputs = answer(&mut *driver, 2, json!({"sessionId": "s"}));
    assert!(
        matches!(outputs.last(), Some(Output::Fatal(_))),
        "{outputs:?}"
    );
}

#[test]
fn everything_is_allowed_without_a_question_when_the_step_says_so() {
    let mut driver = driver(&setup(Permission::BypassPermissions));
    driver.begin();
    answer(&mut *driver, 1, json!({"protocolVersion": 1}));
    answer(&mut *driver, 2, json!({"sessionId": "s"}));
    let options = json!([{"optionId": "no", "kind": "reject_once"}, {"optionId": "yes", "kind": "allow_once"}]);
    let params = json!({"options": options, "toolCall": {"toolCallId": "t", "title": "rm", "kind": "execute"}});
    let ask = json!({"jsonrpc": "2.0", "id": 5, "method": "session/request_permission", "params": params});
    let outputs = driver.line(&ask.to_string());
    assert_eq!(sent(&outputs)[0]["result"]["outcome"]["optionId"], "yes");
    assert!(
        !outputs
            .iter()
            .any(|output| matches!(output, Output::Ask(_)))
    );
}

#[test]
fn an_interrupt_before_the_first_prompt_keeps_it_back() {
    let mut driver = driver(&setup(Permission::Default));
    driver.begin();
    answer(&mut *driver, 1, json!({"protocolVersion": 1}));
    assert!(driver.order(&Order::Interrupt {}).is_empty());
    let outputs = answer(&mut *driver, 2, json!({"sessionId": "s"}));
    assert_eq!(outputs.last(), Some(&Output::Turn(Turn::Interrupted)));
    assert!(sent(&outputs).is_empty());
}
