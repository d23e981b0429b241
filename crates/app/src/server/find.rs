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
use super::live::Audience;
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

/// Does both at once, or one after the other when there is no thread to be had.
pub fn at_once<A: Send, B>(
    other: &(impl Fn() -> A + Sync),
    own: impl FnOnce() -> B,
) -> Answer<(A, B)> {
    std::thread::scope(|scope| {
        let beside = std::thread::Builder::new().spawn_scoped(scope, other);
        let own = own();
        let other = match beside {
            Ok(beside) => {
                let died = |_| Problem::internal(&"what was done beside has died");
                beside.join().map_err(died)?
            }
            Err(_) => other(),
        };
        Ok((other, own))
    })
}

/// The run that is meant.
pub async fn run_id(host: &Arc<Host>, reference: &str) -> Answer<RunId> {
    if let Ok(id) = reference.parse() {
        return Ok(id);
    }
    let reference = reference.to_owned();
    blocking(host, move |host| resolve(host, &reference)).await
}

/// The run that is meant, among those that this audience may see: others are as if they were not there.
///
/// # Errors
/// 404; 409 when what is given begins the ids of several of them.
pub async fn run_seen(host: &Arc<Host>, reference: &str, audience: &Audience) -> Answer<RunId> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let (reference, audience) = (reference.to_owned(), audience.clone());
    blocking(host, move |host| {
        let sees = |run: &RunId| {
            let row = views.run(*run)?;
            Ok::<_, Problem>(row.is_some_and(|row| audience.sees(row.project)))
        };
        let numbered = || match reference.parse() {
            Ok(number) => host.journal.run_of_number(number),
            Err(_) => Ok(None),
        };
        let named = match reference.parse() {
            Ok(id) => Some(id),
            Err(_) => numbered()?,
        };
        if let Some(run) = named
            && sees(&run)?
        {
            return Ok(run);
        }
        let Some(prefix) = prefix(&reference).filter(|_| reference.parse::<RunId>().is_err())
        else {
            return Err(no_run(&reference));
        };
        let found = views.runs_beginning(&prefix, |project| audience.sees(project))?;
        one_of(&found, &reference)
    })
    .await
}

/// There is no such run, or none that may be seen.
pub fn no_run(reference: &str) -> Problem {
    none("run", reference)
}

/// The same for a project.
pub fn no_project(reference: &str) -> Problem {
    none("project", reference)
}

/// The same for a definition.
pub fn no_definition(reference: &str) -> Problem {
    none("definition", reference)
}

/// The same for a step.
pub fn no_step(reference: &str) -> Problem {
    none("step", reference)
}

/// The same for an artifact.
pub fn no_artifact(reference: &str) -> Problem {
    none("artifact", reference)
}

fn none(what: &str, reference: &str) -> Problem {
    Problem::not_found(format!("there is no {what} `{}`", shown(reference)))
}

/// What a reference says that is the beginning of an id.
fn prefix(reference: &str) -> Option<String> {
    let hex = reference.strip_prefix("run_").unwrap_or(reference);
    let is_one = hex.len() >= SHORTEST_PREFIX && hex.bytes().all(|b| b.is_ascii_hexdigit());
    is_one.then(|| format!("run_{}", hex.to_ascii_lowercase()))
}

fn resolve(host: &Host, reference: &str) -> Answer<RunId> {
    if let Ok(number) = reference.parse::<u64>()
        && let Some(id) = host.journal.run_of_number(number)?
    {
        return Ok(id);
    }
    let prefix = prefix(reference).ok_or_else(|| no_run(reference))?;
    one_of(&host.journal.runs_by_prefix(&prefix)?, reference)
}

/// The run that is meant, if it is the only one that is found.
fn one_of(found: &[RunId], reference: &str) -> Answer<RunId> {
    match found {
        [] => Err(no_run(reference)),
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
    let none = no_step(id);
    let Ok(id) = id.parse::<StepId>() else {
        return Err(none);
    };
    let views = host.views().await.ok_or_else(Problem::starting)?;
    blocking(host, move |_| {
        let Some(step) = views.step(id)? else {
            return Err(none);
        };
        Ok((row(&views, step.run)?, step))
    })
    .await
}

/// The project of this id.
pub async fn project(host: &Arc<Host>, id: &str) -> Answer<Project> {
    let none = no_project(id);
    let Ok(id) = id.parse::<ProjectId>() else {
        return Err(none);
    };
    blocking(host, move |host| {
        let project = host.projects.get(id)?;
        project.ok_or(none)
    })
    .await
}

/// The definition of this id, as it is now, and its project.
pub async fn definition(host: &Arc<Host>, id: &str) -> Answer<(Project, Found)> {
    let none = no_definition(id);
    let Ok(id) = id.parse::<DefinitionId>() else {
        return Err(none);
    };
    blocking(host, move |host| {
        for project in host.projects.all()? {
            let found = definitions::list(&project);
            if let Some(found) = found.into_iter().find(|found| found.id == id) {
                return Ok((project, found));
            }
        }
        Err(none)
    })
    .await
}
