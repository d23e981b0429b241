//! The MCP server: `POST /mcp`, and what `baton mcp` passes on from an agent's standard input.
//!
//! Whoever shows the token of an attempt gets the tools for agents inside a run ([`inside`]); everybody
//! else those for people's own agents ([`people`]), which are the API once more: the same rights,
//! refusals and trail. Nothing is remembered from one request to the next, so a host that leaves breaks
//! no session. Of the protocol (modelcontextprotocol.io, 2024-11-05 to 2025-11-25) it is what a server
//! of tools without sessions needs: `initialize`, `ping`, `tools/list`, `tools/call`.

mod inside;
mod people;
mod tool;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::access::{self, Identity};
use crate::host::Host;
use tool::Wrong;

/// The error code of a call that was cut off because the host leaves: it may be asked again.
pub const LEAVING: i64 = -32050;

/// The versions that are spoken, newest first.
const VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// What an agent is told of the server.
const ABOUT: &str = "Baton runs durable workflows of coding agents. Inside a run: say what people \
should know, ask them, attach files and set the step's output. Outside: list, start, watch and steer runs.";

/// The protocol's error codes (JSON-RPC 2.0).
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

/// `/mcp`, over this API.
pub fn routes(host: &Arc<Host>, api: Router) -> Router {
    let rights = axum::middleware::from_fn_with_state(host.clone(), access::again);
    let server = Server {
        host: host.clone(),
        api: api.layer(rights),
    };
    Router::new()
        .route("/mcp", axum::routing::post(asked))
        .with_state(server)
}

#[derive(Clone)]
struct Server {
    host: Arc<Host>,
    api: Router,
}

/// An error of the protocol: its code and words.
struct Error(i64, String);

async fn asked(
    State(server): State<Server>,
    who: Identity,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(version) = text("mcp-protocol-version")
        && !VERSIONS.contains(&version)
    {
        let detail = format!("the versions spoken here are {}", VERSIONS.join(", "));
        return refused(&Error(INVALID_REQUEST, detail));
    }
    let kind = text(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        let detail = "send `content-type: application/json`".to_owned();
        let answer = wrong(&Value::Null, &Error(INVALID_REQUEST, detail));
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, axum::Json(answer)).into_response();
    }
    let message: Value = match serde_json::from_slice(&body) {
        Ok(message) => message,
        Err(error) => return refused(&Error(PARSE_ERROR, error.to_string())),
    };
    let (id, method) = (&message["id"], message["method"].as_str());
    let Some(method) = method.filter(|_| message["jsonrpc"] == "2.0") else {
        // An answer to something this server would have asked: it asks nothing.
        let is_answer = message["result"].is_object() || message["error"].is_object();
        return match is_answer {
            true => StatusCode::ACCEPTED.into_response(),
            false => {
                let detail = "this is not one JSON-RPC 2.0 request".to_owned();
                refused(&Error(INVALID_REQUEST, detail))
            }
        };
    };
    if id.is_null() {
        return StatusCode::ACCEPTED.into_response();
    }
    let key = text("idempotency-key").map(str::to_owned);
    let answer = match server.answer(who, key, method, &message["params"]).await {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => wrong(id, &error),
    };
    axum::Json(answer).into_response()
}

fn refused(error: &Error) -> Response {
    let answer = wrong(&Value::Null, error);
    (StatusCode::BAD_REQUEST, axum::Json(answer)).into_response()
}

fn wrong(id: &Value, Error(code, message): &Error) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

impl Server {
    async fn answer(
        &self,
        who: Identity,
        key: Option<String>,
        method: &str,
        params: &Value,
    ) -> Result<Value, Error> {
        match method {
            "initialize" => {
                let wanted = params["protocolVersion"].as_str().unwrap_or_default();
                let spoken = VERSIONS.iter().find(|version| **version == wanted);
                Ok(json!({
                    "protocolVersion": spoken.unwrap_or(&VERSIONS[0]),
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "baton", "version": env!("CARGO_PKG_VERSION")},
                    "instructions": ABOUT,
                }))
            }
            "ping" => Ok(json!({})),
            "tools/list" => {
                let tools = match who.inside_of() {
                    Some(_) => inside::tools(),
                    None => people::tools(),
                };
                Ok(json!({"tools": tools}))
            }
            "tools/call" => self.call(who, key, params).await,
            _ => {
                let shown: String = method.chars().take(64).collect();
                Err(Error(METHOD_NOT_FOUND, format!("there is no `{shown}`")))
            }
        }
    }

    async fn call(
        &self,
        who: Identity,
        key: Option<String>,
        params: &Value,
    ) -> Result<Value, Error> {
        let Some(name) = params["name"].as_str() else {
            return Err(Error(INVALID_PARAMS, "`name` is missing".into()));
        };
        let given = match &params["arguments"] {
            Value::Null => json!({}),
            given => given.clone(),
        };
        let done = match who.inside_of() {
            Some((run, attempt)) => {
                let host = &self.host;
                let inside = inside::Inside {
                    host,
                    run,
                    attempt,
                    key,
                };
                inside.call(name, given).await
            }
            None => {
                let api = &self.api;
                people::People { api, who, key }.call(name, given).await
            }
        };
        let (text, is_error) = match done {
            Ok(Value::String(text)) => (text, false),
            Ok(value) => (
                serde_json::to_string_pretty(&value).unwrap_or_default(),
                false,
            ),
            Err(Wrong::Refused(why)) => (why, true),
            Err(Wrong::NoTool) => {
                let shown: String = name.chars().take(64).collect();
                let detail = format!("there is no tool `{shown}`");
                return Err(Error(INVALID_PARAMS, detail));
            }
            Err(Wrong::Leaving) => {
                return Err(Error(LEAVING, "the host is leaving: ask again".into()));
            }
        };
        Ok(json!({"content": [{"type": "text", "text": text}], "isError": is_error}))
    }
}
