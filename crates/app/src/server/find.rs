//! From what a path says to what is meant: runs by id, number or unique prefix, steps, projects,
//! definitions. Everything that reads the disk does so off the runtime's threads.

use std::sync::Arc;

use axum::http::StatusCode;
use baton_core::ids::{DefinitionId, ProjectId, RunId, StepId};
use baton_core::run::Run;
use baton_engine::ports::Journal;
use baton_store::views::{RunRow, StepRow};
use baton_store::{Project, Views};

use super::error::{Answer, Problem};
use crate::host::Host;
use crate::host::definitions::{self, Found};

/// Fewer characters than this are no prefix but a slip.
const SHORTEST_PREFIX: usize = 4;

/// Does something that blocks, off the runtime's threads.
pub async fn blocking<T: Send + 'static>(
    host: &Arc<Host>,
    work: impl FnOnce(&Host) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let host = host.clone();
    let done = tokio::task::spawn_blocking(move || work(&host)).await;
    done.unwrap_or_else(|error| Err(Problem::internal(&error)))
}

/// The run that is meant.
pub async fn run_id(host: &Arc<Host>, reference: &str) -> Answer<RunId> {
    if let Ok(id) = reference.parse() {
        return Ok(id);
    }
    let reference = reference.to_owned();
    blocking(host, move |host| resolve(host, &reference)).await
}

/// There is no such run, or none that may be seen.
pub fn no_run(reference: &str) -> Problem {
    Problem::not_found(format!("there is no run `{}`", shown(reference)))
}

fn resolve(host: &Host, reference: &str) -> Answer<RunId> {
    let none = || no_run(reference);
    if let Ok(number) = reference.parse::<u64>()
        && let Some(id) = host.journal.run_of_number(number)?
    {
        return Ok(id);
    }
    let hex = reference.strip_prefix("run_").unwrap_or(reference);
    if hex.len() < SHORTEST_PREFIX || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(none());
    }
    match host
        .journal
        .runs_by_prefix(&format!("run_{hex}"))?
        .as_slice()
    {
        [] => Err(none()),
        [id] => Ok(*id),
        _ => {
            let detail = format!("more than one run begins with `{}`", shown(reference));
            Err(Problem::new(StatusCode::CONFLICT, "ambiguous_id", detail))
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The run that is meant, as it is now.
pub async fn run(host: &Arc<Host>, reference: &str) -> Answer<Run> {
    let id = run_id(host, reference).await?;
    Ok(host.engine.read(id, Run::clone).await?)
}

/// A run in the views.
pub fn row(views: &Views, run: RunId) -> Answer<RunRow> {
    let none = || Problem::not_found(format!("there is no run `{run}`"));
    views.run(run)?.ok_or_else(none)
}

/// The key of this run's step that a query names by its id or key.
pub fn key_in(views: &Views, run: &RunRow, step: &str) -> Answer<String> {
    let steps = views.steps_of(run)?;
    let mut steps = steps.into_iter();
    let found = steps.find(|found| found.key == step || found.id.to_string() == step);
    let none = || Problem::not_found(format!("the run has no step `{}`", shown(step)));
    found.map(|found| found.key).ok_or_else(none)
}

/// The key of the step with this id or key.
pub fn key_of(run: &Run, step: &str) -> Answer<String> {
    let mut all = run.all().map(|(_, found)| found);
    let found = all.find(|found| found.key == step || found.id.to_string() == step);
    let none = || Problem::not_found(format!("the run has no step `{}`", shown(step)));
    found.map(|found| found.key.clone()).ok_or_else(none)
}

/// The step of this id, and its run.
pub async fn step(host: &Arc<Host>, id: &str) -> Answer<(RunRow, StepRow)> {
    let none = format!("there is no step `{}`", shown(id));
    let Ok(id) = id.parse::<StepId>() else {
        return Err(Problem::not_found(none));
    };
    let views = host.views().await.ok_or_else(Problem::starting)?;
    blocking(host, move |_| {
        let Some(step) = views.step(id)? else {
            return Err(Problem::not_found(none));
        };
        Ok((row(&views, step.run)?, step))
    })
    .await
}

/// The project of this id.
pub async fn project(host: &Arc<Host>, id: &str) -> Answer<Project> {
    let none = format!("there is no project `{}`", shown(id));
    let Ok(id) = id.parse::<ProjectId>() else {
        return Err(Problem::not_found(none));
    };
    blocking(host, move |host| {
        let project = host.projects.get(id)?;
        project.ok_or_else(|| Problem::not_found(none))
    })
    .await
}

/// The definition of this id, as it is now, and its project.
pub async fn definition(host: &Arc<Host>, id: &str) -> Answer<(Project, Found)> {
    let none = format!("there is no definition `{}`", shown(id));
    let Ok(id) = id.parse::<DefinitionId>() else {
        return Err(Problem::not_found(none));
    };
    blocking(host, move |host| {
        for project in host.projects.all()? {
            let found = definitions::list(&project);
            if let Some(found) = found.into_iter().find(|found| found.id == id) {
                return Ok((project, found));
            }
        }
        Err(Problem::not_found(none))
    })
    .await
}
