//! A file that belongs to a step, as its run knows it. The file itself lies beside the run's logs.

use serde::{Deserialize, Serialize};

use super::event::{Actor, Key};
use crate::ids::ArtifactId;
use crate::time::Timestamp;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its id.
    pub id: ArtifactId,
    /// The step it belongs to.
    pub step: Key,
    /// Its name: safe as the last part of a path, and the only one of its step.
    pub name: String,
    /// Where it is, relative to the project.
    pub path: String,
    /// What it is.
    pub file_type: FileType,
    /// Its media type, by its content.
    pub mime: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Who brought it; `None`: the step's `artifacts` named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// The message it is attached to, by its number in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<u32>,
    /// Since when it is there.
    #[serde(default)]
    pub at: Timestamp,
}

/// What an artifact is (document 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum FileType {
    Image,
    Video,
    Document,
    Code,
    Other,
}
