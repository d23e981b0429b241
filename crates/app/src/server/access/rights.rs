//! What each endpoint needs, in one table, and which project a path is about.

use std::sync::Arc;

use axum::extract::Query;
use axum::http::{Method, StatusCode, Uri};
use baton_core::ids::{ArtifactId, DefinitionId, ProjectId, RunId, StepId};
use baton_store::Views;
use percent_encoding::percent_decode_str;

use super::super::asking::Meant;
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

/// Refuses whoever may not do this; else the run that the path names, if it names one that is not
/// everybody's to see.
///
/// # Errors
/// 401, 403, or 404 for what they may not even look at: the same as for what is not there.
pub async fn check(
    host: &Arc<Host>,
    who: &Identity,
    method: &Method,
    uri: &Uri,
) -> Answer<Option<Meant>> {
    let path = uri.path();
    if who.inside_of().is_some() {
        let detail = "the token of an attempt opens `/mcp` and nothing else";
        return match path == "/mcp" {
            true => Ok(None),
            false => Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)),
        };
    }
    let needed = needed(method, path);
    if needed == Role::Nobody {
        return Ok(None);
    }
    let role = who.role();
    if role == Role::Admin {
        return Ok(None);
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
        if let Some(named) = named(host, who, path).await? {
            let seen = named.project.filter(|project| who.sees(*project));
            who.may_in(seen.ok_or(named.none)?, needed)?;
            return Ok(named.meant);
        }
    }
    match role >= needed {
        true => Ok(None),
        false => Err(super::forbidden(needed)),
    }
}

/// What a path names.
struct Named {
    /// The project that it belongs to; `None` when it is not there.
    project: Option<ProjectId>,
    /// What is said when there is no such thing, or none that may be seen.
    none: Problem,
    meant: Option<Meant>,
}

/// What a path names that can belong to a project.
async fn named(host: &Arc<Host>, who: &Identity, path: &str) -> Answer<Option<Named>> {
    // As the handlers get them.
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let parts: Vec<&str> = decoded.split('/').filter(|part| !part.is_empty()).collect();
    let (project, none) = match parts.as_slice() {
        ["api", "workflow-executions" | "workflows", id, ..]
        | ["api", "v1", "workflows", _, "run", id, ..] => return of_run(host, who, id).await,
        ["api", "projects", id, ..] => {
            let Ok(project) = id.parse::<ProjectId>() else {
                return Ok(None);
            };
            let found = find::blocking(host, move |host| Ok(host.projects.get(project)?));
            let project = found.await?.map(|project| project.id);
            (project, find::no_project(id))
        }
        ["api", "workflow-steps", id, ..] => {
            let Ok(step) = id.parse::<StepId>() else {
                return Ok(None);
            };
            let of = move |views: &Views| Ok(views.step(step)?.map(|row| row.run));
            (project_of(host, of).await?, find::no_step(id))
        }
        ["api", "artifacts", id, ..] => {
            let Ok(artifact) = id.parse::<ArtifactId>() else {
                return Ok(None);
            };
            let of = move |views: &Views| Ok(views.run_of_artifact(artifact)?);
            (project_of(host, of).await?, find::no_artifact(id))
        }
        ["api", "workflow-definitions", id, ..] if id.parse::<DefinitionId>().is_ok() => {
            let found = find::definition(host, id).await;
            let project = found.ok().map(|(project, _)| project.id);
            (project, find::no_definition(id))
        }
        _ => return Ok(None),
    };
    Ok(Some(Named {
        project,
        none,
        meant: None,
    }))
}

/// The project of the run that this finds.
async fn project_of(
    host: &Arc<Host>,
    of: impl FnOnce(&Views) -> Answer<Option<RunId>> + Send + 'static,
) -> Answer<Option<ProjectId>> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(host, move |_| {
        let Some(run) = of(&views)? else {
            return Ok(None);
        };
        Ok(views.run(run)?.map(|row| row.project))
    });
    found.await
}

async fn of_run(host: &Arc<Host>, who: &Identity, reference: &str) -> Answer<Option<Named>> {
    let run = find::run_seen(host, reference, &who.audience()).await?;
    Ok(Some(Named {
        project: project_of(host, move |_| Ok(Some(run))).await?,
        none: find::no_run(reference),
        meant: Some(Meant {
            reference: reference.to_owned(),
            run,
        }),
    }))
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
