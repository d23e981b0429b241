//! The thread of a run (document 4).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use baton_core::ids::{CommandId, RunId};
use baton_core::run::decide::Command;
use baton_core::run::event::{Action, PauseReason};
use baton_store::Views;
use baton_store::views::MessageRow;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Body, Caller, Params, Segment};
use super::super::describe::{ActionType, MessageParams, Messages, Posted, Success, Told};
use super::super::error::{Answer, Problem};
use super::super::{State, find, list, wire};
use crate::host::Host;

/// How long a redirect's answer waits for the new run to exist.
const PATIENCE: Duration = Duration::from_secs(10);

/// Messages that are read at once.
const PIECE: u64 = 500;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(list, say))
        .routes(routes!(pause))
        .routes(routes!(unpause))
        .routes(routes!(cancel))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = PostMessage)]
struct Message {
    #[schema(required = true, nullable = false, min_length = 1, pattern = r"\S")]
    content: Option<String>,
    #[schema(value_type = Option<ActionType>)]
    action_type: Option<Value>,
    metadata: Option<Value>,
}

#[utoipa::path(
    post,
    path = "/api/workflows/{id}/messages",
    tag = "Thread",
    operation_id = "post_message",
    request_body = Message,
    responses((status = 200, description = "The message, and what it does.", body = Posted))
)]
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
    if action == Action::Redirect
        && let Some((new, number)) = successor(&host, run).await?
    {
        answer["actionTaken"] = format!("Redirected to workflow #{number}").into();
        answer["workflowId"] = number.into();
        answer["executionId"] = new.to_string().into();
    }
    Ok(Json(answer))
}

/// The run that takes this one's place, as soon as it exists.
async fn successor(host: &Arc<Host>, run: RunId) -> Answer<Option<(RunId, u64)>> {
    let mut feed = host.engine.feed().subscribe();
    let patience = Instant::now() + PATIENCE;
    loop {
        let redirect = host.engine.read(run, |run| run.redirect).await?;
        let number = redirect.and_then(|redirect| redirect.number);
        if let (Some(redirect), Some(number)) = (redirect, number) {
            return Ok(Some((redirect.run, number)));
        }
        if redirect.is_none() || Instant::now() >= patience {
            return Ok(None);
        }
        let _looked_again_anyway = tokio::time::timeout_at(patience, feed.recv()).await;
    }
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

/// All of the thread, oldest first; read and sent in pieces, however long it is.
#[utoipa::path(
    get,
    path = "/api/workflows/{id}/messages",
    tag = "Thread",
    operation_id = "list_messages",
    params(MessageParams),
    responses((status = 200, description = "Oldest first.", body = Messages))
)]
async fn list(State(host): State, Segment(id): Segment, params: Params) -> Answer<Response> {
    let after = params.number("after")?.unwrap_or(0);
    let limit = params.number("limit")?.unwrap_or(u64::MAX);
    let run = find::run_id(&host, &id).await?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let none = format!("there is no run `{run}`");
    let (views, first) = find::blocking(&host, move |_| {
        views.run(run)?.ok_or_else(|| Problem::not_found(none))?;
        let first = views.messages(run, after, piece(limit))?;
        Ok((views, first))
    })
    .await?;
    if (first.len() as u64) < PIECE || first.len() as u64 >= limit {
        let messages: Vec<Value> = first
            .iter()
            .map(|row| wire::message::message(row, &host.access))
            .collect();
        return Ok(Json(json!({"messages": messages})).into_response());
    }
    let pieces = Pieces {
        host,
        views,
        run,
        left: limit,
        next: Some(first),
        is_first: true,
    };
    let body = futures_util::stream::unfold(pieces, |mut pieces| async move {
        let text = pieces.next().await?;
        Some((text, pieces))
    });
    // What compresses it asks once more after the end.
    let body = futures_util::StreamExt::fuse(body);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, axum::body::Body::from_stream(body)).into_response())
}

fn piece(left: u64) -> usize {
    usize::try_from(left.min(PIECE)).unwrap_or(0)
}

/// A thread on its way out.
struct Pieces {
    host: Arc<Host>,
    views: Arc<Views>,
    run: RunId,
    left: u64,
    /// What is sent next; `None` when the end was sent.
    next: Option<Vec<MessageRow>>,
    is_first: bool,
}

impl Pieces {
    async fn next(&mut self) -> Option<Result<String, std::io::Error>> {
        let rows = self.next.take()?;
        let mut text = String::new();
        if self.is_first {
            text.push_str("{\"messages\":[");
        }
        for row in &rows {
            if !std::mem::take(&mut self.is_first) {
                text.push(',');
            }
            text.push_str(&wire::message::message(row, &self.host.access).to_string());
        }
        self.left -= rows.len() as u64;
        match rows.last() {
            Some(last) if rows.len() as u64 == PIECE && self.left > 0 => {
                let (views, run, after, left) = (self.views.clone(), self.run, last.id, self.left);
                let read = find::blocking(&self.host, move |_| {
                    Ok(views.messages(run, after, piece(left))?)
                });
                match read.await {
                    Ok(rows) => self.next = Some(rows),
                    // Cut off: a client sees that it is no whole answer.
                    Err(problem) => {
                        return Some(Err(std::io::Error::other(problem.detail().to_owned())));
                    }
                }
            }
            _ => text.push_str("]}"),
        }
        Some(Ok(text))
    }
}

async fn tell(
    host: &Arc<Host>,
    id: &str,
    command: Command,
    caller: Option<CommandId>,
    taken: &str,
) -> Answer<Json<Value>> {
    let run = find::run_id(host, id).await?;
    host.engine.send(run, command, caller).await?;
    let row = list::row_of(host, run).await?;
    Ok(Json(
        json!({"success": true, "message": taken, "workflow": row}),
    ))
}

#[derive(Deserialize)]
struct Pause {
    reason: Option<String>,
    #[serde(default)]
    immediate: bool,
}

#[utoipa::path(
    post,
    path = "/api/workflows/{id}/pause",
    tag = "Thread",
    operation_id = "pause_workflow",
    responses((status = 200, description = "How the run stands.", body = Told))
)]
async fn pause(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Pause>,
) -> Answer<Json<Value>> {
    let command = Command::Pause {
        immediate: body.immediate,
        detail: body.reason,
        reason: PauseReason::Request,
        by: caller.by,
    };
    tell(
        &host,
        &id,
        command,
        caller.command,
        "Workflow pause requested",
    )
    .await
}

#[utoipa::path(
    post,
    path = "/api/workflows/{id}/unpause",
    tag = "Thread",
    operation_id = "unpause_workflow",
    responses((status = 200, description = "How the run stands.", body = Told))
)]
async fn unpause(State(host): State, Segment(id): Segment, caller: Caller) -> Answer<Json<Value>> {
    let command = Command::Resume {
        from: None,
        text: None,
        by: caller.by,
    };
    tell(&host, &id, command, caller.command, "Workflow resumed").await
}

#[utoipa::path(
    delete,
    path = "/api/workflows/{id}",
    tag = "Thread",
    operation_id = "cancel_workflow",
    responses((status = 200, description = "It will be cancelled.", body = Success))
)]
async fn cancel(State(host): State, Segment(id): Segment, caller: Caller) -> Answer<Json<Value>> {
    let command = Command::Cancel {
        reason: None,
        by: caller.by,
    };
    let run = find::run_id(&host, &id).await?;
    host.engine.send(run, command, caller.command).await?;
    Ok(Json(json!({"success": true})))
}
