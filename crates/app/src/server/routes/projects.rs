//! Projects.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::Identity;
use super::super::asking::{Body, Caller, Params, Segment};
use super::super::describe::{Data, Definition, List, Page, PageParams, Project};
use super::super::error::{Answer, Problem};
use super::super::figures::stats;
use super::super::paging::page;
use super::super::{State, find, wire};
use crate::examples::{self, NotWritten};
use crate::host::Host;
use crate::host::definitions;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(list, register))
        .routes(routes!(one, forget))
        .routes(routes!(refresh))
        .routes(routes!(begin_with_examples))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = RegisterProject)]
struct Register {
    name: Option<String>,
    #[schema(required = true, nullable = false)]
    path: Option<String>,
}

#[utoipa::path(
    post,
    path = "/api/projects",
    tag = "Projects",
    operation_id = "register_project",
    request_body = Register,
    responses((status = 201, description = "Registered.", body = Data<Project>),
        (status = 200, description = "This directory is registered already.", body = Data<Project>))
)]
async fn register(
    State(host): State,
    caller: Caller,
    Body(body): Body<Register>,
) -> Answer<(StatusCode, Json<Value>)> {
    let Some(path) = body.path else {
        return Err(Problem::field(
            "/path",
            "`path` is missing: the project's directory",
        ));
    };
    let (project, is_new) = find::blocking(&host, move |host| {
        let now = host.engine.clock().now();
        let mut mint = host.engine.mint();
        Ok(host.projects.register(
            body.name.as_deref(),
            &path,
            now,
            &mut mint,
            caller.command.as_ref(),
        )?)
    })
    .await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(json!({"data": wire::project(&project)}))))
}

#[utoipa::path(
    get,
    path = "/api/projects",
    tag = "Projects",
    operation_id = "list_projects",
    params(PageParams),
    responses((status = 200, description = "Oldest first.", body = Page<Project>))
)]
async fn list(State(host): State, identity: Identity, params: Params) -> Answer<Json<Value>> {
    let all = find::blocking(&host, |host| Ok(host.projects.all()?)).await?;
    let rows = all
        .iter()
        .filter(|project| identity.sees(project.id))
        .map(|one| (one.id.to_string(), wire::project(one)));
    Ok(Json(page(rows.collect(), &params)?))
}

#[utoipa::path(
    get,
    path = "/api/projects/{id}",
    tag = "Projects",
    operation_id = "get_project",
    responses((status = 200, description = "It.", body = Data<Project>))
)]
async fn one(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let project = find::project(&host, &id).await?;
    Ok(Json(json!({"data": wire::project(&project)})))
}

/// The project is forgotten; its runs and files stay.
#[utoipa::path(
    delete,
    path = "/api/projects/{id}",
    tag = "Projects",
    operation_id = "forget_project",
    responses((status = 204, description = "Forgotten; its runs and files stay."))
)]
async fn forget(State(host): State, Segment(id): Segment) -> Answer<StatusCode> {
    let project = find::project(&host, &id).await?;
    find::blocking(&host, move |host| {
        host.journal
            .remove_project(project.id)
            .map_err(|e| Problem::disk(&e))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Definitions are read anew each time, so this only answers what there is.
#[utoipa::path(
    post,
    path = "/api/projects/{id}/workflows/refresh",
    tag = "Projects",
    operation_id = "refresh_definitions",
    responses((status = 200, description = "The definitions there are.", body = List<Definition>))
)]
async fn refresh(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let project = find::project(&host, &id).await?;
    Ok(Json(json!({"data": all(&host, project).await?})))
}

/// Writes the example definitions, as `baton init` does, for a project that has none of these.
#[utoipa::path(
    post,
    path = "/api/projects/{id}/workflows/examples",
    tag = "Projects",
    operation_id = "write_examples",
    responses((status = 201, description = "The definitions there are now.", body = List<Definition>),
        (status = 409, description = "A file of such a name is there: nothing was written."))
)]
async fn begin_with_examples(
    State(host): State,
    Segment(id): Segment,
) -> Answer<(StatusCode, Json<Value>)> {
    let project = find::project(&host, &id).await?;
    let directory = PathBuf::from(&project.path);
    find::blocking(&host, move |_| {
        match examples::write(&directory, examples::YAML) {
            Ok(_) => Ok(()),
            Err(error @ NotWritten::Exists(_)) => {
                let detail = error.to_string();
                Err(Problem::new(StatusCode::CONFLICT, "exists", detail))
            }
            Err(error @ NotWritten::Disk { .. }) => Err(Problem::disk(&error)),
        }
    })
    .await?;
    let data = all(&host, project).await?;
    Ok((StatusCode::CREATED, Json(json!({"data": data}))))
}

/// A project's definitions as they are now.
async fn all(host: &Arc<Host>, project: baton_store::Project) -> Answer<Vec<Value>> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    find::blocking(host, move |_| {
        let row = |found: &definitions::Found| {
            let mut row = wire::definition::file(found, false);
            row["stats"] = stats(&views, found.id)?;
            Ok(row)
        };
        let found = definitions::list(&project);
        found.iter().map(row).collect::<Answer<Vec<Value>>>()
    })
    .await
}
