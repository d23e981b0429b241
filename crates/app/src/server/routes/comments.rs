//! Comments (document 2): messages of the thread that only say something.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use baton_core::run::decide::Command;
use baton_core::run::event::Action;
use baton_store::Views;
use baton_store::views::MessageRow;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Body, Caller, Params, Segment};
use super::super::describe::{Comment, Data, NumberedPageParams, Page, StepParam};
use super::super::error::{Answer, Problem};
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
    let posted = reply.message_id().unwrap_or(0);
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let data = find::blocking(&host, move |host| {
        let said = views.message(posted)?;
        let said = said.ok_or_else(|| Problem::internal(&"the comment is not in the thread"))?;
        shown(host, &views, &said)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(json!({"data": data}))))
}

#[utoipa::path(
    get,
    path = "/api/workflow-executions/{id}/comments",
    tag = "Thread",
    operation_id = "list_comments",
    params(NumberedPageParams, StepParam),
    responses((status = 200, description = "Oldest first.", body = Page<Comment>))
)]
async fn list(State(host): State, Segment(id): Segment, params: Params) -> Answer<Json<Value>> {
    let limit = params.limit()?;
    let after = match params.get("cursor") {
        Some(cursor) => {
            let wrong = |_| Problem::bad_request("bad_cursor", "this is no cursor of this list");
            cursor.parse::<u64>().map_err(wrong)?
        }
        None => 0,
    };
    let step = params.get("step_id").map(str::to_owned);
    let run = find::run_id(&host, &id).await?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(&host, move |host| {
        let row = find::row(&views, run)?;
        let mut said = match step {
            Some(step) => {
                let key = find::key_in(&views, &row, &step)?;
                views.messages_of_step(run, &key, after, limit + 1)?
            }
            None => views.messages(run, after, limit + 1)?,
        };
        let is_more = said.len() > limit;
        said.truncate(limit);
        let next = said.last().filter(|_| is_more).map(|last| last.id);
        let data: Answer<Vec<Value>> = said.iter().map(|said| shown(host, &views, said)).collect();
        Ok(json!({"data": data?, "next_cursor": next.map(|id| id.to_string())}))
    });
    Ok(Json(found.await?))
}

/// A comment with its artifacts.
fn shown(host: &Host, views: &Views, said: &MessageRow) -> Answer<Value> {
    let artifacts = views.artifacts_at(said.run, said.n)?;
    let artifacts = wire::artifact::list(artifacts);
    Ok(wire::message::comment(said, artifacts, &host.access))
}
