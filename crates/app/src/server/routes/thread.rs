//! The thread of a run (document 4).

use std::sync::Arc;

use axum::routing::{delete, get, post};
use axum::{Json, Router};
use baton_core::run::decide::Command;
use baton_core::run::event::{Action, PauseReason};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::asking::{Body, Caller, Params, Segment};
use super::super::error::{Answer, Problem};
use super::super::{State, find, list, wire};
use crate::host::Host;

pub fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/api/workflows/{id}/messages", get(list).post(say))
        .route("/api/workflows/{id}/pause", post(pause))
        .route("/api/workflows/{id}/unpause", post(unpause))
        .route("/api/workflows/{id}", delete(cancel))
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    action_type: Option<Value>,
    metadata: Option<Value>,
}

async fn say(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Message>,
) -> Answer<Json<Value>> {
    let Some(content) = body.content.filter(|content| !content.trim().is_empty()) else {
        let detail = "`content` is missing or empty";
        return Err(Problem::bad_request("empty_content", detail).with_error("/content", detail));
    };
    let action = action(body.action_type.as_ref())?;
    let metadata = body.metadata.filter(|metadata| !metadata.is_null());
    let step = metadata
        .as_ref()
        .and_then(|metadata| metadata["step_id"].as_str());
    let command = Command::Post {
        content,
        action,
        step: step.map(str::to_owned),
        metadata,
        by: caller.by,
    };
    let run = find::run_id(&host, &id).await?;
    let reply = host.engine.send(run, command, caller.command).await?;
    let mut answer = json!({"success": true, "messageId": reply.message_id()});
    if let Some(taken) = taken(action) {
        answer["actionTaken"] = taken.into();
    }
    Ok(Json(answer))
}

fn action(given: Option<&Value>) -> Answer<Action> {
    let unknown = || {
        let detail = "`action_type` is comment, instruction, pause, resume, cancel or redirect";
        Problem::bad_request("unknown_action", detail).with_error("/action_type", detail)
    };
    match given {
        None | Some(Value::Null) => Ok(Action::Comment),
        Some(word) => Action::deserialize(word).map_err(|_| unknown()),
    }
}

fn taken(action: Action) -> Option<&'static str> {
    match action {
        Action::Comment => None,
        Action::Instruction => Some("Instruction queued"),
        Action::Pause => Some("Workflow pause requested"),
        Action::Resume => Some("Workflow resumed"),
        Action::Cancel => Some("Workflow cancelled"),
        Action::Redirect => Some("Redirected"),
    }
}

async fn list(State(host): State, Segment(id): Segment, params: Params) -> Answer<Json<Value>> {
    let after = params.number("after")?.unwrap_or(0);
    let limit = params.number("limit")?.unwrap_or(u64::MAX);
    let story = find::story(&host, &id).await?;
    let said = story.thread.iter().filter(|said| said.id > after);
    let said = said.take(usize::try_from(limit).unwrap_or(usize::MAX));
    let messages: Vec<Value> = said.map(wire::message::message).collect();
    Ok(Json(json!({"messages": messages})))
}

async fn tell(
    host: &Arc<Host>,
    id: &str,
    command: Command,
    caller: Option<baton_core::ids::CommandId>,
) -> Answer<Json<Value>> {
    let run = find::run_id(host, id).await?;
    host.engine.send(run, command, caller).await?;
    let row = list::row_of(host, run).await?;
    Ok(Json(json!({"success": true, "workflow": row})))
}

async fn pause(State(host): State, Segment(id): Segment, caller: Caller) -> Answer<Json<Value>> {
    let command = Command::Pause {
        immediate: false,
        detail: None,
        reason: PauseReason::Request,
        by: caller.by,
    };
    tell(&host, &id, command, caller.command).await
}

async fn unpause(State(host): State, Segment(id): Segment, caller: Caller) -> Answer<Json<Value>> {
    let command = Command::Resume {
        from: None,
        text: None,
        by: caller.by,
    };
    tell(&host, &id, command, caller.command).await
}

async fn cancel(State(host): State, Segment(id): Segment, caller: Caller) -> Answer<Json<Value>> {
    let command = Command::Cancel {
        reason: None,
        by: caller.by,
    };
    let run = find::run_id(&host, &id).await?;
    host.engine.send(run, command, caller.command).await?;
    Ok(Json(json!({"success": true})))
}
