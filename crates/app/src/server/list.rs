//! The list of runs, newest first.

use std::sync::Arc;

use axum::Json;
use baton_core::ids::RunId;
use baton_engine::ports::{Journal, ReadError};
use serde_json::{Value, json};

use super::State;
use super::asking::Params;
use super::error::{Answer, Problem};
use super::story::Story;
use super::{find, wire};
use crate::host::Host;

/// The words of a run's status.
const STATUSES: [&str; 6] = ["pending", "running", "paused", "completed", "failed", "cancelled"];

/// What a run must be to be listed.
struct Filter {
    projects: Vec<String>,
    statuses: Vec<String>,
    phases: Vec<String>,
    definitions: Vec<String>,
    parents: Vec<RunId>,
    text: Option<String>,
    /// Of features and tasks there are none yet.
    nothing: bool,
}

impl Filter {
    async fn of(host: &Arc<Host>, params: &Params) -> Answer<Self> {
        let owned = |name: &str| -> Vec<String> {
            params.all(name).into_iter().map(str::to_owned).collect()
        };
        let statuses = owned("status");
        if let Some(wrong) = statuses.iter().find(|word| !STATUSES.contains(&word.as_str())) {
            let shown: String = wrong.chars().take(64).collect();
            let detail = format!("`{shown}` is no status: {}", STATUSES.join(", "));
            return Err(Problem::bad_request("bad_query", detail));
        }
        let mut parents = Vec::new();
        for parent in params.all("parent_run_id") {
            parents.push(find::run_id(host, parent).await?);
        }
        Ok(Self {
            projects: owned("project_id"),
            statuses,
            phases: owned("phase"),
            definitions: owned("definition"),
            parents,
            text: params.get("q").map(str::to_lowercase),
            nothing: !params.all("feature_id").is_empty() || !params.all("task_id").is_empty(),
        })
    }

    fn takes(&self, story: &Story) -> bool {
        let run = &story.run;
        let created = &run.created;
        let is = |wanted: &[String], found: Option<&str>| {
            wanted.is_empty() || wanted.iter().any(|wanted| Some(wanted.as_str()) == found)
        };
        let parent = created.parent.as_ref().map(|parent| parent.run);
        let definition = &created.definition;
        let by_definition = is(&self.definitions, Some(&definition.key))
            || is(&self.definitions, Some(&definition.id.to_string()));
        let text = self.text.as_ref().is_none_or(|text| {
            created.name.to_lowercase().contains(text) || definition.key.to_lowercase().contains(text)
        });
        !self.nothing
            && is(&self.projects, Some(&created.project.id.to_string()))
            && is(&self.statuses, Some(run.status.word()))
            && is(&self.phases, run.current_phase())
            && by_definition
            && (self.parents.is_empty() || parent.is_some_and(|run| self.parents.contains(&run)))
            && text
    }
}

/// `GET /api/workflow-executions`.
pub async fn list(State(host): State, params: Params) -> Answer<Json<Value>> {
    let limit = params.limit()?;
    let cursor = match params.get("cursor") {
        Some(cursor) => {
            let wrong = |_| Problem::bad_request("bad_cursor", "this is no cursor of this list");
            Some(cursor.parse::<RunId>().map_err(wrong)?)
        }
        None => None,
    };
    let filter = Filter::of(&host, &params).await?;
    find::blocking(&host, move |host| {
        let mut page = Vec::new();
        let mut next = None;
        walk(host.journal.as_ref(), "run_", cursor, &mut |id| {
            let story = match Story::load(host.journal.as_ref(), host.engine.plans(), id) {
                Ok(Some(story)) => story,
                Ok(None) => return true,
                Err(error) => {
                    tracing::warn!(run = %id, %error, "a run cannot be listed");
                    return true;
                }
            };
            if !filter.takes(&story) {
                return true;
            }
            if page.len() == limit {
                return false;
            }
            page.push(wire::run::row(&story, &host.engine.stuck(id)));
            next = Some(id);
            true
        })
        .map(|all| {
            let next = next.filter(|_| !all).map(|id: RunId| id.to_string());
            Json(json!({"data": page, "next_cursor": next}))
        })
        .map_err(Problem::from)
    })
    .await
}

/// All runs whose id begins so and lies before the cursor, newest first, until `each` says no.
/// Whether it never did. The journal names at most two ids per prefix.
fn walk(
    journal: &dyn Journal,
    prefix: &str,
    before: Option<RunId>,
    each: &mut dyn FnMut(RunId) -> bool,
) -> Result<bool, ReadError> {
    if let Some(before) = before
        && prefix > &before.to_string()[..prefix.len()]
    {
        return Ok(true);
    }
    let mut found = journal.runs_by_prefix(prefix)?;
    if found.len() < 2 || prefix.len() >= RunId::PREFIX.len() + 1 + 32 {
        found.sort();
        let found = found.into_iter().rev();
        let mut earlier = found.filter(|id| before.is_none_or(|before| *id < before));
        return Ok(earlier.all(|id| each(id)));
    }
    for digit in "fedcba9876543210".chars() {
        if !walk(journal, &format!("{prefix}{digit}"), before, each)? {
            return Ok(false);
        }
    }
    Ok(true)
}
