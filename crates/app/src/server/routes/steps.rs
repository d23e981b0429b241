//! Steps: looking at one, and answering it.

use std::sync::Arc;

use axum::Json;
use baton_core::activity::{Answer as Given, Asks};
use baton_core::run::decide::Command;
use baton_store::Views;
use baton_store::views::{RunRow, StepRow};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Body, Caller, Segment};
use super::super::describe::{Data, Step};
use super::super::error::{Answer, Problem};
use super::super::{State, activities, find, wire};
use crate::host::Host;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(one))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(answer))
        .routes(routes!(skip_wait))
}

/// Comments that a step is shown with: the first.
const COMMENTS: usize = 1000;

fn whole(host: &Host, views: &Views, run: &RunRow, step: &StepRow) -> Answer<Value> {
    let attempts = views.attempts(run.id, step.id)?;
    let artifacts = views.artifacts(run.id, Some(&step.key), None, usize::MAX)?;
    let mut shown = wire::step::Whole::of(run, step, &attempts, artifacts.clone());
    activities::fill(host, run, step, &attempts, &mut shown.row.session);
    let mut value = wire::word(&shown);
    let comments = views.messages_of_step(run.id, &step.key, 0, COMMENTS)?;
    let comments = comments.iter().map(|said| {
        let attached = artifacts
            .iter()
            .filter(|found| found.comment == Some(said.id));
        let attached = wire::artifact::list(attached.cloned().collect());
        wire::message::comment(said, attached, &host.access)
    });
    value["comments"] = comments.collect();
    Ok(value)
}

/// The step of this id as it is now.
async fn shown(host: &Arc<Host>, id: &str) -> Answer<Json<Value>> {
    let (run, step) = find::step(host, id).await?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let whole = move |host: &Host| whole(host, &views, &run, &step);
    let data = find::blocking(host, whole).await?;
    Ok(Json(json!({"data": data})))
}

#[utoipa::path(
    get,
    path = "/api/workflow-steps/{id}",
    tag = "Steps",
    operation_id = "get_step",
    responses((status = 200, description = "It.", body = Data<Step>))
)]
async fn one(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    shown(&host, &id).await
}

/// A yes or no. With a question's id it is meant for that one and no other.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = DecideStep)]
struct Said {
    message: Option<String>,
    question_id: Option<String>,
    /// Not to be asked again in this session, where the agent offers that.
    #[serde(default)]
    remember: bool,
}

#[utoipa::path(
    post,
    path = "/api/workflow-steps/{id}/approve",
    tag = "Steps",
    operation_id = "approve_step",
    request_body = Said,
    responses((status = 200, description = "The step as it stands then.", body = Data<Step>))
)]
async fn approve(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Said>,
) -> Answer<Json<Value>> {
    decide(&host, &id, caller, true, body).await
}

#[utoipa::path(
    post,
    path = "/api/workflow-steps/{id}/reject",
    tag = "Steps",
    operation_id = "reject_step",
    request_body = Said,
    responses((status = 200, description = "The step as it stands then.", body = Data<Step>))
)]
async fn reject(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Said>,
) -> Answer<Json<Value>> {
    decide(&host, &id, caller, false, body).await
}

async fn decide(
    host: &Arc<Host>,
    id: &str,
    caller: Caller,
    approved: bool,
    said: Said,
) -> Answer<Json<Value>> {
    let by = caller.by;
    let command = |step| match (said.question_id, said.remember) {
        (None, false) => Command::Answer {
            step: Some(step),
            approved,
            message: said.message,
            by,
        },
        (question, remember) => Command::Reply {
            step: Some(step),
            question,
            answer: match (approved, said.message) {
                (true, message) => Given::Approve { remember, message },
                (false, message) => Given::Reject { message },
            },
            by,
        },
    };
    tell(host, id, command, caller.command).await
}

async fn tell(
    host: &Arc<Host>,
    id: &str,
    command: impl FnOnce(String) -> Command,
    repeat: Option<baton_core::ids::CommandId>,
) -> Answer<Json<Value>> {
    let (run, _) = find::step(host, id).await?;
    let command = command(id.to_owned());
    host.engine.send(run.id, command, repeat).await?;
    shown(host, id).await
}

/// An answer to an agent's question: choices by question, or for the only one that is open.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = AnswerStep)]
struct Answers {
    question_id: Option<String>,
    answers: Value,
}

#[utoipa::path(
    post,
    path = "/api/workflow-steps/{id}/answer",
    tag = "Steps",
    operation_id = "answer_step",
    request_body = Answers,
    responses((status = 200, description = "The step as it stands then.", body = Data<Step>))
)]
async fn answer(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Answers>,
) -> Answer<Json<Value>> {
    let (_, step) = find::step(&host, &id).await?;
    let session = step.session.as_deref();
    let asked = session.and_then(|session| match &body.question_id {
        Some(id) => session.asked.iter().find(|asked| asked.question.id == *id),
        None => session.unanswered(),
    });
    let answers = given(&body.answers, asked.map(|asked| &asked.question.asks))?;
    let by = caller.by;
    tell(
        &host,
        &id,
        |step| Command::Reply {
            step: Some(step),
            question: body.question_id,
            answer: Given::Choices { answers },
            by,
        },
        caller.command,
    )
    .await
}

/// `{"question": "answer" | ["one", "two"]}`, or one answer for the only question.
fn given(
    answers: &Value,
    asks: Option<&Asks>,
) -> Answer<std::collections::BTreeMap<String, Vec<String>>> {
    let wrong = || {
        let detail = "answers are a text, a list of texts, or an object of these by question";
        Problem::field("/answers", detail)
    };
    let list = |value: &Value| match value {
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(many) => many
            .iter()
            .map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    };
    match (answers, asks) {
        (Value::Object(by_question), _) => by_question
            .iter()
            .map(|(question, answer)| Ok((question.clone(), list(answer)?)))
            .collect(),
        (one, Some(Asks::Choices { items })) => match items.as_slice() {
            [item] => Ok([(item.question.clone(), list(one)?)].into()),
            _ => Err(wrong()),
        },
        (one, _) => Ok([(String::new(), list(one)?)].into()),
    }
}

#[utoipa::path(
    post,
    path = "/api/workflow-steps/{id}/skip-wait",
    tag = "Steps",
    operation_id = "skip_wait",
    responses((status = 200, description = "The step as it stands then.", body = Data<Step>))
)]
async fn skip_wait(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
) -> Answer<Json<Value>> {
    let by = caller.by;
    tell(
        &host,
        &id,
        |step| Command::SkipWait { step, by },
        caller.command,
    )
    .await
}
