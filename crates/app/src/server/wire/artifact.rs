//! Artifacts (document 2).

use baton_core::ids::{RunId, StepId};
use baton_core::run::event::Artifact;
use serde_json::{Value, json};

use super::super::story::Story;
use super::{time, word};

/// What orders artifacts, as text: oldest first, those of one attempt by name. Ids of files kept at
/// the same time have no order of their own.
#[must_use]
pub fn order(artifact: &Artifact) -> String {
    let Artifact { at, step, name, .. } = artifact;
    format!("{:020}/{step}/{name}", at.millis())
}

/// The artifacts of this run that are wanted, in their order.
pub fn list(story: &Story, is_wanted: impl Fn(&Artifact) -> bool) -> Vec<Value> {
    let all = story.run.artifacts.values();
    let mut wanted: Vec<&Artifact> = all.filter(|found| is_wanted(found)).collect();
    wanted.sort_by_cached_key(|found| order(found));
    wanted
        .into_iter()
        .map(|found| artifact(story, found))
        .collect()
}

/// An artifact of this run.
#[must_use]
pub fn artifact(story: &Story, artifact: &Artifact) -> Value {
    let comment = artifact.message.and_then(|message| {
        let said = story.thread.get(usize::try_from(message).ok()?)?;
        Some(said.id.to_string())
    });
    with_comment(story.run.created.run, artifact, comment)
}

fn with_comment(run: RunId, artifact: &Artifact, comment: Option<String>) -> Value {
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
