//! Definitions.

use std::sync::Arc;

use axum::Json;
use baton_core::definition;
use baton_core::ids::DefinitionId;
use baton_core::run::Run;
use baton_store::Views;
use baton_store::views::RunFilter;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::Identity;
use super::super::asking::{Body, Params, Segment};
use super::super::describe::{Data, Definition, Page, PageParams, ProjectParam, Validation};
use super::super::error::{Answer, Problem};
use super::super::figures::stats;
use super::super::paging::page;
use super::super::wire;
use super::super::{State, find};
use crate::host::access::Role;
use crate::host::definitions::{Found, list as on_disk};
use crate::host::{Host, scripts};

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(validate))
        .routes(routes!(one))
}

#[utoipa::path(
    get,
    path = "/api/workflow-definitions",
    tag = "Definitions",
    operation_id = "list_definitions",
    params(PageParams, ProjectParam),
    responses((status = 200, description = "By project and key.", body = Page<Definition>))
)]
async fn list(State(host): State, identity: Identity, params: Params) -> Answer<Json<Value>> {
    let only = match params.get("project_id") {
        Some(id) => Some(find::project(&host, id).await?),
        None => None,
    };
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(&host, move |host| {
        let projects = match only {
            Some(project) => vec![project],
            None => host.projects.all()?,
        };
        let seen = projects.iter().filter(|project| identity.sees(project.id));
        let found = seen.flat_map(on_disk);
        let row = |found: Found| {
            let mut row = wire::definition::file(&found, false);
            row["stats"] = stats(&views, found.id)?;
            Ok((format!("{}/{}", found.project, found.key), row))
        };
        page(found.map(row).collect::<Answer<_>>()?, &params)
    });
    Ok(Json(found.await?))
}

#[utoipa::path(
    get,
    path = "/api/workflow-definitions/{id}",
    tag = "Definitions",
    operation_id = "get_definition",
    responses((status = 200, description = "It, with its text.", body = Data<Definition>))
)]
async fn one(State(host): State, Segment(id): Segment, identity: Identity) -> Answer<Json<Value>> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = match find::definition(&host, &id).await {
        Ok((_, found)) => found,
        Err(none) => match id.parse() {
            Ok(id) => return archived(&host, id, views, identity).await?.ok_or(none),
            Err(_) => return Err(none),
        },
    };
    let data = find::blocking(&host, move |_| {
        let mut data = wire::definition::file(&found, true);
        data["stats"] = stats(&views, found.id)?;
        Ok(data)
    });
    Ok(Json(json!({"data": data.await?})))
}

/// One whose file is gone, as its newest run has it; `None` without any that may be seen.
async fn archived(
    host: &Arc<Host>,
    id: DefinitionId,
    views: Arc<Views>,
    identity: Identity,
) -> Answer<Option<Json<Value>>> {
    let newest = find::blocking(host, move |host| {
        let filter = RunFilter {
            definitions: vec![id.to_string()],
            projects: identity.seen_projects(host)?,
            ..RunFilter::default()
        };
        let newest = views.runs(&filter, None, 1)?.rows.into_iter().next();
        let Some(run) = newest else { return Ok(None) };
        let mut data = wire::definition::archived(&run);
        data["stats"] = stats(&views, run.definition)?;
        Ok(Some((run.id, data)))
    });
    let Some((run, mut data)) = newest.await? else {
        return Ok(None);
    };
    let source = |run: &Run| run.created.source.as_str().to_owned();
    data["source"] = host.engine.read(run, source).await?.into();
    Ok(Some(Json(json!({"data": data}))))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = ValidateDefinition)]
struct Validate {
    #[schema(required = true, nullable = false)]
    source: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    key: Option<String>,
    /// Where the relative imports of a TypeScript definition are looked for.
    project_id: Option<String>,
}

#[utoipa::path(
    post,
    path = "/api/workflow-definitions/validate",
    tag = "Definitions",
    operation_id = "validate_definition",
    request_body = Validate,
    responses((status = 200, description = "What is wrong with it, if anything.", body = Data<Validation>))
)]
async fn validate(
    State(host): State,
    identity: Identity,
    Body(body): Body<Validate>,
) -> Answer<Json<Value>> {
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
    if let Some(project) = &project {
        // What is wrong is said with lines of the files that are imported.
        identity.may_in(project.id, Role::Viewer)?;
    }
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
