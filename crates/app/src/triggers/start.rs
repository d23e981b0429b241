//! Starts a run for an occasion, once.

use std::sync::Arc;

use baton_core::definition::Severity;
use baton_core::ids::{CommandId, RunId};
use baton_core::run::big::hash;
use baton_core::run::event::Actor;
use baton_core::run::prefix::TakenOver;
use baton_engine::StartRequest;
use baton_store::Project;
use serde_json::Value;

use crate::host::Host;
use crate::host::definitions::Found;
use crate::host::projects::reference;
use crate::host::workspaces::Wish;
use crate::server::error::{Answer, Problem};
use crate::server::start::{known, place};

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
    if let Some(run) = known(host, Some(&command)).await? {
        return Ok(run);
    }
    let has_errors = found
        .diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error);
    let source = match &found.source {
        Some(source) if !has_errors => source.clone(),
        _ => return Err(Problem::definition(&found.key, &found.diagnostics)),
    };
    let run = host.engine.mint().run();
    let project = reference(project);
    let wish = Wish::default();
    let (directory, workspace) = place(host, &project, &found, &source, run, wish).await?;
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
    match (known(host, Some(&command)).await?, started) {
        (Some(run), _) => Ok(run),
        (None, Ok(_)) => Ok(run),
        (None, Err(error)) => Err(error.into()),
    }
}
