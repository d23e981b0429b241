//! The list of runs, newest first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use baton_core::ids::{RunId, UserId};
use baton_core::run::event::Actor;
use baton_store::Views;
use baton_store::views::{Page, RunFilter, RunRow};
use serde_json::{Value, json};

use super::State;
use super::asking::{Caller, Params};
use super::describe::{NumberedPageParams, Page as ListOf, Run as RunShape, RunParams};
use super::error::{Answer, Problem};
use super::wire::run::Beside;
use super::{find, wire};
use crate::host::Host;

/// The words of a run's status.
pub const STATUSES: [&str; 6] = [
    "pending",
    "running",
    "paused",
    "completed",
    "failed",
    "cancelled",
];

/// What is asked for; `None` when nothing can fit.
async fn filter(host: &Arc<Host>, params: &Params) -> Answer<Option<RunFilter>> {
    let words =
        |name: &str| -> Vec<String> { params.all(name).into_iter().map(str::to_owned).collect() };
    let statuses = words("status");
    if let Some(wrong) = statuses
        .iter()
        .find(|word| !STATUSES.contains(&word.as_str()))
    {
        let shown: String = wrong.chars().take(64).collect();
        let detail = format!("`{shown}` is no status: {}", STATUSES.join(", "));
        return Err(Problem::bad_request("bad_query", detail));
    }
    // Of features and tasks there are none yet.
    let later = params.get("feature_id").or_else(|| params.get("task_id"));
    let project = match params.get("project_id") {
        Some(id) => match id.parse() {
            Ok(id) => Some(id),
            Err(_) => return Ok(None),
        },
        None => None,
    };
    let parent = match params.get("parent_run_id") {
        Some(parent) => Some(find::run_id(host, parent).await?),
        None => None,
    };
    Ok(later.is_none().then(|| RunFilter {
        project,
        projects: None,
        statuses,
        phases: words("phase"),
        definitions: words("definition"),
        parent,
        q: params.get("q").map(str::to_owned),
    }))
}

/// `GET /api/workflow-executions`.
#[utoipa::path(
    get,
    path = "/api/workflow-executions",
    tag = "Runs",
    operation_id = "list_runs",
    params(NumberedPageParams, RunParams),
    responses((status = 200, description = "Newest first.", body = ListOf<RunShape>))
)]
pub async fn list(State(host): State, params: Params, caller: Caller) -> Answer<Json<Value>> {
    let limit = params.limit()?;
    let before = match params.get("cursor") {
        Some(cursor) => {
            let wrong = |_| Problem::bad_request("bad_cursor", "this is no cursor of this list");
            Some(cursor.parse::<u64>().map_err(wrong)?)
        }
        None => None,
    };
    let Some(filter) = filter(&host, &params).await? else {
        return Ok(Json(json!({"data": [], "next_cursor": null})));
    };
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(&host, move |host| {
        let mut filter = filter;
        filter.projects = caller.identity.seen_projects(host)?;
        let Page { rows, next } = views.runs(&filter, before, limit)?;
        let mut estimates = HashMap::new();
        let mut data = Vec::with_capacity(rows.len());
        for row in rows {
            let estimate = match estimates.entry(row.definition) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(free) => *free.insert(views.estimate(row.definition)?),
            };
            let mut value = made(host, &views, &row, estimate)?;
            if let Actor::User(user) = caller.by {
                value["unread"] = unread(host, &views, row.id, user)?.into();
            }
            data.push(value);
        }
        Ok(json!({"data": data, "next_cursor": next.map(|number| number.to_string())}))
    });
    Ok(Json(found.await?))
}

/// Unread messages are counted so far.
const MOST_UNREAD: usize = 1000;

/// How many messages of a run this user has not read.
pub fn unread(host: &Host, views: &Views, run: RunId, user: UserId) -> Answer<u64> {
    let mark = host.journal.read_mark(user, run)?;
    Ok(views.unread(run, user, mark, MOST_UNREAD)?)
}

/// A run as lists show it.
pub fn made(host: &Host, views: &Views, row: &RunRow, estimate: Option<Duration>) -> Answer<Value> {
    let steps = views.steps_of(row)?;
    Ok(wire::run::row(row, &steps, &beside(host, row.id, estimate)))
}

/// What is known beside a run.
pub fn beside(host: &Host, run: RunId, estimate: Option<Duration>) -> Beside {
    Beside {
        stuck: host.engine.stuck(run),
        estimate,
    }
}

/// The row of one run.
pub async fn row_of(host: &Arc<Host>, run: RunId) -> Answer<Value> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    find::blocking(host, move |host| {
        let row = find::row(&views, run)?;
        let estimate = views.estimate(row.definition)?;
        made(host, &views, &row, estimate)
    })
    .await
}
