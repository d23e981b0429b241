//! Comments (document 2): messages of the thread that only say something.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use baton_core::run::decide::Command;
use baton_core::run::event::Action;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Body, Caller, Params, Segment};
use super::super::describe::{Comment, Data, Page, PageParams, StepParam};
use super::super::error::{Answer, Problem};
use super::super::paging::{numbered, page};
use super::super::{State, find, wire};
use crate::host::Host;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(list, create))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = CreateComment)]
struct Create {
    #[schema(required = true, nullable = false, min_length = 1, pattern = r"\S")]
    text: Option<String>,
    step_id: Option<String>,
    comment_type: Option<String>,
}

#[utoipa::path(
    post,
    path = "/api/workflow-executions/{id}/comments",
    tag = "Thread",
    operation_id = "create_comment",
    request_body = Create,
    responses((status = 201, description = "The comment.", body = Data<Comment>))
)]
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

#[utoipa::path(
    get,
    path = "/api/workflow-executions/{id}/comments",
    tag = "Thread",
    operation_id = "list_comments",
    params(PageParams, StepParam),
    responses((status = 200, description = "Oldest first.", body = Page<Comment>))
)]
async fn list(State(host): State, Segment(id): Segment, params: Params) -> Answer<Json<Value>> {
    let story = find::story(&host, &id).await?;
    let key = match params.get("step_id") {
        Some(step) => Some(find::key_of(&story.run, step)?),
        None => None,
    };
    let of_step = |said: &&super::super::story::Said| key.is_none() || said.posted.step == key;
    let said = story.thread.iter().filter(of_step);
    let rows = said.map(|said| (numbered(said.id), wire::message::comment(&story, said)));
    Ok(Json(page(rows.collect(), &params)?))
}
