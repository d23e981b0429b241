//! Runs: starting them, looking at them, removing them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::{Extension, Json};
use baton_core::ids::RunId;
use baton_core::run::decide::{Refusal, ResumeFrom};
use baton_core::run::event::{Actor, RunCreated};
use baton_engine::ports::{Aggregate, ReadError};
use baton_engine::{SendError, decode, walk};
use baton_store::Views;
use baton_store::views::{CheckpointRow, RunFilter, RunRow, StepRow};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::answer::Made;
use super::super::asking::{Body, Caller, Params, Segment};
use super::super::describe::{
    Checkpoint, Data, EventParams, JournalEvent, Page, PageParams, RewindParams, RewindPreview,
    RunDetail, Unread,
};
use super::super::error::{Answer, Problem};
use super::super::list;
use super::super::live::Hub;
use super::super::paging::{numbered, page};
use super::super::wire::run::{Attempts, Beside, Whole};
use super::super::{State, activities, find, own_files, start, wire};
use crate::host::Host;

/// How long a run that has just ended may take to tell others before its removal is refused.
const PATIENCE: Duration = Duration::from_secs(2);

/// Comments that a run is shown with: the newest. All of them are at `/comments`.
const COMMENTS: usize = 200;

/// More steps than these are read by two at once.
const FEW: usize = 200;

/// How long these are as JSON, about, in bytes.
const A_RUN: usize = 4_096;
const A_MESSAGE: usize = 768;

/// Children that are read at once.
const PAGE: usize = 200;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, start::start))
        .routes(routes!(one, remove))
        .routes(routes!(start::fork))
        .routes(routes!(rewind_preview))
        .routes(routes!(events))
        .routes(routes!(checkpoints))
        .routes(routes!(read))
}

#[utoipa::path(
    get,
    path = "/api/workflow-executions/{id}",
    tag = "Runs",
    operation_id = "get_run",
    responses((status = 200, description = "The run with all that belongs to it.", body = Data<RunDetail>))
)]
async fn one(State(host): State, Segment(id): Segment, caller: Caller) -> Answer<Made> {
    let id = find::run_id(&host, &id).await?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let whole = move |host: &Host| {
        let whole = all_of(&views, id)?;
        let beside = Beside {
            stuck: host.engine.stuck(id),
            estimate: views.estimate(whole.run.definition)?,
            unread: list::unread(host, &views, &caller, &[&whole.run])?
                .iter()
                .sum(),
        };
        let run = wire::run::Shown::of(&whole, &beside, &host.access);
        let step = |row| {
            let mut step = run.step(&whole.run, row);
            activities::fill_one(host, &whole, row, &mut step.row.session);
            step
        };
        let about = A_RUN + whole.messages.len() * A_MESSAGE;
        Made::data_with_list(about, &run, "steps", &whole.steps, &step)
    };
    find::blocking(&host, whole).await
}

/// A run and all that belongs to it; of its thread the end.
fn all_of(views: &Views, id: RunId) -> Answer<Whole> {
    let none = || Problem::not_found(format!("there is no run `{id}`"));
    let known = views.run(id)?.ok_or_else(none)?;
    let attempts = || Ok::<_, ReadError>(Attempts::of(views.all_attempts(known.number)?));
    let whole = || views.whole(id);
    let (attempts_before, whole) = match known.known > FEW {
        // Whoever looks at so many waits for half as long.
        true => find::at_once(&attempts, whole)?,
        false => (attempts(), whole()),
    };
    let (run, steps) = whole?.ok_or_else(none)?;
    let mut tried = attempts_before?;
    if steps.iter().any(|step| tried.are_behind(step)) {
        tried = attempts()?;
    }
    Ok(Whole {
        attempts: tried,
        messages: views.last_messages(run.number, COMMENTS)?,
        artifacts: views.artifacts(id, None, None, usize::MAX)?,
        checkpoints: views.checkpoints(id)?,
        children: children(views, id)?,
        run,
        steps,
    })
}

/// All runs that have this parent, oldest first: children and forks.
fn children(views: &Views, run: RunId) -> Answer<Vec<Value>> {
    let filter = RunFilter {
        parent: Some(run),
        ..RunFilter::default()
    };
    let mut children = Vec::new();
    let mut before = None;
    loop {
        let page = views.runs(&filter, before, PAGE)?;
        children.extend(page.rows.iter().map(wire::run::child));
        before = page.next;
        if before.is_none() {
            children.reverse();
            return Ok(children);
        }
    }
}

/// Only a finished run: its journal, environment and files go.
#[utoipa::path(
    delete,
    path = "/api/workflow-executions/{id}",
    tag = "Runs",
    operation_id = "remove_run",
    responses((status = 204, description = "Done."),
        (status = 409, description = "Only a finished run is removed."))
)]
async fn remove(
    State(host): State,
    Extension(hub): Extension<Arc<Hub>>,
    Segment(id): Segment,
) -> Answer<StatusCode> {
    let created = find::run(&host, &id).await?.created;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let mut feed = host.engine.feed().subscribe();
    let patience = Instant::now() + PATIENCE;
    loop {
        let (from, views, gone) = (host.clone(), views.clone(), created.clone());
        let run = created.run;
        let remove = async move {
            let forget = move || forget(&from, &views, &gone);
            let removed = tokio::task::spawn_blocking(forget).await;
            removed.unwrap_or_else(|error| Err(error.to_string()))
        };
        match host.engine.remove(run, remove).await {
            // What is outstanding arrives in a moment, and is then a commit of this run.
            Err(SendError::Refused(Refusal::Outstanding(_))) if Instant::now() < patience => {
                let next = tokio::time::timeout_at(patience, feed.recv());
                let _looked_again_anyway = next.await;
            }
            done => {
                done?;
                let data = wire::run::deleted(&created);
                hub.tell_of_run(created.project.id, run, "workflow.execution.deleted", data);
                return Ok(StatusCode::NO_CONTENT);
            }
        }
    }
}

/// Everything there is of a run that has ended.
fn forget(host: &Host, views: &Views, created: &RunCreated) -> Result<(), String> {
    let id = created.run;
    crate::host::remove_files(host, created);
    let removed = host.journal.remove(&Aggregate::Run(id));
    removed.map_err(|error| error.to_string())?;
    views.forget(id).map_err(|error| error.to_string())?;
    let removed = host.environments.remove(id);
    removed.map_err(|error| error.to_string())
}

/// What going back would undo.
#[utoipa::path(
    get,
    path = "/api/workflow-executions/{id}/rewind-preview",
    tag = "Runs",
    operation_id = "preview_rewind",
    params(RewindParams),
    responses((status = 200, description = "What going back would undo.", body = Data<RewindPreview>))
)]
async fn rewind_preview(
    State(host): State,
    Segment(id): Segment,
    params: Params,
) -> Answer<Json<Value>> {
    let Some(to) = params.get("to") else {
        return Err(Problem::bad_request(
            "bad_query",
            "`to` is missing: a step or a checkpoint",
        ));
    };
    let to = match to.parse() {
        Ok(number) => ResumeFrom::Checkpoint(number),
        Err(_) => ResumeFrom::Step(to.to_owned()),
    };
    let run = find::run(&host, &id).await?;
    let (keys, because) = run.undone_by(&to)?;
    let of_run = |key: &String| {
        let at = run.find(key)?;
        Some(StepRow::of(&run, at, run.step(at)?))
    };
    let undone: Vec<StepRow> = keys.iter().filter_map(of_run).collect();
    let row = RunRow::of(&run).ok_or_else(|| Problem::internal(&"the run has no row"))?;
    let steps = undone.iter().map(|step| wire::step::Row::of(&row, step));
    let steps = wire::word(&steps.collect::<Vec<_>>());
    let rewound = move |_: &Host| Ok(own_files::rewind(&run, &keys, &because));
    let mut data = find::blocking(&host, rewound).await?;
    data["steps"] = steps;
    Ok(Json(json!({"data": data})))
}

/// The journal, as clients may see it.
#[utoipa::path(
    get,
    path = "/api/workflow-executions/{id}/events",
    tag = "Runs",
    operation_id = "list_run_events",
    params(EventParams),
    responses((status = 200, description = "The journal, as clients may see it.", body = Page<JournalEvent>))
)]
async fn events(State(host): State, Segment(id): Segment, params: Params) -> Answer<Json<Value>> {
    let (after, skip) = match params.get("cursor") {
        Some(cursor) => place(cursor)
            .ok_or_else(|| Problem::bad_request("bad_cursor", "this is no cursor of this list"))?,
        None => (params.number("after")?.unwrap_or(0), 0),
    };
    let limit = params.limit()?;
    let types = params.get("type").unwrap_or_default().split(',');
    let types = types.map(str::trim).filter(|word| !word.is_empty());
    let types: Vec<String> = types.map(str::to_owned).collect();
    let run = find::run_id(&host, &id).await?;
    let (data, next) = find::blocking(&host, move |host| {
        let journal = host.journal.as_ref();
        let (mut data, mut next, mut is_empty) = (Vec::new(), None, true);
        walk(journal, &Aggregate::Run(run), after, |stored| {
            is_empty = false;
            let skip = if Some(stored.seq) == after.checked_add(1) {
                skip
            } else {
                0
            };
            for (index, event) in decode(journal, &stored)?.iter().enumerate().skip(skip) {
                let mut event = wire::word(event);
                let kind = event.as_object_mut().and_then(|event| event.remove("type"));
                let word = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
                if !types.is_empty() && !types.iter().any(|wanted| wanted == word) {
                    continue;
                }
                if data.len() == limit {
                    next = Some(format!("{}.{index}", stored.seq - 1));
                    return Ok(ControlFlow::Break(()));
                }
                data.push(json!({
                    "seq": stored.seq,
                    "pos": stored.position.of_event(index),
                    "at": wire::time(stored.at),
                    "type": kind,
                    "data": event,
                }));
            }
            Ok::<_, Problem>(ControlFlow::Continue(()))
        })?;
        if is_empty && after == 0 {
            return Err(Refusal::NoRun.into());
        }
        Ok((data, next))
    })
    .await?;
    Ok(Json(json!({"data": data, "next_cursor": next})))
}

/// A cursor of the journal: the commit it comes after, and how many events of the next one were told.
fn place(cursor: &str) -> Option<(u64, usize)> {
    match cursor.split_once('.') {
        Some((seq, told)) => Some((seq.parse().ok()?, told.parse().ok()?)),
        None => Some((cursor.parse().ok()?, 0)),
    }
}

#[utoipa::path(
    get,
    path = "/api/workflow-executions/{id}/checkpoints",
    tag = "Runs",
    operation_id = "list_checkpoints",
    params(PageParams),
    responses((status = 200, description = "Oldest first.", body = Page<Checkpoint>))
)]
async fn checkpoints(
    State(host): State,
    Segment(id): Segment,
    params: Params,
) -> Answer<Json<Value>> {
    let run = find::run_id(&host, &id).await?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(&host, move |_| {
        find::row(&views, run)?;
        Ok(views.checkpoints(run)?)
    });
    let rows = found.await?;
    let row = |row: &CheckpointRow| (numbered(row.number.into()), wire::run::checkpoint(row));
    Ok(Json(page(rows.iter().map(row).collect(), &params)?))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = MarkRead)]
struct Read {
    #[schema(value_type = u64, required = true)]
    message_id: Option<Value>,
}

/// The caller has read the thread up to a message.
#[utoipa::path(
    put,
    path = "/api/workflow-executions/{id}/read",
    tag = "Runs",
    operation_id = "mark_read",
    request_body = Read,
    responses((status = 200, description = "What is unread now.", body = Data<Unread>))
)]
async fn read(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Read>,
) -> Answer<Json<Value>> {
    let Actor::User(user) = caller.by else {
        let detail = "what runs inside a run reads for nobody";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    };
    let message = match &body.message_id {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let wrong = || Problem::field("/message_id", "`message_id` is the id of a message");
    let message = message.ok_or_else(wrong)?;
    let run = find::run_id(&host, &id).await?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let unread = find::blocking(&host, move |host| {
        let none = || Problem::not_found(format!("there is no run `{run}`"));
        let row = views.run(run)?.ok_or_else(none)?;
        let of_run = views.message(message)?.filter(|found| found.run == run);
        if of_run.is_none() {
            return Err(wrong());
        }
        let marked = host.journal.mark_read(user, run, message);
        marked.map_err(|error| Problem::disk(&error))?;
        Ok(list::unread(host, &views, &caller, &[&row])?
            .iter()
            .sum::<u64>())
    })
    .await?;
    Ok(Json(
        json!({"data": {"id": run.to_string(), "unread": unread}}),
    ))
}
