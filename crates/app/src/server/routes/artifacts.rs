//! Artifacts (document 2): files that belong to steps, brought, fetched, attached to comments.

use std::path::Path;
use std::sync::Arc;

use axum::extract::multipart::MultipartRejection;
use axum::extract::{DefaultBodyLimit, Multipart};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use baton_core::ids::{ArtifactId, CommandId, RunId};
use baton_core::run::big::hash;
use baton_core::run::decide::Command;
use baton_core::run::event::{Artifact, Event, FileType};
use baton_engine::ports::{Aggregate, Journal};
use baton_store::views::ArtifactRow;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Body, Caller, Params, Segment};
use super::super::describe::{
    Artifact as ArtifactShape, Data, Page, PageParams, StepParam, UploadArtifact,
};
use super::super::error::{Answer, Problem};
use super::super::paging::page;
use super::super::repeats::UploadKey;
use super::super::uploads::{self, Draft, Form};
use super::super::{State, find, serving, wire};
use crate::host::{self, Host};

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(list, upload))
        .routes(routes!(download))
        .routes(routes!(attach))
        .routes(routes!(detach))
        .layer(DefaultBodyLimit::disable())
}

#[utoipa::path(
    get,
    path = "/api/workflow-executions/{id}/artifacts",
    tag = "Artifacts",
    operation_id = "list_artifacts",
    params(PageParams, StepParam),
    responses((status = 200, description = "Oldest first.", body = Page<ArtifactShape>))
)]
async fn list(State(host): State, Segment(id): Segment, params: Params) -> Answer<Json<Value>> {
    let run = find::run_id(&host, &id).await?;
    let step = params.get("step_id").map(str::to_owned);
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(&host, move |_| {
        let row = find::row(&views, run)?;
        let key = step.map(|step| find::key_in(&views, &row, &step));
        let key = key.transpose()?;
        Ok(views.artifacts(run, key.as_deref(), None, usize::MAX)?)
    });
    let found = found.await?;
    let row = |row: &ArtifactRow| {
        let order = wire::artifact::order(&row.artifact);
        (order, wire::artifact::of_row(row))
    };
    let rows = found.iter().map(row);
    Ok(Json(page(rows.collect(), &params)?))
}

#[utoipa::path(
    post,
    path = "/api/workflow-executions/{id}/artifacts",
    tag = "Artifacts",
    operation_id = "upload_artifact",
    request_body(content = UploadArtifact, content_type = "multipart/form-data"),
    responses((status = 201, description = "Kept.", body = Data<ArtifactShape>))
)]
async fn upload(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    key: Option<Extension<UploadKey>>,
    multipart: Result<Multipart, MultipartRejection>,
) -> Answer<(StatusCode, Json<Value>)> {
    let multipart = multipart.map_err(|wrong| {
        let detail = format!("send `multipart/form-data`: {}", wrong.body_text());
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Problem::new(status, "unsupported_media_type", detail)
    })?;
    let run = find::run_id(&host, &id).await?;
    let project = host
        .engine
        .read(run, |run| run.created.project.path.clone())
        .await?;
    let all = host::executions(Path::new(&project), run).join("artifacts");
    let form = uploads::read(multipart, &all, host.artifacts_max_bytes).await?;
    let Some(draft) = form.file else {
        return Err(Problem::field("/file", "`file` is missing"));
    };
    let command = command(&host, key, &draft).await?;
    let known = command.clone();
    if let Some(known) = known
        && let Some(artifact) = find::blocking(&host, move |host| before(host, &known)).await?
    {
        return created(&host, artifact).await;
    }
    let form = Form { file: None, ..form };
    let artifact = put(&host, run, form, draft, caller.by.clone(), &all).await?;
    let file = Path::new(&project).join(&artifact.path);
    let id = artifact.id;
    let added = Command::AddArtifact(Box::new(artifact));
    match host.engine.send(run, added, command).await {
        Ok(_) => created(&host, id).await,
        Err(error) => {
            let _as_before = tokio::fs::remove_file(file).await;
            Err(error.into())
        }
    }
}

/// What makes a repeat of this upload harmless.
async fn command(
    host: &Arc<Host>,
    key: Option<Extension<UploadKey>>,
    draft: &Draft,
) -> Answer<Option<CommandId>> {
    let Some(Extension(key)) = key else {
        return Ok(None);
    };
    let asked = hash(&format!("{}\n{}", key.request, draft.hash));
    let command = key.command(host, asked).await?;
    Ok(Some(command))
}

/// The artifact that this command has brought already.
fn before(host: &Host, command: &CommandId) -> Answer<Option<ArtifactId>> {
    let journal = host.journal.as_ref();
    let Some((aggregate @ Aggregate::Run(_), appended)) = journal.command(command)? else {
        return Ok(None);
    };
    let commits = journal.load(&aggregate, appended.seq.saturating_sub(1))?;
    let Some(commit) = commits.first() else {
        return Ok(None);
    };
    let events = baton_engine::decode(journal, commit)?;
    Ok(events.iter().find_map(|event| match event {
        Event::ArtifactAdded(artifact) => Some(artifact.id),
        _ => None,
    }))
}

/// Puts the file in its place.
///
/// # Errors
/// What is missing or wrong in the form, or the disk's.
pub async fn put(
    host: &Arc<Host>,
    run: RunId,
    form: Form,
    draft: Draft,
    by: baton_core::run::event::Actor,
    all: &Path,
) -> Answer<Artifact> {
    let Some(step) = form.step.filter(|step| !step.is_empty()) else {
        return Err(Problem::field("/step_id", "`step_id` is missing"));
    };
    let file_type = match form.file_type.as_deref() {
        None | Some("") => None,
        Some(word) => Some(FileType::deserialize(json!(word)).map_err(|_| {
            let detail = "`file_type` is image, video, document, code or other";
            Problem::field("/file_type", detail)
        })?),
    };
    let key = host
        .engine
        .read(run, move |run| find::key_of(run, &step))
        .await??;
    let wanted = form.name.filter(|name| !name.trim().is_empty());
    let wanted = wanted.or_else(|| draft.file_name.clone());
    let name = host::safe_name(wanted.as_deref().unwrap_or("file"));
    let directory = all.join(&key);
    let id = host.engine.mint().artifact();
    let now = host::now();
    find::blocking(host, move |_| {
        let disk = |error: std::io::Error| Problem::disk(&error);
        let kind = host::kind_of(draft.path(), &name).map_err(disk)?;
        let bytes = draft.bytes;
        let name = draft.keep(&directory, &name).map_err(disk)?;
        Ok(Artifact {
            id,
            path: host::artifact_path(run, &key, &name),
            step: key,
            name,
            file_type: file_type.unwrap_or(kind.file_type),
            mime: kind.mime,
            bytes,
            by: Some(by),
            message: None,
            at: now,
        })
    })
    .await
}

async fn created(host: &Arc<Host>, id: ArtifactId) -> Answer<(StatusCode, Json<Value>)> {
    let data = shown(host, id).await?;
    Ok((StatusCode::CREATED, Json(json!({"data": data}))))
}

async fn shown(host: &Arc<Host>, id: ArtifactId) -> Answer<Value> {
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(host, move |_| Ok(views.artifact(id)?)).await?;
    Ok(wire::artifact::of_row(&found.ok_or_else(|| none(id))?))
}

fn none(id: impl std::fmt::Display) -> Problem {
    Problem::not_found(format!("there is no artifact `{id}`"))
}

/// The artifact of this id, its run and where that is.
async fn found(host: &Arc<Host>, id: &str) -> Answer<(RunId, String, Artifact)> {
    let shown: String = id.chars().take(64).collect();
    let id: ArtifactId = id.parse().map_err(|_| none(&shown))?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let found = find::blocking(host, move |_| {
        let found = views.artifact(id)?;
        let found = found.ok_or_else(|| none(&shown))?;
        let run = find::row(&views, found.run)?;
        Ok((found.run, run.project_path, found.artifact))
    });
    found.await
}

#[utoipa::path(
    get,
    path = "/api/artifacts/{id}",
    tag = "Artifacts",
    operation_id = "get_artifact",
    responses((status = 200, description = "The file.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range of it that was asked for.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "As it was."),
        (status = 416, description = "The range lies outside."))
)]
async fn download(
    State(host): State,
    Segment(id): Segment,
    headers: HeaderMap,
) -> Answer<Response> {
    let (_, project, artifact) = found(&host, &id).await?;
    let path = Path::new(&project).join(&artifact.path);
    serving::file(&path, &artifact.name, &artifact.mime, &headers).await
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = AttachArtifact)]
struct Attach {
    #[schema(value_type = String, required = true)]
    comment_id: Option<Value>,
}

#[utoipa::path(
    patch,
    path = "/api/artifacts/{id}/attach",
    tag = "Artifacts",
    operation_id = "attach_artifact",
    request_body = Attach,
    responses((status = 200, description = "As it is now.", body = Data<ArtifactShape>))
)]
async fn attach(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Attach>,
) -> Answer<Json<Value>> {
    let comment = match &body.comment_id {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let wrong = || Problem::field("/comment_id", "`comment_id` is the id of a comment");
    let comment = comment.ok_or_else(wrong)?;
    let (run, _, artifact) = found(&host, &id).await?;
    let views = host.views().await.ok_or_else(Problem::starting)?;
    let message = find::blocking(&host, move |_| Ok(views.message(comment)?)).await?;
    let message =
        message.ok_or_else(|| Problem::not_found(format!("there is no comment `{comment}`")))?;
    if message.run != run {
        let detail = "the artifact and the comment belong to different runs";
        return Err(Problem::new(StatusCode::CONFLICT, "other_run", detail));
    }
    let command = Command::Attach {
        artifact: artifact.id,
        message: message.n,
    };
    host.engine.send(run, command, caller.command).await?;
    Ok(Json(json!({"data": shown(&host, artifact.id).await?})))
}

#[utoipa::path(
    delete,
    path = "/api/artifacts/{id}/detach",
    tag = "Artifacts",
    operation_id = "detach_artifact",
    responses((status = 200, description = "As it is now.", body = Data<ArtifactShape>))
)]
async fn detach(State(host): State, Segment(id): Segment, caller: Caller) -> Answer<Json<Value>> {
    let (run, _, artifact) = found(&host, &id).await?;
    let command = Command::Detach {
        artifact: artifact.id,
    };
    host.engine.send(run, command, caller.command).await?;
    Ok(Json(json!({"data": shown(&host, artifact.id).await?})))
}
