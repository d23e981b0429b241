//! People's own agents: what they can do with runs, and that nobody can do more than their role lets
//! them.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::server_support::World;
use crate::server_support::net::Net;

const ASK: &str = "
name: Ask
argsSchema: {type: object, properties: {name: {type: string}}, required: [name]}
steps:
  - {id: ok, type: approval, message: 'Go on, {{ args.name }}?'}
  - {id: say, type: script, command: echo hello}
";

const RUN: &str = "/api/workflow-executions/1";

/// One request over HTTP.
fn ask(net: &Net, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let net = net.with("accept", "application/json, text/event-stream");
    let answer = net.post("/mcp", &body);
    assert_eq!(answer.status, 200, "{method}: {answer:?}");
    let answer = answer.json();
    assert_eq!(answer["id"], 7);
    answer
}

/// What a tool says: whether it is an error, and its text.
fn call(net: &Net, tool: &str, arguments: &Value) -> (bool, String) {
    let answer = ask(
        net,
        "tools/call",
        &json!({"name": tool, "arguments": arguments}),
    );
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str();
    let text = text
        .unwrap_or_else(|| panic!("{tool}: {answer}"))
        .to_owned();
    (result["isError"] == true, text)
}

fn value(net: &Net, tool: &str, arguments: &Value) -> Value {
    let (is_error, text) = call(net, tool, arguments);
    assert!(!is_error, "{tool}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_persons_agent_starts_watches_and_steers_runs_over_http() {
    let mut world = World::idle(&[("ask", ASK)]);
    let (net, _) = world.serve(&[]);
    let net = net.bearer(&world.token());
    world.register(&net);
    let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}});
    let about = ask(&net, "initialize", &hello);
    assert_eq!(about["result"]["serverInfo"]["name"], "baton", "{about}");
    let tools = ask(&net, "tools/list", &json!({}));
    let names: Vec<&str> = tools["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    let all = [
        "definitions",
        "list",
        "start",
        "show",
        "tell",
        "pause",
        "resume",
        "cancel",
    ];
    assert_eq!(names, all);
    let known = value(&net, "definitions", &json!({}));
    assert_eq!(known[0]["key"], "ask");
    assert_eq!(known[0]["args_schema"]["required"], json!(["name"]));
    // A refusal is the API's own, and says what would be right.
    let (is_error, why) = call(&net, "start", &json!({"definition": "ask"}));
    assert!(is_error && why.contains("name"), "{why}");
    let (is_error, why) = call(&net, "start", &json!({"definition": "ask", "argss": {}}));
    assert!(is_error && why.contains("argss"), "{why}");
    let wanted = json!({"definition": "ask", "args": {"name": "Ann"}});
    let started = value(&net, "start", &wanted);
    assert_eq!(started["number"], 1);
    world.run_when(RUN, "waits", |run| run["waiting"]["reason"] == "approval");
    let shown = value(&net, "show", &json!({"run": "1"}));
    assert_eq!(shown["waiting"]["reason"], "approval", "{shown}");
    assert_eq!(shown["steps"][0]["step_id"], "ok");
    let listed = value(&net, "list", &json!({"status": "running"}));
    assert_eq!(listed[0]["number"], 1);
    value(
        &net,
        "tell",
        &json!({"run": "1", "text": "for people", "comment": true}),
    );
    let shown = value(&net, "show", &json!({"run": "1"}));
    let said = shown["messages"].as_array().unwrap();
    assert!(said.iter().any(|m| m["text"] == "for people"), "{shown}");
    value(&net, "pause", &json!({"run": "1", "reason": "lunch"}));
    world.run_until(RUN, "paused");
    value(&net, "resume", &json!({"run": "1"}));
    world.run_when(RUN, "goes on", |run| run["status"] == "running");
    value(&net, "cancel", &json!({"run": "1"}));
    world.run_until(RUN, "cancelled");
    let (is_error, why) = call(&net, "pause", &json!({"run": "1"}));
    assert!(is_error, "{why}");
    // What was changed is in the trail, as if it had been asked of the API.
    let trail = net.get("/api/audit").json();
    let paths: Vec<&str> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deed| deed["path"].as_str().unwrap())
        .collect();
    assert!(
        paths.contains(&"/api/workflow-executions/1/cancel"),
        "{paths:?}"
    );
    let unknown = ask(
        &net,
        "tools/call",
        &json!({"name": "approve", "arguments": {}}),
    );
    assert!(
        unknown["error"]["message"]
            .as_str()
            .unwrap()
            .contains("approve")
    );
}

#[test]
fn nobody_does_over_mcp_what_their_role_does_not_let_them() {
    let mut world = World::idle(&[("ask", ASK)]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    world.register(&admin);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let nobody = net.with("accept", "application/json, text/event-stream");
    assert_eq!(nobody.post("/mcp", &body).status, 401);
    let made = admin.post("/api/tokens", &json!({"name": "looks", "role": "viewer"}));
    assert_eq!(made.status, 201, "{made:?}");
    let viewer = net.bearer(made.json()["data"]["token"].as_str().unwrap());
    assert_eq!(value(&viewer, "list", &json!({})), json!([]));
    let wanted = json!({"definition": "ask", "args": {"name": "Ann"}});
    let (is_error, why) = call(&viewer, "start", &wanted);
    assert!(is_error && why.contains("operator"), "{why}");
    assert_eq!(value(&admin, "list", &json!({})), json!([]));
}

#[test]
fn a_persons_agent_speaks_over_pipes_with_the_host_of_the_data_directory() {
    let world = World::new(&[("ask", ASK)]);
    let mut baton = world.baton(&["mcp"]);
    let baton = baton.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = baton.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut ask = |id: u64, method: &str, params: Value| -> Value {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        writeln!(input, "{request}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{method}: `{line}`"))
    };
    let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}});
    let about = ask(1, "initialize", hello);
    assert_eq!(about["result"]["protocolVersion"], "2025-06-18", "{about}");
    let tools = ask(2, "tools/list", json!({}));
    assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 8);
    let wanted = json!({"definition": "ask", "args": {"name": "Ann"}});
    let started = ask(
        3,
        "tools/call",
        json!({"name": "start", "arguments": wanted}),
    );
    assert_eq!(started["result"]["isError"], false, "{started}");
    world.run_when(RUN, "waits", |run| run["waiting"]["reason"] == "approval");
    drop(input);
    assert!(child.wait().unwrap().success());
}
