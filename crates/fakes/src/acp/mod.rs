//! A fake agent of the Agent Client Protocol, version 1, after Gemini CLI 0.61.0: modes default,
//! autoEdit, yolo and plan; what needs a permission is first seen in the request for it; a refused
//! tool is never mentioned again; a loaded session says the end of its history after its answer.

mod tools;
mod turn;
mod wire;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::memory::{self, Session};
use wire::Wire;

/// The name its sessions are kept under.
const NAME: &str = "acp";

/// The session of this process.
struct Open {
    id: String,
    mode: String,
    model: String,
    memory: Session,
    /// The MCP servers it was given, as a list.
    servers: Value,
}

/// Speaks until its standard input ends, or its script ends it.
#[must_use]
pub fn main() -> ExitCode {
    let mut wire = Wire::new();
    let mut open: Option<Open> = None;
    while let Some(message) = wire.next() {
        let method = message["method"].as_str().unwrap_or_default();
        let (id, params) = (&message["id"], &message["params"]);
        match method {
            "initialize" => wire.reply(id, &hello()),
            "session/new" if std::env::var_os("FAKE_ACP_LOGGED_OUT").is_some() => {
                wire.refuse(id, -32000, "Authentication required.");
            }
            "session/new" => {
                let mut session = fresh();
                session.servers.clone_from(&params["mcpServers"]);
                wire.reply(id, &offers(Some(&session)));
                open = Some(session);
            }
            "session/load" => match load(params["sessionId"].as_str().unwrap_or_default()) {
                Some(mut session) => {
                    session.servers.clone_from(&params["mcpServers"]);
                    history(&mut wire, id, &session);
                    open = Some(session);
                }
                None => wire.refuse(id, -32602, "Session not found."),
            },
            "session/cancel" => {}
            _ => {
                let Some(session) = &mut open else {
                    wire.refuse(id, -32602, "Session not found.");
                    continue;
                };
                match method {
                    "session/set_mode" => set_mode(&mut wire, id, params, session),
                    "session/set_model" => {
                        session.model = text(&params["modelId"]);
                        wire.reply(id, &json!({}));
                    }
                    "session/prompt" => {
                        if let Some(exit) = turn::prompt(&mut wire, id, params, session) {
                            return exit;
                        }
                    }
                    _ if id.is_null() => {}
                    other => wire.refuse(id, -32601, &format!("no {other}")),
                }
            }
        }
    }
    ExitCode::SUCCESS
}

fn hello() -> Value {
    json!({
        "protocolVersion": 1,
        "agentInfo": {"name": "fake-acp", "title": "Fake", "version": env!("CARGO_PKG_VERSION")},
        "agentCapabilities": {
            "loadSession": std::env::var_os("FAKE_ACP_NO_LOAD").is_none(),
            "mcpCapabilities": {"http": true},
        },
        "authMethods": [{"id": "fake-login", "name": "Log in to nothing"}],
    })
}

fn offers(session: Option<&Open>) -> Value {
    let mode = |id: &str| json!({"id": id, "name": id});
    let model = |id: &str| json!({"modelId": id, "name": id});
    let modes = ["default", "autoEdit", "yolo", "plan"].map(mode);
    let models = ["fake-large", "fake-small"].map(model);
    let mut offers = json!({
        "modes": {
            "availableModes": modes,
            "currentModeId": "default",
        },
        "models": {
            "availableModels": models,
            "currentModelId": "fake-large",
        },
    });
    if let Some(session) = session {
        offers["sessionId"] = json!(session.id);
    }
    offers
}

fn fresh() -> Open {
    let ids = (1..).map(|n| format!("fake-acp-{}-{n}", std::process::id()));
    let mut unused = ids.filter(|id| !matches!(memory::load(NAME, id), Ok(Some(_))));
    Open {
        id: unused.next().unwrap_or_default(),
        mode: "default".into(),
        model: "fake-large".into(),
        memory: Session::default(),
        servers: Value::Null,
    }
}

fn load(id: &str) -> Option<Open> {
    let memory = memory::load(NAME, id).ok().flatten()?;
    Some(Open {
        id: id.into(),
        memory,
        ..fresh()
    })
}

/// All but the last of what was said comes before the answer, as it does from Gemini CLI.
fn history(wire: &mut Wire, id: &Value, session: &Open) {
    let (last, before) = match session.memory.said.split_last() {
        Some((last, before)) => (Some(last), before),
        None => (None, &[][..]),
    };
    let say = |wire: &mut Wire, said: &String| {
        wire.chunk(&session.id, "user_message_chunk", said);
        wire.chunk(
            &session.id,
            "agent_message_chunk",
            "what was answered before",
        );
    };
    before.iter().for_each(|said| say(wire, said));
    wire.reply(id, &offers(None));
    last.into_iter().for_each(|said| say(wire, said));
}

fn set_mode(wire: &mut Wire, id: &Value, params: &Value, session: &mut Open) {
    session.mode = text(&params["modeId"]);
    let said = format!("[MODE_UPDATE] {}", session.mode);
    wire.chunk(&session.id, "agent_message_chunk", &said);
    wire.reply(id, &json!({}));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
