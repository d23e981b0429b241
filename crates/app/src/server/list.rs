//! The list of runs, newest first.

use std::sync::Arc;

use baton_core::ids::RunId;
use baton_core::run::event::Actor;
use baton_store::Views;
use baton_store::views::{Listed, Page, RunFilter, RunRow, STATUSES};
use serde::Serialize;
use serde_json::{Value, json};

use super::State;
use super::answer::Made;
use super::asking::{Caller, Params};
use super::describe::{NumberedPageParams, Page as ListOf, Run as RunShape, RunParams};
use super::error::{Answer, Problem};
use super::wire::run::Beside;
use super::{activities, find, wire};
use crate::host::Host;

/// What is asked for; `None` when nothing can fit.
async fn filter(host: &Arc<Host>, params: &Params, caller: &Caller) -> Answer<Option<RunFilter>> {
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
        Some(parent) => match parent.parse() {
            Ok(id) => Some(id),
            Err(_) => Some(find::run_seen(host, parent, &caller.identity.audience()).await?),
        },
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
pub async fn list(State(host): State, params: Params, caller: Caller) -> Answer<Made> {
    let limit = params.limit()?;
    let before = match params.get("cursor") {
        Some(cursor) => {
            let wrong = |_| Problem::bad_request("bad_cursor", "this is no cursor of this list");
            Some(cursor.parse::<u64>().map_err(wrong)?)
        }
        None => None,
    };
    let Some(filter) = filter(&host, &params, &caller).await? else {
        return Made::of(&json!({"data": [], "next_cursor": null}));
    };
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(&host, move |host| {
        let mut filter = filter;
        filter.projects = caller.identity.seen_projects(host)?;
        let Page { rows, next } = views.listed(&filter, before, limit)?;
        let runs: Vec<&RunRow> = rows.iter().map(|listed| &listed.run).collect();
        let unread = unread(host, &views, &caller, &runs)?;
        let read = rows.iter().zip(unread);
        let read = read.map(|(listed, unread)| shown(host, listed, unread));
        let mut data: Vec<wire::run::Row> = read.collect();
        fill(host, &views, &rows, &mut data)?;
        let steps: usize = data.iter().map(|row| row.steps.len()).sum();
        let about = data.len() * A_RUN + steps * A_STEP;
        Made::of_about(
            about,
            &Found {
                data,
                next_cursor: next.map(|number| number.to_string()),
            },
        )
    });
    found.await
}

#[derive(Serialize)]
struct Found<'a> {
    data: Vec<wire::run::Row<'a>>,
    next_cursor: Option<String>,
}

/// How long these are as JSON, about, in bytes.
const A_RUN: usize = 2_048;
const A_STEP: usize = 768;

/// Of so many agents a page says what they are at; of the others the live events do.
const MOST_FILLED: usize = 64;

/// Unread messages are counted so far.
const MOST_UNREAD: usize = 1000;

/// How many messages of each of these runs whoever asks has not read.
pub fn unread(host: &Host, views: &Views, caller: &Caller, runs: &[&RunRow]) -> Answer<Vec<u64>> {
    let Actor::User(user) = caller.by else {
        return Ok(vec![0; runs.len()]);
    };
    let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
    let marks = host.journal.read_marks(user, &ids)?;
    let numbers = runs.iter().map(|run| run.number);
    let read: Vec<(u64, u64)> = numbers.zip(marks).collect();
    Ok(views.unread(user, &read, MOST_UNREAD)?)
}

/// What the agents that work are at: their todos and the tool they use.
fn fill(host: &Host, views: &Views, listed: &[Listed], rows: &mut [wire::run::Row]) -> Answer<()> {
    let steps = listed.iter().zip(rows).flat_map(|(listed, row)| {
        let steps = listed.steps.iter().zip(&mut row.steps);
        steps.map(|(step, shown)| (&listed.run, step, &mut shown.session))
    });
    let working = steps.filter(|(_, step, session)| step.is_working() && session.is_some());
    for (run, step, session) in working.take(MOST_FILLED) {
        let attempts = views.attempts(run.id, step.id)?;
        activities::fill(host, run, step, &attempts, session);
    }
    Ok(())
}

/// A run as lists show it.
fn shown<'a>(host: &Host, listed: &'a Listed, unread: u64) -> wire::run::Row<'a> {
    let beside = Beside {
        stuck: host.engine.stuck(listed.run.id),
        estimate: listed.estimate,
        unread,
    };
    wire::run::Row::of(&listed.run, &listed.steps, &beside)
}

/// The row of one run.
pub async fn row_of(host: &Arc<Host>, run: RunId) -> Answer<Value> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    find::blocking(host, move |host| {
        let none = || Problem::not_found(format!("there is no run `{run}`"));
        let listed = views.listed_one(run)?.ok_or_else(none)?;
        Ok(wire::word(&shown(host, &listed, 0)))
    })
    .await
}
