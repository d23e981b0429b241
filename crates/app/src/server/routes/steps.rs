//! Steps: looking at one, and answering it.

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Json, Router};
use baton_core::run::decide::Command;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::asking::{Body, Caller, Params, Segment};
use super::super::error::{Answer, Problem};
use super::super::story::Story;
use super::super::{State, find, wire};
use crate::host::Host;

pub fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/api/workflow-steps/{id}", get(one))
        .route("/api/workflow-steps/{id}/activities", get(activities))
        .route("/api/workflow-steps/{id}/approve", post(approve))
        .route("/api/workflow-steps/{id}/reject", post(reject))
        .route("/api/workflow-steps/{id}/answer", post(answer))
        .route("/api/workflow-steps/{id}/skip-wait", post(skip_wait))
}

fn whole(story: &Story, at: baton_core::run::At) -> Answer<Value> {
    let run = story.run.created.run;
    let step = story
        .run
        .step(at)
        .ok_or_else(|| Problem::not_found("there is no such step"))?;
    let mut value = wire::step::whole(story, at, step);
    let of_step = |said: &&super::super::story::Said| said.posted.step.as_ref() == Some(&step.key);
    let comments = story.thread.iter().filter(of_step);
    value["comments"] = comments
        .map(|said| wire::message::comment(run, said))
        .collect();
    Ok(value)
}

async fn one(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let (story, at) = find::step(&host, &id).await?;
    let data = find::blocking(&host, move |_| whole(&story, at)).await?;
    Ok(Json(json!({"data": data})))
}

/// Only agents have activities; they come with part 2.
async fn activities(
    State(host): State,
    Segment(id): Segment,
    params: Params,
) -> Answer<Json<Value>> {
    params.number("after")?;
    find::step(&host, &id).await?;
    Ok(Json(json!({"data": [], "next_cursor": null})))
}

#[derive(Deserialize)]
struct Said {
    message: Option<String>,
}

async fn approve(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Said>,
) -> Answer<Json<Value>> {
    decide(&host, &id, caller, true, body.message).await
}

async fn reject(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Said>,
) -> Answer<Json<Value>> {
    decide(&host, &id, caller, false, body.message).await
}

async fn decide(
    host: &Arc<Host>,
    id: &str,
    caller: Caller,
    approved: bool,
    message: Option<String>,
) -> Answer<Json<Value>> {
    tell(
        host,
        id,
        |step| Command::Answer {
            step: Some(step),
            approved,
            message,
            by: caller.by,
        },
        caller.command,
    )
    .await
}

async fn tell(
    host: &Arc<Host>,
    id: &str,
    command: impl FnOnce(String) -> Command,
    repeat: Option<baton_core::ids::CommandId>,
) -> Answer<Json<Value>> {
    let (story, _) = find::step(host, id).await?;
    let run = story.run.created.run;
    host.engine
        .send(run, command(id.to_owned()), repeat)
        .await?;
    let (story, at) = find::step(host, id).await?;
    let data = find::blocking(host, move |_| whole(&story, at)).await?;
    Ok(Json(json!({"data": data})))
}

/// Only agents ask questions; they come with part 2.
async fn answer(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let (story, at) = find::step(&host, &id).await?;
    let key = story.run.step(at).map_or("", |step| step.key.as_str());
    let refusal = format!("step `{key}` asks nothing");
    Err(baton_core::run::decide::Refusal::NotWaiting(refusal).into())
}

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
