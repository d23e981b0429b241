//! Secrets: their names. Values go in and never come out.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use baton_core::run::event::Actor;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Body, Caller, Params, Segment};
use super::super::describe::{Page, PageParams, ProjectParam, Secret};
use super::super::error::{Answer, Problem};
use super::super::paging::page;
use super::super::{State, find};
use crate::host::Host;
use crate::host::secrets::{Known, Scope, is_name};

/// The longest value, in bytes.
const LONGEST: usize = 64 * 1024;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set, remove))
}

async fn scope(host: &Arc<Host>, params: &Params) -> Answer<Scope> {
    match params.get("project_id") {
        Some(id) => Ok(Scope::Project(find::project(host, id).await?.id)),
        None => Ok(Scope::Global),
    }
}

#[utoipa::path(
    get,
    path = "/api/secrets",
    tag = "Secrets",
    operation_id = "list_secrets",
    params(PageParams, ProjectParam),
    responses((status = 200, description = "Names only.", body = Page<Secret>))
)]
async fn list(State(host): State, params: Params) -> Answer<Json<Value>> {
    let project = match scope(&host, &params).await? {
        Scope::Project(id) => Some(id),
        Scope::Global => None,
    };
    let known = host.secrets.known(project);
    // Of one name, that of the project comes after that of all.
    let key = |known: &Known| format!("{}/{}", known.name, wire(known)["project_id"]);
    let rows = known.iter().map(|known| (key(known), wire(known)));
    Ok(Json(page(rows.collect(), &params)?))
}

fn wire(known: &Known) -> Value {
    let project = match known.scope {
        Scope::Global => None,
        Scope::Project(id) => Some(id.to_string()),
    };
    json!({"name": known.name, "project_id": project, "env": known.variable})
}

/// What runs inside an attempt changes no secrets.
fn refuse_attempts(caller: &Caller) -> Answer<()> {
    match caller.by {
        Actor::Attempt(_) => {
            let detail = "a step may not change secrets";
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
        }
        Actor::User(_) | Actor::System | Actor::Parent(_) => Ok(()),
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = SetSecret)]
struct Set {
    #[schema(required = true, nullable = false, min_length = 1)]
    value: Option<String>,
}

#[utoipa::path(
    put,
    path = "/api/secrets/{name}",
    tag = "Secrets",
    operation_id = "set_secret",
    params(ProjectParam),
    request_body = Set,
    responses((status = 204, description = "Done."))
)]
async fn set(
    State(host): State,
    Segment(name): Segment,
    params: Params,
    caller: Caller,
    Body(body): Body<Set>,
) -> Answer<StatusCode> {
    refuse_attempts(&caller)?;
    if !is_name(&name) {
        let detail = "a secret's name has letters, digits and `_`, and begins with no digit";
        return Err(Problem::unfit("invalid_name", detail));
    }
    let Some(value) = body.value.filter(|value| !value.is_empty()) else {
        return Err(Problem::field("/value", "`value` is missing or empty"));
    };
    if value.len() > LONGEST || value.contains('\0') {
        let detail = format!("a value has at most {LONGEST} bytes, none of them zero");
        return Err(Problem::field("/value", detail));
    }
    let scope = scope(&host, &params).await?;
    let set = move |host: &Host| {
        host.secrets
            .set(scope, &name, &value)
            .map_err(|error| Problem::disk(&error))
    };
    find::blocking(&host, set).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    delete,
    path = "/api/secrets/{name}",
    tag = "Secrets",
    operation_id = "remove_secret",
    params(ProjectParam),
    responses((status = 204, description = "Done."))
)]
async fn remove(
    State(host): State,
    Segment(name): Segment,
    params: Params,
    caller: Caller,
) -> Answer<StatusCode> {
    refuse_attempts(&caller)?;
    let scope = scope(&host, &params).await?;
    let shown: String = name.chars().take(128).collect();
    let remove = move |host: &Host| {
        host.secrets
            .remove(scope, &name)
            .map_err(|error| Problem::disk(&error))
    };
    if find::blocking(&host, remove).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no secret `{shown}`")))
    }
}
