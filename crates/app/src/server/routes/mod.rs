//! The endpoints: one file per noun.

mod activities;
mod agents;
pub mod artifacts;
mod audit;
mod auth;
mod comments;
mod definitions;
mod diff;
mod docs;
mod events;
mod executions;
mod health;
mod hooks;
mod insights;
mod logs;
mod metrics;
mod orders;
mod projects;
mod replay;
mod secrets;
mod steps;
mod thread;
mod users;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::describe::Common;
use super::error::Problem;
use super::{access, ui};
use crate::host::Host;

/// All endpoints.
pub fn all() -> Router<Arc<Host>> {
    let (router, _) = described().split_for_parts();
    router
        // An older name.
        .route("/api/host/handover", axum::routing::post(health::hand_over))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
}

/// All endpoints that the API's description names.
pub fn described() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::with_openapi(Common::openapi())
        .merge(health::routes())
        .merge(projects::routes())
        .merge(definitions::routes())
        .merge(executions::routes())
        .merge(orders::routes())
        .merge(replay::routes())
        .merge(steps::routes())
        .merge(logs::routes())
        .merge(activities::routes())
        .merge(diff::routes())
        .merge(agents::routes())
        .merge(artifacts::routes())
        .merge(audit::routes())
        .merge(auth::routes())
        .merge(users::routes())
        .merge(comments::routes())
        .merge(thread::routes())
        .merge(events::routes())
        .merge(secrets::routes())
        .merge(webhooks::routes())
        .merge(hooks::routes())
        .merge(docs::routes())
        .merge(insights::routes())
        .merge(metrics::routes())
}

/// Paths of parts that are not there yet, by how they begin.
const LATER: [(&str, &str); 6] = [
    ("/api/v1", "the run status of agent workflows"),
    ("/api/tasks", "tasks"),
    ("/api/chat", "chat"),
    ("/api/features", "features"),
    ("/api/stakwork", "providers"),
    ("/socket.io", "Socket.IO"),
];

async fn nothing_here(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let of_app = !access::is_api(path);
    if let Some(found) = of_app
        .then(|| ui::answer(&method, path, &headers))
        .flatten()
    {
        return found;
    }
    let later = LATER.iter().find(|(begin, _)| path.starts_with(begin));
    let problem = match later {
        Some((_, what)) => Problem::not_available(what),
        None => Problem::not_found("there is nothing at this path"),
    };
    problem.into_response()
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
