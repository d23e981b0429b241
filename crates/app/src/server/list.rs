//! The list of runs, newest first.

use std::sync::Arc;

use axum::Json;
use baton_store::views::{Page, RunFilter};
use serde_json::{Value, json};

use super::State;
use super::asking::Params;
use super::error::{Answer, Problem};
use super::story::Story;
use super::{find, wire};
use crate::host::Host;

/// The words of a run's status.
const STATUSES: [&str; 6] = [
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
        statuses,
        phases: words("phase"),
        definitions: words("definition"),
        parent,
        q: params.get("q").map(str::to_owned),
    }))
}

/// `GET /api/workflow-executions`.
pub async fn list(State(host): State, params: Params) -> Answer<Json<Value>> {
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
        let Page { rows, next } = views.runs(&filter, before, limit)?;
        let mut data = Vec::with_capacity(rows.len());
        for row in rows {
            match Story::load(host.journal.as_ref(), host.engine.plans(), row.id) {
                Ok(Some(story)) => data.push(wire::run::row(&story, &host.engine.stuck(row.id))),
                // Removed since.
                Ok(None) => {}
                // One that cannot be read hides no other.
                Err(error) => tracing::warn!(run = %row.id, %error, "a run is not listed"),
            }
        }
        Ok((data, next.map(|number| number.to_string())))
    });
    let (data, next) = found.await?;
    Ok(Json(json!({"data": data, "next_cursor": next})))
}
