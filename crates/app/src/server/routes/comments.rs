//! Comments (document 2): messages of the thread that only say something.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use baton_core::run::decide::Command;
use baton_core::run::event::Action;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::asking::{Body, Caller, Params, Segment};
use super::super::error::{Answer, Problem};
use super::super::{State, find, wire};
use crate::host::Host;

pub fn routes() -> Router<Arc<Host>> {
    Router::new().route(
        "/api/workflow-executions/{id}/comments",
        get(list).post(create),
    )
}

#[derive(Deserialize)]
struct Create {
    text: Option<String>,
    step_id: Option<String>,
    comment_type: Option<String>,
}

async fn create(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Create>,
) -> Answer<(StatusCode, Json<Value>)> {
    let Some(text) = body.text.filter(|text| !text.trim().is_empty()) else {
        let detail = "`text` is missing or empty";
        return Err(Problem::bad_request("empty_content", detail).with_error("/text", detail));
    };
    if !matches!(
        body.comment_type.as_deref(),
        None | Some("user" | "agent" | "system")
    ) {
        return Err(Problem::field(
            "/comment_type",
            "`user`, `agent` or `system`",
        ));
    }
    let run = find::run_id(&host, &id).await?;
    let command = Command::Post {
        content: text,
        action: Action::Comment,
        step: body.step_id,
        metadata: None,
        by: caller.by,
    };
    let reply = host.engine.send(run, command, caller.command).await?;
    let story = find::story_of(&host, run).await?;
    let posted = reply.message_id();
    let said = story.thread.iter().find(|said| Some(said.id) == posted);
    let said = said.ok_or_else(|| Problem::internal(&"the comment is not in the thread"))?;
    let data = wire::message::comment(&story, said);
    Ok((StatusCode::CREATED, Json(json!({"data": data}))))
}

async fn list(State(host): State, Segment(id): Segment, params: Params) -> Answer<Json<Value>> {
    let story = find::story(&host, &id).await?;
    let key = match params.get("step_id") {
        Some(step) => Some(find::key_of(&story.run, step)?),
        None => None,
    };
    let of_step = |said: &&super::super::story::Said| key.is_none() || said.posted.step == key;
    let said = story.thread.iter().filter(of_step);
    let data: Vec<Value> = said
        .map(|said| wire::message::comment(&story, said))
        .collect();
    Ok(Json(json!({"data": data, "next_cursor": null})))
}
