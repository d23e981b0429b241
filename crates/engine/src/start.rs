//! Starting a run: everything about it is checked before it exists.

use std::sync::Arc;

use baton_core::definition::template::Names;
use baton_core::definition::{Budget, schema};
use baton_core::ids::{CommandId, DefinitionId, RunId};
use baton_core::run::big::Big;
use baton_core::run::decide::{Command, Refusal, unfit};
use baton_core::run::event::{
    Actor, DefinitionRef, Parent, PausePolicy, Predecessor, ProjectRef, RunCreated, SlotClaim,
    SourceKind, Workspace,
};
use baton_core::run::prefix::TakenOver;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::handle::{Engine, Reply, SendError};
use crate::plans::Unusable;
use crate::ports::ArgsRefused;

/// A run to start.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// Its id, when it must be this one.
    pub run: Option<RunId>,
    /// The project.
    pub project: ProjectRef,
    /// The definition's key.
    pub key: String,
    /// The definition's path relative to the project.
    pub path: String,
    /// The definition's text.
    pub source: Arc<str>,
    /// Its name; the definition's when not given.
    pub name: Option<String>,
    /// Its args as given.
    pub args: Value,
    /// The definition's own schema has read them before: they are another run's.
    pub args_are_read: bool,
    /// Who starts it.
    pub by: Actor,
    /// The run it is a child or fork of.
    pub parent: Option<Parent>,
    /// A budget over the definition's.
    pub budget: Option<Budget>,
    /// What it takes over from another run.
    pub taken: TakenOver,
    /// A standing instruction.
    pub instruction: Option<String>,
    /// What a long pause leads to.
    pub pause_policy: PausePolicy,
    /// The run's own directory.
    pub directory: String,
    /// Its own branch or worktree.
    pub workspace: Option<Workspace>,
    /// The run whose place it takes.
    pub follows: Option<Predecessor>,
    /// The id of the command: a repeat starts no second run.
    pub id: Option<CommandId>,
}

/// Why no run was started.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The definition has errors.
    #[error(transparent)]
    Definition(#[from] Unusable),
    /// The args do not fit.
    #[error("the args do not fit: {}", .0.iter().map(|e| format!("{}: {}", if e.pointer.is_empty() { "/" } else { &e.pointer }, e.detail)).collect::<Vec<_>>().join("; "))]
    Args(Vec<schema::ArgError>),
    /// Refused, or the disk.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// The run whose environment a child has; a fork has its own.
pub(crate) fn parent_of(parent: Option<&Parent>) -> Option<RunId> {
    parent
        .filter(|parent| parent.step.is_some())
        .map(|parent| parent.run)
}

impl Engine {
    /// The args as the definition's own schema reads them.
    async fn read_args(&self, bundle: &Arc<str>, args: Value) -> Result<Value, StartError> {
        let (reply, read) = oneshot::channel();
        self.inner.outside.programs.read_args(bundle, args, reply);
        let failed = |why| SendError::Refused(Refusal::Invalid(why)).into();
        match read.await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(ArgsRefused::Unfit(errors))) => Err(StartError::Args(errors)),
            Ok(Err(ArgsRefused::Failed(why))) => Err(failed(why)),
            Err(_) => Err(SendError::Stopping.into()),
        }
    }

    /// Starts a run: it exists, durably, when this returns.
    ///
    /// # Errors
    /// [`StartError`]; nothing exists then.
    pub async fn start(&self, request: StartRequest) -> Result<(RunId, Reply), StartError> {
        let plan = self
            .inner
            .plans
            .get(&request.key, &request.path, &request.source)?;
        let definition = &plan.definition;
        let name = request.name.unwrap_or_else(|| definition.name.clone());
        let name: String = name.chars().take(200).collect();
        if let Some(refusal) = unfit(&plan, &name) {
            return Err(SendError::Refused(refusal).into());
        }
        let reads_args = definition.program.as_ref().is_some_and(|p| p.reads_args);
        let args = if reads_args && request.args_are_read {
            request.args
        } else if reads_args {
            self.read_args(&request.source, request.args).await?
        } else {
            schema::args_check(definition.args_schema.as_ref(), request.args)
                .map_err(StartError::Args)?
        };
        let run = request.run.unwrap_or_else(|| self.mint().run());
        let slot = match &definition.concurrency {
            Some(concurrency) => {
                let parent = parent_of(request.parent.as_ref());
                let environments = &self.inner.outside.environments;
                let env = environments.allowed(run, parent, &request.project);
                let env = env.map_err(SendError::Environment)?;
                let names = Names::default()
                    .with_json("args", &args)
                    .with_json("env", &serde_json::json!(env));
                let key = concurrency.key.render(&names).map_err(|error| {
                    SendError::Refused(Refusal::Invalid(format!("`concurrency.key`: {error}")))
                })?;
                Some(SlotClaim {
                    slot: format!("{}/{key}", request.project.id),
                    limit: concurrency.limit,
                    on_full: concurrency.on_full,
                })
            }
            None => None,
        };
        let created = RunCreated {
            run,
            number: self.inner.outside.journal.next_number(),
            name,
            definition: DefinitionRef {
                id: DefinitionId::of(request.project.id, &request.key),
                key: request.key,
                name: definition.name.clone(),
                hash: definition.hash.clone(),
                kind: match definition.program {
                    Some(_) => SourceKind::Code,
                    None => SourceKind::Yaml,
                },
                path: request.path,
            },
            project: request.project,
            source: Big::new(request.source),
            args: Big::new(args.to_string()),
            by: request.by,
            parent: request.parent,
            budget: request.budget.unwrap_or(definition.budget),
            slot,
            inherited: request.taken.inherited,
            program: request.taken.program,
            instruction: request.instruction,
            pause_policy: request.pause_policy,
            directory: request.directory,
            workspace: request.workspace,
            follows: request.follows,
        };
        let command = Command::Start(Box::new(created));
        let reply = self.send(run, command, request.id).await?;
        Ok((run, reply))
    }
}
