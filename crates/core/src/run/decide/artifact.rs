//! Files that belong to steps: brought, attached to messages, taken off again.

use super::super::artifact::Artifact;
use super::super::event::Event;
use super::super::state::Run;
use super::Refusal;
use crate::ids::ArtifactId;

/// Artifacts of one run, at most.
const MOST: usize = 10_000;

impl Run {
    pub(super) fn add_artifact(&self, artifact: &Artifact) -> Result<Vec<Event>, Refusal> {
        self.find_any(&artifact.step)?;
        if self.artifacts.contains_key(&artifact.id) {
            return Ok(vec![]);
        }
        if self.artifacts.len() >= MOST {
            return Err(Refusal::Invalid(format!(
                "a run has at most {MOST} artifacts"
            )));
        }
        Ok(vec![Event::ArtifactAdded(Box::new(artifact.clone()))])
    }

    pub(super) fn attach(&self, id: ArtifactId, message: u32) -> Result<Vec<Event>, Refusal> {
        let artifact = self.artifacts.get(&id).ok_or_else(|| no_artifact(id))?;
        if message >= self.messages {
            return Err(Refusal::Invalid("the run has no such comment".into()));
        }
        if artifact.message == Some(message) {
            return Ok(vec![]);
        }
        Ok(vec![Event::ArtifactAttached {
            artifact: id,
            message,
        }])
    }

    pub(super) fn detach(&self, id: ArtifactId) -> Result<Vec<Event>, Refusal> {
        let artifact = self.artifacts.get(&id).ok_or_else(|| no_artifact(id))?;
        match artifact.message {
            None => Ok(vec![]),
            Some(_) => Ok(vec![Event::ArtifactDetached { artifact: id }]),
        }
    }
}

fn no_artifact(id: ArtifactId) -> Refusal {
    Refusal::Invalid(format!("the run has no artifact {id}"))
}
