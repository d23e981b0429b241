//! Projects.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::Identity;
use super::super::asking::{Body, Segment};
use super::super::error::{Answer, Problem};
use super::super::{State, find, wire};
use crate::host::Host;
use crate::host::definitions;

pub fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/api/projects", get(list).post(register))
        .route("/api/projects/{id}", get(one).delete(forget))
        .route("/api/projects/{id}/workflows/refresh", post(refresh))
}

#[derive(Deserialize)]
struct Register {
    name: Option<String>,
    path: Option<String>,
}

async fn register(
    State(host): State,
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
        Ok(host
            .projects
            .register(body.name.as_deref(), &path, now, &mut mint)?)
    })
    .await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(json!({"data": wire::project(&project)}))))
}

async fn list(State(host): State, identity: Identity) -> Answer<Json<Value>> {
    let all = find::blocking(&host, |host| Ok(host.projects.all()?)).await?;
    let seen = all.iter().filter(|project| identity.sees(project.id));
    let data: Vec<Value> = seen.map(wire::project).collect();
    Ok(Json(json!({"data": data, "next_cursor": null})))
}

async fn one(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let project = find::project(&host, &id).await?;
    Ok(Json(json!({"data": wire::project(&project)})))
}

/// The project is forgotten; its runs and files stay.
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
async fn refresh(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let project = find::project(&host, &id).await?;
    let found = find::blocking(&host, move |_| Ok(definitions::list(&project))).await?;
    let data: Vec<Value> = found
        .iter()
        .map(|found| wire::definition::file(found, false))
        .collect();
    Ok(Json(json!({"data": data})))
}
