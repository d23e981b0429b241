//! What each endpoint needs, in one table, and which project a path is about.

use std::sync::Arc;

use axum::extract::Query;
use axum::http::{Method, StatusCode, Uri};
use baton_core::ids::{ArtifactId, ProjectId, RunId, StepId};
use percent_encoding::percent_decode_str;

use super::super::error::{Answer, Problem};
use super::super::find;
use super::identity::Identity;
use crate::host::Host;
use crate::host::access::Role;

use Methods::{All, Changing, Reading};

/// Methods that a row is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Methods {
    All,
    /// GET, HEAD and OPTIONS.
    Reading,
    /// All others.
    Changing,
}

/// What is needed below a path. The first row that fits counts; `*` is one segment.
const TABLE: [(Methods, &str, Role); 23] = [
    // What brings its own proof, or asks who one is.
    (All, "/healthz", Role::Nobody),
    (All, "/readyz", Role::Nobody),
    (All, "/api/auth/link", Role::Nobody),
    (All, "/api/auth/login", Role::Nobody),
    (All, "/api/auth/logout", Role::Nobody),
    (All, "/api/hooks", Role::Nobody),
    (All, "/api/stakwork/webhook", Role::Nobody),
    (All, "/api/webhook/stakwork", Role::Nobody),
    (All, "/api/auth", Role::Viewer),
    // One's own, whatever the role: the handler looks whose.
    (All, "/api/tokens", Role::Viewer),
    (Changing, "/api/workflow-executions/*/read", Role::Viewer),
    (Changing, "/api/workflow-definitions/validate", Role::Viewer),
    // Each tool asks for what it needs.
    (All, "/mcp", Role::Viewer),
    // The project is named in the body: the handler looks at the role in it.
    (Changing, "/api/workflow-executions", Role::Viewer),
    // What decides about others, or about this machine.
    (All, "/api/users", Role::Admin),
    (All, "/api/audit", Role::Admin),
    (All, "/api/webhooks", Role::Admin),
    (All, "/api/secrets", Role::Admin),
    (All, "/api/host", Role::Admin),
    (Changing, "/api/projects/*/workflows", Role::Operator),
    (Changing, "/api/projects", Role::Admin),
    // The rest.
    (Reading, "", Role::Viewer),
    (Changing, "", Role::Operator),
];

/// What nothing inside an attempt may do, whoever it belongs to.
const NOT_INSIDE: [&str; 4] = ["/api/users", "/api/tokens", "/api/webhooks", "/api/audit"];

/// What this request needs.
pub fn needed(method: &Method, path: &str) -> Role {
    if !is_api(path) {
        return Role::Nobody;
    }
    let kind = match method.is_safe() {
        true => Reading,
        false => Changing,
    };
    let row = TABLE.iter().find(|(methods, begin, _)| {
        let exact = *begin == "/api/workflow-executions";
        (*methods == All || *methods == kind)
            && if exact {
                path == *begin
            } else {
                is_below(path, begin)
            }
    });
    row.map_or(Role::Admin, |(_, _, role)| *role)
}

/// Whether nothing inside an attempt may ask this.
pub fn is_barred_inside(path: &str) -> bool {
    NOT_INSIDE.iter().any(|begin| is_below(path, begin))
}

/// Whether a path is the API's, and so never one of the web app's.
pub fn is_api(path: &str) -> bool {
    const API: [&str; 8] = [
        "/api",
        "/metrics",
        "/mcp",
        "/socket.io",
        "/pusher",
        "/app",
        "/healthz",
        "/readyz",
    ];
    API.iter().any(|begin| is_below(path, begin))
}

/// Whether the path is this one or below it. Repeated slashes count as one, so that none gets by.
fn is_below(path: &str, begin: &str) -> bool {
    let mut given = path.split('/').filter(|part| !part.is_empty());
    let mut wanted = begin.split('/').filter(|part| !part.is_empty());
    wanted.all(|want| given.next().is_some_and(|part| want == "*" || part == want))
}

/// Refuses whoever may not do this.
///
/// # Errors
/// 401, 403, or 404 for what they may not even look at.
pub async fn check(host: &Arc<Host>, who: &Identity, method: &Method, uri: &Uri) -> Answer<()> {
    let path = uri.path();
    if who.inside_of().is_some() {
        let detail = "the token of an attempt opens `/mcp` and nothing else";
        return match path == "/mcp" {
            true => Ok(()),
            false => Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)),
        };
    }
    let needed = needed(method, path);
    if needed == Role::Nobody {
        return Ok(());
    }
    let role = who.role();
    if role == Role::Admin {
        return Ok(());
    }
    if !who.is_somebody() {
        return Err(super::unauthenticated());
    }
    if needed != Role::Admin {
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        for (name, value) in query.map(|Query(pairs)| pairs).unwrap_or_default() {
            let names_one = matches!(name.as_str(), "project_id" | "projectId");
            for id in value.split(',').filter(|_| names_one) {
                if let Ok(project) = id.trim().parse::<ProjectId>() {
                    who.may_in(project, Role::Viewer)?;
                }
            }
        }
        if let Some(project) = project_of(host, path).await? {
            return who.may_in(project, needed);
        }
    }
    match role >= needed {
        true => Ok(()),
        false => Err(super::forbidden(needed)),
    }
}

/// The project that a path is about; `None` when it names none that there is.
async fn project_of(host: &Arc<Host>, path: &str) -> Answer<Option<ProjectId>> {
    // As the handlers get them.
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let parts: Vec<&str> = decoded.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["api", "projects", id, ..] => Ok(id.parse().ok()),
        ["api", "workflow-executions" | "workflows", id, ..] => of_run(host, id).await,
        ["api", "v1", "workflows", _, "run", id, ..] => of_run(host, id).await,
        ["api", "workflow-steps", id, ..] => {
            let Ok(id) = id.parse::<StepId>() else {
                return Ok(None);
            };
            let views = host.views().await.ok_or_else(Problem::starting)?;
            let found = find::blocking(host, move |_| Ok(views.step(id)?.map(|row| row.run)));
            match found.await? {
                Some(run) => run_project(host, run).await,
                None => Ok(None),
            }
        }
        ["api", "artifacts", id, ..] => {
            let Ok(id) = id.parse::<ArtifactId>() else {
                return Ok(None);
            };
            let views = host.views().await.ok_or_else(Problem::starting)?;
            let found = find::blocking(host, move |_| Ok(views.run_of_artifact(id)?));
            match found.await? {
                Some(run) => run_project(host, run).await,
                None => Ok(None),
            }
        }
        ["api", "workflow-definitions", id, ..] => match find::definition(host, id).await {
            Ok((project, _)) => Ok(Some(project.id)),
            Err(_) => Ok(None),
        },
        _ => Ok(None),
    }
}

async fn of_run(host: &Arc<Host>, reference: &str) -> Answer<Option<ProjectId>> {
    match find::run_id(host, reference).await {
        Ok(run) => run_project(host, run).await,
        Err(_) => Ok(None),
    }
}

async fn run_project(host: &Arc<Host>, run: RunId) -> Answer<Option<ProjectId>> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    find::blocking(host, move |_| Ok(views.run(run)?.map(|row| row.project))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Role {
        needed(&Method::GET, path)
    }

    fn post(path: &str) -> Role {
        needed(&Method::POST, path)
    }

    #[test]
    fn looking_needs_a_viewer_and_changing_an_operator() {
        assert_eq!(get("/api/workflow-executions"), Role::Viewer);
        assert_eq!(post("/api/workflow-executions/r/cancel"), Role::Operator);
        assert_eq!(post("/api/workflow-steps/s/approve"), Role::Operator);
        assert_eq!(post("/api/anything/new"), Role::Operator);
        assert_eq!(get("/metrics"), Role::Viewer);
        assert_eq!(post("/mcp"), Role::Viewer);
    }

    #[test]
    fn what_is_about_others_or_the_machine_needs_an_admin() {
        for path in [
            "/api/users",
            "/api/users/x",
            "/api/audit",
            "/api/webhooks/1",
            "/api/secrets",
        ] {
            assert_eq!(get(path), Role::Admin, "{path}");
            assert_eq!(post(path), Role::Admin, "{path}");
        }
        assert_eq!(post("/api/projects"), Role::Admin);
        assert_eq!(needed(&Method::PUT, "/api/projects/p/members"), Role::Admin);
        assert_eq!(get("/api/projects"), Role::Viewer);
        assert_eq!(post("/api/host/hand-over"), Role::Admin);
    }

    #[test]
    fn slashes_that_are_repeated_change_nothing() {
        assert_eq!(get("//api//users"), Role::Admin);
        assert_eq!(get("/api/users/"), Role::Admin);
        assert_eq!(get("/apix"), Role::Nobody);
        assert_eq!(get("/api/usersx"), Role::Viewer);
    }
}
