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
use crate::host::Host;
use crate::host::definitions::list as on_disk;

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
}

async fn validate(State(host): State, Body(body): Body<Validate>) -> Answer<Json<Value>> {
    let Some(source) = body.source else {
        return Err(Problem::field(
            "/source",
            "`source` is missing: the definition's text",
        ));
    };
    match body.kind.as_deref() {
        None | Some("yaml") => {}
        Some("code") => {
            let detail = "TypeScript definitions are not available yet";
            return Err(Problem::unfit("not_available", detail).with_error("/type", detail));
        }
        Some(_) => return Err(Problem::field("/type", "`type` is `yaml` or `code`")),
    }
    let key = body.key.unwrap_or_else(|| "definition".into());
    let parsed = find::blocking(&host, move |_| {
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
