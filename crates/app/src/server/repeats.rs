//! `Idempotency-Key`: the same key with the same request is the same command; with another one it
//! is refused.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

use baton_core::ids::CommandId;
use baton_core::run::big::{Hash, hash};
use baton_core::run::event::Actor;

use super::access::identity_of;
use super::asking::whole_body;
use super::describe;
use super::error::{Answer, Problem};
use super::find;
use crate::host::Host;
use crate::host::keys::KeyError;

/// The longest `Idempotency-Key`, in bytes.
const LONGEST_KEY: usize = 120;

/// Puts the command id of a request that changes something among its extensions.
pub async fn know(
    State(host): State<Arc<Host>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let changes = !request.method().is_safe();
    let Some(key) = key(request.headers())?.filter(|_| changes) else {
        return Ok(next.run(request).await);
    };
    let by = match identity_of(request.extensions()).by {
        Actor::User(user) => user.to_string(),
        Actor::Attempt(attempt) => attempt.to_string(),
        Actor::System | Actor::Parent(_) => String::new(),
    };
    if is_upload(request.headers()) {
        // What it is is known only when all of it has come.
        let (mut parts, body) = request.into_parts();
        let request = format!("{} {}", parts.method, parts.uri);
        parts.extensions.insert(UploadKey { by, key, request });
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let (mut parts, body) = request.into_parts();
    let body = whole_body(body).await?;
    let text = String::from_utf8_lossy(&body);
    let asked = hash(&format!("{} {}\n{text}", parts.method, parts.uri));
    match command(&host, by, key, asked).await {
        Ok(command) => {
            parts.extensions.insert(command);
        }
        // There is no such operation, which is to be said then, rather than what is wrong with the key.
        Err(_) if !is_operation(&parts) => {}
        Err(problem) => return Err(problem),
    }
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

fn is_operation(parts: &Parts) -> bool {
    let path = parts.extensions.get::<MatchedPath>();
    path.is_some_and(|path| describe::has(&parts.method, path.as_str()))
}

async fn command(host: &Arc<Host>, by: String, key: String, asked: Hash) -> Answer<CommandId> {
    find::blocking(host, move |host| {
        let now = crate::host::now();
        let command = host.keys.command(&by, &key, asked, now);
        command.map_err(|error| match error {
            KeyError::Conflict => Problem::new(
                StatusCode::CONFLICT,
                "idempotency_conflict",
                error.to_string(),
            ),
            KeyError::Disk(_) => Problem::disk(&error),
        })
    })
    .await
}

fn is_upload(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/"))
}

/// The `Idempotency-Key` of an upload.
#[derive(Debug, Clone)]
pub struct UploadKey {
    by: String,
    key: String,
    /// Method and address.
    pub request: String,
}

impl UploadKey {
    /// The command of the upload with this hash.
    ///
    /// # Errors
    /// 409 when the key was used for another one.
    pub async fn command(self, host: &Arc<Host>, asked: Hash) -> Answer<CommandId> {
        command(host, self.by, self.key, asked).await
    }
}

fn key(headers: &HeaderMap) -> Answer<Option<String>> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().unwrap_or_default();
    let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_empty() || key.len() > LONGEST_KEY || !is_visible {
        let detail = format!("`idempotency-key` has 1 to {LONGEST_KEY} visible characters");
        return Err(Problem::bad_request("bad_idempotency_key", detail));
    }
    Ok(Some(key.to_owned()))
}
