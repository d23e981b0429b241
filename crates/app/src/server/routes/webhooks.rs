//! Outgoing webhooks: endpoints, and what each was told.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use baton_core::ids::{ProjectId, WebhookId};
use baton_core::run::event::Actor;
use baton_engine::ports::Journal;
use baton_store::webhooks::{Delivery, Endpoint};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Body, Caller, Params, Segment, Segments};
use super::super::describe::{
    Data, Delivery as DeliveryShape, NumberedPageParams, Page, PageParams, Webhook,
};
use super::super::error::{Answer, Problem};
use super::super::paging::page;
use super::super::wire::{maybe_time, time};
use super::super::{State, find};
use crate::host::{Host, now};
use crate::webhooks::address;
use crate::webhooks::signature::Key;

/// Endpoints, at most.
const MOST: usize = 100;

/// Types of events of one endpoint, at most.
const MOST_EVENTS: usize = 50;

/// The longest description.
const LONGEST: usize = 500;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, change, remove))
        .routes(routes!(told))
        .routes(routes!(resend))
}

/// An endpoint as it is asked for; what is not said stays as it is.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[schema(as = ChangeWebhook)]
#[serde(deny_unknown_fields)]
struct Wanted {
    url: Option<String>,
    secret: Option<String>,
    rotate_secret: Option<bool>,
    events: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said")]
    project_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "said")]
    description: Option<Option<String>>,
    enabled: Option<bool>,
}

/// Tells `null` from what was not said.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Who runs inside a run tells no strangers of it.
fn refuse_attempts(caller: &Caller) -> Answer<()> {
    match caller.by {
        Actor::Attempt(_) => {
            let detail = "a step may not change webhooks";
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
        }
        Actor::User(_) | Actor::System | Actor::Parent(_) => Ok(()),
    }
}

#[utoipa::path(
    get,
    path = "/api/webhooks",
    tag = "Webhooks",
    operation_id = "list_webhooks",
    params(PageParams),
    responses((status = 200, description = "All there are.", body = Page<Webhook>))
)]
async fn list(State(host): State, params: Params) -> Answer<Json<Value>> {
    let all = find::blocking(&host, |host| Ok(host.webhooks.kept.endpoints()?)).await?;
    let rows = all.iter().map(|one| (one.id.to_string(), wire(one)));
    Ok(Json(page(rows.collect(), &params)?))
}

#[utoipa::path(
    get,
    path = "/api/webhooks/{id}",
    tag = "Webhooks",
    operation_id = "get_webhook",
    responses((status = 200, description = "It.", body = Data<Webhook>))
)]
async fn one(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let endpoint = endpoint(&host, &id).await?;
    Ok(Json(json!({"data": wire(&endpoint)})))
}

#[utoipa::path(
    post,
    path = "/api/webhooks",
    tag = "Webhooks",
    operation_id = "create_webhook",
    request_body = Wanted,
    responses((status = 201, description = "With its secret, this once.", body = Data<Webhook>))
)]
async fn create(
    State(host): State,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Answer<(StatusCode, Json<Value>)> {
    refuse_attempts(&caller)?;
    if wanted.url.is_none() {
        return Err(Problem::field("/url", "`url` is missing"));
    }
    if let Some(command) = caller.command.clone() {
        let made = find::blocking(&host, move |host| Ok(host.webhooks.kept.made(&command)?));
        if let Some(made) = made.await? {
            return created(&endpoint(&host, &made.to_string()).await?);
        }
    }
    let mut new = Endpoint {
        id: host.engine.mint().webhook(),
        url: String::new(),
        secret: Key::made(),
        events: Vec::new(),
        project: None,
        description: None,
        enabled: true,
        since: host.journal.head().of_event(4095),
        created_at: now(),
    };
    apply(&host, &mut new, wanted).await?;
    let made = find::blocking(&host, move |host| {
        if host.webhooks.kept.endpoints()?.len() >= MOST {
            let detail = format!("there are {MOST} webhooks already: remove one");
            return Err(Problem::new(StatusCode::CONFLICT, "too_many", detail));
        }
        Ok(host.webhooks.kept.add(&new, caller.command.as_ref())?)
    })
    .await?;
    host.webhooks.note_changed();
    created(&endpoint(&host, &made.to_string()).await?)
}

/// It with its secret: for who has asked for it, and for a repeat of that.
fn created(endpoint: &Endpoint) -> Answer<(StatusCode, Json<Value>)> {
    let mut data = wire(endpoint);
    data["secret"] = endpoint.secret.as_str().into();
    Ok((StatusCode::CREATED, Json(json!({"data": data}))))
}

#[utoipa::path(
    patch,
    path = "/api/webhooks/{id}",
    tag = "Webhooks",
    operation_id = "change_webhook",
    request_body = Wanted,
    responses((status = 200, description = "As it is now.", body = Data<Webhook>))
)]
async fn change(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Answer<Json<Value>> {
    refuse_attempts(&caller)?;
    let mut endpoint = endpoint(&host, &id).await?;
    let shows = wanted.rotate_secret == Some(true);
    apply(&host, &mut endpoint, wanted).await?;
    let kept = endpoint.clone();
    find::blocking(&host, move |host| Ok(host.webhooks.kept.put(&kept)?)).await?;
    host.webhooks.note_changed();
    let mut data = wire(&endpoint);
    if shows {
        data["secret"] = endpoint.secret.into();
    }
    Ok(Json(json!({"data": data})))
}

#[utoipa::path(
    delete,
    path = "/api/webhooks/{id}",
    tag = "Webhooks",
    operation_id = "remove_webhook",
    responses((status = 204, description = "Done."))
)]
async fn remove(State(host): State, Segment(id): Segment, caller: Caller) -> Answer<StatusCode> {
    refuse_attempts(&caller)?;
    let id = endpoint(&host, &id).await?.id;
    find::blocking(&host, move |host| Ok(host.webhooks.kept.remove(id)?)).await?;
    host.webhooks.note_changed();
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get,
    path = "/api/webhooks/{id}/deliveries",
    tag = "Webhooks",
    operation_id = "list_deliveries",
    params(NumberedPageParams),
    responses((status = 200, description = "Newest first.", body = Page<DeliveryShape>))
)]
async fn told(State(host): State, Segment(id): Segment, params: Params) -> Answer<Json<Value>> {
    let id = endpoint(&host, &id).await?.id;
    let before = match params.get("cursor") {
        Some(_) => params.number("cursor")?,
        None => None,
    };
    let limit = params.limit()?;
    let all = find::blocking(&host, move |host| {
        Ok(host.webhooks.kept.deliveries(id, before, limit + 1)?)
    })
    .await?;
    let next = (all.len() > limit).then(|| all[limit - 1].number.to_string());
    let data: Vec<Value> = all.iter().take(limit).map(delivery).collect();
    Ok(Json(json!({"data": data, "next_cursor": next})))
}

#[utoipa::path(
    post,
    path = "/api/webhooks/{id}/deliveries/{delivery}/resend",
    tag = "Webhooks",
    operation_id = "resend_delivery",
    responses((status = 200, description = "It is due at once.", body = Data<DeliveryShape>))
)]
async fn resend(
    State(host): State,
    Segments(id, which): Segments,
    caller: Caller,
) -> Answer<Json<Value>> {
    refuse_attempts(&caller)?;
    let id = endpoint(&host, &id).await?.id;
    let none = || Problem::not_found("the webhook has no such delivery");
    let which = which.parse().map_err(|_| none())?;
    let sent = find::blocking(&host, move |host| {
        host.webhooks
            .kept
            .resend(id, which, now())?
            .ok_or_else(none)
    })
    .await?;
    host.webhooks.note_due();
    Ok(Json(json!({"data": delivery(&sent)})))
}

async fn endpoint(host: &Arc<Host>, id: &str) -> Answer<Endpoint> {
    let none = || Problem::not_found("there is no such webhook");
    let id: WebhookId = id.parse().map_err(|_| none())?;
    find::blocking(host, move |host| {
        host.webhooks.kept.endpoint(id)?.ok_or_else(none)
    })
    .await
}

/// Checks what is wanted, and puts it in place.
async fn apply(host: &Arc<Host>, endpoint: &mut Endpoint, wanted: Wanted) -> Answer<()> {
    if let Some(url) = wanted.url {
        address::check(&url, host.webhooks_allow_private)
            .map_err(|detail| Problem::field("/url", detail))?;
        endpoint.url = url;
    }
    if let Some(secret) = wanted.secret {
        if Key::parse(&secret).is_none() {
            let detail =
                "a secret is `whsec_` and the base64 of 24 to 64 bytes; without one it is made";
            return Err(Problem::field("/secret", detail));
        }
        endpoint.secret = secret;
    } else if wanted.rotate_secret == Some(true) {
        endpoint.secret = Key::made();
    }
    if let Some(events) = wanted.events {
        let is_type = |event: &String| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
            let name = event.strip_suffix('*').unwrap_or(event);
            event.len() <= 100 && !event.is_empty() && name.chars().all(fits)
        };
        if events.len() > MOST_EVENTS || !events.iter().all(is_type) {
            let detail = "types of events: `workflow.step.completed`, `workflow.*`; at most 50";
            return Err(Problem::field("/events", detail));
        }
        endpoint.events = events;
    }
    if let Some(project) = wanted.project_id {
        endpoint.project = match project {
            Some(id) => Some(project_of(host, &id).await?),
            None => None,
        };
    }
    if let Some(description) = wanted.description {
        if description
            .as_ref()
            .is_some_and(|text| text.chars().count() > LONGEST)
        {
            let detail = format!("at most {LONGEST} characters");
            return Err(Problem::field("/description", detail));
        }
        endpoint.description = description;
    }
    endpoint.enabled = wanted.enabled.unwrap_or(endpoint.enabled);
    Ok(())
}

async fn project_of(host: &Arc<Host>, id: &str) -> Answer<ProjectId> {
    Ok(find::project(host, id).await?.id)
}

fn wire(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id.to_string(),
        "url": endpoint.url,
        "events": endpoint.events,
        "project_id": endpoint.project.map(|project| project.to_string()),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "created_at": time(endpoint.created_at),
    })
}

fn delivery(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id.to_string(),
        "type": delivery.kind,
        "state": delivery.state.to_string(),
        "attempts": delivery.attempts,
        "next_attempt_at": maybe_time(delivery.due),
        "last_attempt_at": maybe_time(delivery.tried_at),
        "last_status": delivery.status,
        "last_error": delivery.error,
        "created_at": time(delivery.begun),
        "payload": serde_json::from_str::<Value>(&delivery.body).unwrap_or_default(),
    })
}
