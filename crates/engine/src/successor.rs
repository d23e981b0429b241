//! Making the run that takes another's place.

use std::sync::Arc;

use baton_core::ids::CommandId;
use baton_core::run::decide::Refusal;
use baton_core::run::event::{Parent, Predecessor, RunCreated, Successor};
use baton_core::run::prefix::TakenOver;

use crate::handle::{Engine, SendError};
use crate::start::{StartError, StartRequest};

impl Engine {
    /// Starts the run that takes another's place, of the same definition and args: its number, or
    /// why it cannot be.
    pub(crate) async fn start_successor(
        &self,
        source: &RunCreated,
        successor: &Successor,
        id: CommandId,
    ) -> Result<Result<u64, String>, SendError> {
        let outside = &self.inner.outside;
        let run = successor.run;
        let handed = outside.environments.hand_on(source.run, run);
        handed.map_err(SendError::Environment)?;
        let (directory, workspace) = match (&source.workspace, &successor.base) {
            (Some(of), Some(base)) => {
                let key = &source.definition.key;
                let runners = &outside.runners;
                runners.branch_off(of, &source.project, key, run, base)
            }
            _ => (source.directory.clone(), None),
        };
        let request = StartRequest {
            run: Some(run),
            project: source.project.clone(),
            key: source.definition.key.clone(),
            path: source.definition.path.clone(),
            source: Arc::from(source.source.as_str()),
            name: Some(source.name.clone()),
            args: serde_json::from_str(source.args.as_str()).unwrap_or_default(),
            args_are_read: true,
            by: source.by.clone(),
            parent: Some(Parent {
                run: source.run,
                step: None,
            }),
            budget: Some(source.budget),
            taken: TakenOver {
                inherited: successor.inherited.clone(),
                program: successor.program.clone(),
            },
            instruction: Some(successor.instruction.clone()),
            pause_policy: source.pause_policy,
            directory,
            workspace,
            follows: Some(Predecessor {
                run: source.run,
                number: source.number,
            }),
            id: Some(id),
        };
        match self.start(request).await {
            Ok(_) | Err(StartError::Send(SendError::Refused(Refusal::Exists))) => {}
            Err(StartError::Send(
                error @ (SendError::Disk(_) | SendError::Environment(_) | SendError::Stopping),
            )) => return Err(error),
            Err(error) => return Ok(Err(error.to_string())),
        }
        let number = self.read(run, |run| run.created.number).await;
        match number {
            Ok(number) => Ok(Ok(number)),
            Err(SendError::Refused(refusal)) => Ok(Err(refusal.to_string())),
            Err(error) => Err(error),
        }
    }
}
