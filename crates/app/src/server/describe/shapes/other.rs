//! Secrets, agents, webhooks, the host itself.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A list that has one page.
#[derive(Serialize, ToSchema)]
pub struct List<T> {
    data: Vec<T>,
}

/// A secret: its value never comes out.
#[derive(Serialize, ToSchema)]
pub struct Secret {
    name: String,
    /// Null of one for all projects.
    project_id: Option<String>,
    /// The variable of the host's environment that it is read from, where it is not stored.
    env: Option<String>,
}

/// An agent on the host's machine.
#[derive(Serialize, ToSchema)]
pub struct Agent {
    name: String,
    label: String,
    is_installed: bool,
    path: Option<String>,
    version: Option<String>,
    /// `key`, `login` or `none`.
    login: String,
    /// The variable or the file that says so.
    login_from: Option<String>,
    capabilities: Option<BTreeMap<String, bool>>,
    /// How to install it, when it is not there.
    install: Option<String>,
    /// How to log in, when nobody is.
    log_in: Option<String>,
}

/// Who asks.
#[derive(Serialize, ToSchema)]
pub struct Me {
    id: String,
    username: String,
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: String,
}

/// An endpoint that is told of events.
#[derive(Serialize, ToSchema)]
pub struct Webhook {
    id: String,
    url: String,
    /// Types of events, `*` at the end for all that begin so; none: all.
    events: Vec<String>,
    project_id: Option<String>,
    description: Option<String>,
    enabled: bool,
    created_at: String,
    /// Shown once: when it is made or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

/// One thing an endpoint is or was told.
#[derive(Serialize, ToSchema)]
pub struct Delivery {
    id: String,
    r#type: String,
    state: String,
    attempts: u32,
    next_attempt_at: Option<String>,
    last_attempt_at: Option<String>,
    last_status: Option<u16>,
    last_error: Option<String>,
    created_at: String,
    payload: Value,
}

/// The run that a trigger started.
#[derive(Serialize, ToSchema)]
pub struct Triggered {
    data: TriggeredRun,
    /// Why none was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TriggeredRun {
    run_id: Option<String>,
}

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub struct Health {
    status: String,
    version: String,
    /// Of what the command line and the host say to each other.
    protocol: u32,
    pid: u32,
    /// How many hosts this data directory has had.
    generation: u64,
    background: bool,
    /// The address it serves on, if any.
    listen: Option<String>,
}

/// Whether it can take work.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// `ok`, `starting` or `leaving`.
    status: String,
}

#[derive(Serialize, ToSchema)]
pub struct Leaving {
    status: String,
    pid: u32,
}

/// A link that signs in once.
#[derive(Serialize, ToSchema)]
pub struct SignInLink {
    token: String,
    /// Null where the server has no address.
    url: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct User {
    id: String,
    username: String,
    name: Option<String>,
    /// `viewer`, `operator` or `admin`.
    role: String,
    disabled: bool,
    has_password: bool,
    created_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct Token {
    id: String,
    user_id: String,
    name: String,
    role: String,
    created_at: String,
    expires_at: Option<String>,
    /// Its value; only when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
}

/// A member of a project.
#[derive(Serialize, ToSchema)]
pub struct Member {
    user_id: String,
    username: String,
    name: Option<String>,
    role: String,
}

/// Something that somebody asked for that changes something, whether it was allowed or not.
#[derive(Serialize, ToSchema)]
pub struct Deed {
    id: String,
    at: String,
    user_id: String,
    username: String,
    /// Who asked from inside a step.
    attempt_id: Option<String>,
    method: String,
    path: String,
    /// What it was answered with.
    status: u16,
    /// Null over the socket of the machine.
    address: Option<String>,
}
