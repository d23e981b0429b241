//! Artifacts (document 2).

use baton_core::ids::{RunId, StepId};
use baton_core::run::event::Artifact;
use baton_store::views::ArtifactRow;
use serde_json::{Value, json};

use super::{time, word};

/// What orders artifacts, as text: oldest first, those of one attempt by name. Ids of files kept at
/// the same time have no order of their own.
#[must_use]
pub fn order(artifact: &Artifact) -> String {
    let Artifact { at, step, name, .. } = artifact;
    format!("{:020}/{step}/{name}", at.millis())
}

/// These artifacts, in their order.
#[must_use]
pub fn list(mut rows: Vec<ArtifactRow>) -> Vec<Value> {
    rows.sort_by_cached_key(|row| order(&row.artifact));
    rows.iter().map(of_row).collect()
}

/// An artifact, as the views hold it.
#[must_use]
pub fn of_row(row: &ArtifactRow) -> Value {
    artifact(row.run, &row.artifact, row.comment)
}

/// An artifact of this run; `comment` is the wire id of the message it is attached to.
#[must_use]
pub fn artifact(run: RunId, artifact: &Artifact, comment: Option<u64>) -> Value {
    let comment = comment.map(|id| id.to_string());
    json!({
        "id": artifact.id.to_string(),
        "workflow_run_id": run.to_string(),
        "workflow_run_step_id": StepId::of(run, &artifact.step).to_string(),
        "step_id": artifact.step,
        "workflow_comment_id": comment,
        "name": artifact.name,
        "file_path": artifact.path,
        "file_type": word(&artifact.file_type),
        "mime_type": artifact.mime,
        "size_bytes": artifact.bytes,
        "created_at": time(artifact.at),
        "updated_at": time(artifact.at),
    })
}
