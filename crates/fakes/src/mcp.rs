//! The client's side of the Model Context Protocol over a server's standard input and output, as far
//! as a fake agent needs it: starts the server that its configuration names, and calls one tool.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The version that is spoken.
const VERSION: &str = "2025-06-18";

/// Calls a tool of the server `name` in this configuration: an object by name (`{command, args, env}`),
/// or a list whose items have a `name` (ACP).
///
/// # Errors
/// What went wrong, or what the tool says went wrong.
pub fn call(servers: &Value, name: &str, tool: &str, arguments: &Value) -> Result<String, String> {
    let listed = servers.as_array().into_iter().flatten();
    let server = servers
        .get(name)
        .or_else(|| listed.into_iter().find(|server| server["name"] == name));
    let server = server.ok_or_else(|| format!("there is no MCP server `{name}`"))?;
    let mut session = Session::start(server).map_err(|error| error.to_string())?;
    session.ask(
        "initialize",
        &json!({"protocolVersion": VERSION, "capabilities": {},
            "clientInfo": {"name": "fake-agent", "version": "1"}}),
    )?;
    session.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
    let listed = session.ask("tools/list", &json!({}))?;
    let mut tools = listed["tools"].as_array().into_iter().flatten();
    if !tools.any(|known| known["name"] == tool) {
        return Err(format!("the server has no tool `{tool}`: {listed}"));
    }
    let result = session.ask("tools/call", &json!({"name": tool, "arguments": arguments}))?;
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    match result["isError"] == true {
        true => Err(text.to_owned()),
        false => Ok(text.to_owned()),
    }
}

struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    asked: u64,
}

impl Session {
    fn start(server: &Value) -> std::io::Result<Self> {
        let args = server["args"].as_array().into_iter().flatten();
        let mut child = Command::new(server["command"].as_str().unwrap_or_default())
            .args(args.filter_map(Value::as_str))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let none = || std::io::Error::other("the server has no pipes");
        let input = Some(child.stdin.take().ok_or_else(none)?);
        let output = BufReader::new(child.stdout.take().ok_or_else(none)?);
        Ok(Self {
            child,
            input,
            output,
            asked: 0,
        })
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("its input is closed")?;
        writeln!(input, "{message}").map_err(|error| error.to_string())
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line);
            if read.map_err(|error| error.to_string())? == 0 {
                return Err(format!("the server ended during {method}"));
            }
            let mut answer: Value = serde_json::from_str(&line).map_err(|e| e.to_string())?;
            if answer["id"] != id {
                continue;
            }
            return match answer["error"].is_null() {
                true => Ok(answer["result"].take()),
                false => Err(answer["error"]["message"].to_string()),
            };
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Its end follows from that of its input.
        drop(self.input.take());
        drop(self.child.wait());
    }
}
