//! Messages, as comments and as the thread; artifacts.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Run;

/// A message as a comment.
#[derive(Serialize, ToSchema)]
pub struct Comment {
    /// The message's number, as a string.
    id: String,
    workflow_run_id: String,
    workflow_run_step_id: Option<String>,
    /// The step's key.
    step_id: Option<String>,
    text: String,
    /// `user`, `agent` or `system`.
    comment_type: String,
    created_by: Option<String>,
    creator: Option<Creator>,
    action_type: String,
    action_status: String,
    artifacts: Vec<Artifact>,
    created_at: String,
    updated_at: String,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub struct Creator {
    id: String,
    /// As they are called now; the id, when nobody knows it any more.
    name: String,
}

/// A file that belongs to a step.
#[derive(Serialize, ToSchema)]
pub struct Artifact {
    id: String,
    workflow_run_id: String,
    workflow_run_step_id: String,
    /// The step's key.
    step_id: String,
    /// The comment it is attached to.
    workflow_comment_id: Option<String>,
    name: String,
    /// Relative to the project.
    file_path: String,
    file_type: FileType,
    mime_type: Option<String>,
    size_bytes: u64,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileType {
    Image,
    Video,
    Document,
    Code,
    Other,
}

/// A file to bring.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadArtifact {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The step's key or id.
    step_id: String,
    /// The file's own name when not given.
    name: Option<String>,
    /// Seen from the file when not given.
    file_type: Option<FileType>,
}

/// A message of the thread.
#[derive(Serialize, ToSchema)]
pub struct Message {
    /// Rises within the server.
    id: u64,
    /// `user`, `agent` or `system`.
    message_type: String,
    /// The person who wrote it; `null` for agents and Baton itself.
    author: Option<Creator>,
    agent_type: Option<String>,
    content: String,
    /// `comment`, `instruction`, `pause`, `resume`, `cancel` or `redirect`.
    action_type: String,
    /// `pending`, `acknowledged`, `processed` or `ignored`.
    action_status: String,
    step_id: Option<String>,
    metadata: Value,
    created_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct Messages {
    messages: Vec<Message>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    success: bool,
    message_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    action_taken: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Success {
    success: bool,
}

#[derive(Serialize, ToSchema)]
pub struct Told {
    success: bool,
    workflow: Run,
}

/// What a message does.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionType {
    Comment,
    Instruction,
    Pause,
    Resume,
    Cancel,
    Redirect,
}
