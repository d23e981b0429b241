//! `baton mcp`: the MCP server over standard input and output, for agents that start their servers
//! themselves. It passes each line on to the host, which has the tools (`server/mcp`), and waits for a
//! host that is being replaced.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::context::Context;
use super::exit::{Exit, Failure};
use crate::client::{Client, Error};
use crate::server::MCP_LEAVING;

/// How long until a host that is leaving is asked again, or the one that follows it.
const AGAIN: Duration = Duration::from_millis(250);

/// How often a host that does not answer is asked again.
const TRIES: u32 = 240;

/// JSON-RPC's codes for what this end finds wrong.
const PARSE_ERROR: i64 = -32700;
const INTERNAL_ERROR: i64 = -32603;

/// Serve the Model Context Protocol on standard input and output, for your own agents.
#[derive(Debug, Args)]
pub struct Mcp {
    /// Act as the attempt whose token this file holds; Baton names it to the agents it starts.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Mcp {
    /// Carries it out, until standard input ends.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let token = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let wrong = |error| format!("--token-file {}: {error}", path.display());
                let text = text.map_err(|error| Failure::usage(wrong(error)))?;
                Some(format!("Bearer {}", text.trim()))
            }
            None => None,
        };
        let client = context.client()?;
        let mut lines = lines().map_err(Failure::disk)?;
        let mut asking: JoinSet<Option<Value>> = JoinSet::new();
        let mut asked: HashMap<String, AbortHandle> = HashMap::new();
        let mut out = std::io::stdout();
        loop {
            let answer = tokio::select! {
                line = lines.recv() => match line {
                    None => return Ok(Exit::Done),
                    Some(line) if line.trim().is_empty() => None,
                    Some(line) => match serde_json::from_str::<Value>(&line) {
                        Err(error) => Some(wrong(&Value::Null, PARSE_ERROR, &error.to_string())),
                        Ok(message) => {
                            let id = message["id"].to_string();
                            if let Some(given_up) = given_up(&message)
                                && let Some(call) = asked.remove(&given_up)
                            {
                                call.abort();
                            }
                            let ask = ask(client.clone(), token.clone(), message);
                            asked.retain(|_, call| !call.is_finished());
                            asked.insert(id, asking.spawn(ask));
                            None
                        }
                    },
                },
                Some(done) = asking.join_next() => done.ok().flatten(),
            };
            if let Some(answer) = answer
                && (writeln!(out, "{answer}").is_err() || out.flush().is_err())
            {
                // Nobody listens any more.
                return Ok(Exit::Done);
            }
        }
    }
}

/// The lines of standard input, until it ends.
fn lines() -> std::io::Result<mpsc::Receiver<String>> {
    let (sender, lines) = mpsc::channel(16);
    let thread = std::thread::Builder::new().name("stdin".into());
    thread.spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// The request that this message gives up.
fn given_up(message: &Value) -> Option<String> {
    let cancels = message["method"] == "notifications/cancelled";
    cancels.then(|| message["params"]["requestId"].to_string())
}

fn wrong(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

/// Passes one message on, and what is answered to it. Asked again, as the same one, when the host goes
/// away beneath it.
async fn ask(client: Client, token: Option<String>, message: Value) -> Option<Value> {
    let key = uuid::Uuid::now_v7().to_string();
    let mut headers = vec![("accept", "application/json, text/event-stream")];
    if let Some(bearer) = &token {
        headers.push(("authorization", bearer.as_str()));
    }
    let mut tries = 0;
    loop {
        match client.post_as("/mcp", &message, &key, &headers).await {
            // A notification.
            Ok(Value::Null) => return None,
            Ok(answer) if answer["error"]["code"] != MCP_LEAVING => return Some(answer),
            Ok(_) => {}
            Err(error) => {
                tries += 1;
                let is_final = match &error {
                    Error::Refused(problem) => problem.status < 500,
                    _ => false,
                };
                if is_final || tries > TRIES {
                    let id = &message["id"];
                    return (!id.is_null()).then(|| wrong(id, INTERNAL_ERROR, &error.to_string()));
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
