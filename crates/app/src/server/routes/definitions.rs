//! Definitions.

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Json, Router};
use baton_core::definition;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::Identity;
use super::super::asking::{Body, Params, Segment};
use super::super::error::{Answer, Problem};
use super::super::wire;
use super::super::{State, find};
use crate::host::definitions::list as on_disk;
use crate::host::{Host, scripts};

pub fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/api/workflow-definitions", get(list))
        .route("/api/workflow-definitions/validate", post(validate))
        .route("/api/workflow-definitions/{id}", get(one))
}

async fn list(State(host): State, identity: Identity, params: Params) -> Answer<Json<Value>> {
    let only = match params.get("project_id") {
        Some(id) => Some(find::project(&host, id).await?),
        None => None,
    };
    let found = find::blocking(&host, move |host| {
        let projects = match only {
            Some(project) => vec![project],
            None => host.projects.all()?,
        };
        let seen = projects.iter().filter(|project| identity.sees(project.id));
        Ok(seen.flat_map(on_disk).collect::<Vec<_>>())
    })
    .await?;
    let data: Vec<Value> = found
        .iter()
        .map(|found| wire::definition::file(found, false))
        .collect();
    Ok(Json(json!({"data": data, "next_cursor": null})))
}

async fn one(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let (_, found) = find::definition(&host, &id).await?;
    Ok(Json(json!({"data": wire::definition::file(&found, true)})))
}

#[derive(Deserialize)]
struct Validate {
    source: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    key: Option<String>,
    /// Where the relative imports of a TypeScript definition are looked for.
    project_id: Option<String>,
}

async fn validate(State(host): State, Body(body): Body<Validate>) -> Answer<Json<Value>> {
    let Some(source) = body.source else {
        return Err(Problem::field(
            "/source",
            "`source` is missing: the definition's text",
        ));
    };
    let is_code = match body.kind.as_deref() {
        None | Some("yaml") => false,
        Some("code") => true,
        Some(_) => return Err(Problem::field("/type", "`type` is `yaml` or `code`")),
    };
    let key = body.key.unwrap_or_else(|| "definition".into());
    if key.is_empty() || key.contains(['/', '\\', '\0']) {
        return Err(Problem::field(
            "/key",
            "`key` is a file's name without its ending",
        ));
    }
    let project = match &body.project_id {
        Some(id) => Some(find::project(&host, id).await?),
        None => None,
    };
    let parsed = find::blocking(&host, move |_| {
        if is_code {
            let project = project.map(|project| project.path);
            return Ok(scripts::check(project.as_deref(), &key, source));
        }
        let file = format!("{key}.yaml");
        Ok(definition::parse(&definition::Source {
            key: &key,
            file: &file,
            text: &source,
        }))
    })
    .await?;
    Ok(Json(json!({"data": {
        "valid": parsed.definition.is_some(),
        "diagnostics": wire::word(&parsed.diagnostics),
    }})))
}
