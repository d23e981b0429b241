//! Events of artifacts.

use super::super::artifact::Artifact;
use super::super::state::Run;
use crate::ids::ArtifactId;
use crate::time::Timestamp;

impl Run {
    pub(super) fn artifact_added(&mut self, artifact: &Artifact, at: Timestamp) {
        let artifact = Artifact {
            at,
            ..artifact.clone()
        };
        self.artifacts.insert(artifact.id, artifact);
    }

    pub(super) fn artifacts_kept(&mut self, key: &str, files: &[Artifact], at: Timestamp) {
        self.artifacts
            .retain(|_, artifact| artifact.by.is_some() || artifact.step != key);
        for file in files {
            self.artifact_added(file, at);
        }
    }

    pub(super) fn artifact_attached(&mut self, artifact: ArtifactId, message: Option<u32>) {
        if let Some(artifact) = self.artifacts.get_mut(&artifact) {
            artifact.message = message;
        }
    }
}
