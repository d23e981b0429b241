//! Starts a run for an occasion, once.

use std::sync::Arc;

use baton_core::definition::Severity;
use baton_core::ids::{CommandId, RunId};
use baton_core::run::big::hash;
use baton_core::run::event::Actor;
use baton_core::run::prefix::TakenOver;
use baton_engine::StartRequest;
use baton_engine::ports::{Aggregate, Journal};
use baton_store::Project;
use serde_json::Value;

use crate::host::Host;
use crate::host::definitions::Found;
use crate::host::projects::reference;
use crate::host::workspaces::{self, Wish};
use crate::server::error::{Answer, Problem};
use crate::server::find::blocking;

/// Why a run is to start.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// What makes it the same when it comes again.
    pub id: String,
    /// What the run is called.
    pub name: String,
}

impl Occasion {
    /// Command ids are short; an occasion's id may be anything.
    fn command(&self) -> CommandId {
        CommandId(format!("trigger/{}", hash(&self.id)))
    }
}

/// Starts a run of this definition, or finds the one that this occasion has started.
pub async fn start(
    host: &Arc<Host>,
    project: &Project,
    found: Found,
    args: Value,
    occasion: &Occasion,
) -> Answer<RunId> {
    let command = occasion.command();
    if let Some(run) = known(host, &command).await? {
        return Ok(run);
    }
    let has_errors = found
        .diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error);
    let source = match found.source {
        Some(source) if !has_errors => source,
        _ => return Err(Problem::definition(&found.key, &found.diagnostics)),
    };
    let run = host.engine.mint().run();
    let project = reference(project);
    let place = {
        let (key, path, source) = (found.key.clone(), found.path.clone(), source.clone());
        let project = project.clone();
        blocking(host, move |host| {
            let Ok(plan) = host.engine.plans().get(&key, &path, &source) else {
                // The engine says what is wrong with it.
                return Ok(None);
            };
            let wish = Wish::default();
            workspaces::place(&host.data_dir, &project, &plan.definition, &key, run, &wish)
                .map(Some)
                .map_err(|unfit| Problem::unfit(unfit.code, unfit.detail))
        })
        .await?
    };
    let (directory, workspace) = match place {
        Some(place) => (place.directory, place.workspace),
        None => (project.path.clone(), None),
    };
    let request = StartRequest {
        run: Some(run),
        directory,
        workspace,
        follows: None,
        project,
        key: found.key,
        path: found.path,
        source,
        name: Some(occasion.name.clone()),
        args,
        by: Actor::System,
        parent: None,
        budget: None,
        args_are_read: false,
        taken: TakenOver::default(),
        instruction: None,
        pause_policy: host.pause_policy,
        id: Some(command.clone()),
    };
    let started = host.engine.start(request).await;
    // The same occasion may have been quicker elsewhere.
    match (known(host, &command).await?, started) {
        (Some(run), _) => Ok(run),
        (None, Ok(_)) => Ok(run),
        (None, Err(error)) => Err(error.into()),
    }
}

async fn known(host: &Arc<Host>, command: &CommandId) -> Answer<Option<RunId>> {
    let command = command.clone();
    blocking(host, move |host| {
        Ok(match host.journal.command(&command)? {
            Some((Aggregate::Run(run), _)) => Some(run),
            Some((Aggregate::Slot(_), _)) | None => None,
        })
    })
    .await
}
