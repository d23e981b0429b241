//! `GET /api/events`: what happens, as server-sent events; `GET /api/ws`: over a WebSocket.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{Response, Sse};
use tokio_stream::Stream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::State;
use super::super::asking::Params;
use super::super::describe::LiveParams;
use super::super::error::{Answer, Problem};
use super::super::live::{self, Audience, Heard, Hub, Reader, Topics};
use crate::host::Host;

/// A sign of life for whatever lies between.
const SIGN: Duration = Duration::from_secs(15);

/// The largest message of a client, in bytes.
const LARGEST: usize = 64 * 1024;

/// What a socket holds of what it reads, in bytes: clients say little.
const READ_BUFFER: usize = 4 * 1024;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(socket))
}

/// What is asked for: `?topics=&after=`, or what a browser sends by itself after a break.
async fn open(
    host: &Arc<Host>,
    hub: &Arc<Hub>,
    audience: Audience,
    params: &Params,
    headers: &HeaderMap,
) -> Answer<Reader> {
    let after = match headers.get("last-event-id") {
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            let wrong = || Problem::bad_request("bad_position", "`Last-Event-ID` is a position");
            Some(id.ok_or_else(wrong)?)
        }
        None => params.number("after")?,
    };
    let topics = Topics::parse(host, &params.all("topics"), &audience).await?;
    Ok(Reader::open(host, hub, topics, audience, after))
}

#[utoipa::path(
    get,
    path = "/api/events",
    tag = "Live",
    operation_id = "follow_events",
    params(LiveParams),
    responses((status = 200, description = "Events, each with its position as id. `resync`: the position to go on from is of another journal. `gap`: output or activities were missed, and are read from the logs by offset.", body = String, content_type = "text/event-stream"))
)]
async fn events(
    State(host): State,
    Extension(hub): Extension<Arc<Hub>>,
    audience: Audience,
    params: Params,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let reader = open(&host, &hub, audience, &params, &headers).await?;
    let events = Events {
        reader,
        leaving: host.leaving(),
    };
    let events = futures_util::stream::unfold(events, |mut events| async move {
        let event = events.next().await?;
        Some((Ok(event), events))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN)))
}

struct Events {
    reader: Reader,
    leaving: tokio::sync::watch::Receiver<bool>,
}

impl Events {
    async fn next(&mut self) -> Option<Event> {
        let heard = tokio::select! {
            _ = self.leaving.wait_for(|leaving| *leaving) => return None,
            heard = self.reader.next() => heard?,
        };
        Some(match heard {
            Heard::Event(item) => {
                let event = Event::default().data(item.text.as_str());
                match item.place.filter(|_| item.carries) {
                    Some(place) => event.id(place.to_string()),
                    None => event,
                }
            }
            Heard::Resync => Event::default()
                .event("resync")
                .data(r#"{"type":"resync"}"#),
            Heard::Gap => Event::default().event("gap").data(r#"{"type":"gap"}"#),
        })
    }
}

#[utoipa::path(
    get,
    path = "/api/ws",
    tag = "Live",
    operation_id = "open_socket",
    params(LiveParams),
    responses((status = 101, description = "A WebSocket."),
        (status = 426, description = "No upgrade to a WebSocket was asked for."))
)]
async fn socket(
    State(host): State,
    Extension(hub): Extension<Arc<Hub>>,
    audience: Audience,
    params: Params,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgrade.map_err(|wrong| {
        let detail = format!("this is a WebSocket: {}", wrong.body_text());
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail)
    })?;
    let reader = open(&host, &hub, audience, &params, &headers).await?;
    let upgrade = upgrade
        .max_message_size(LARGEST)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |socket| live::serve(socket, reader, host)))
}
