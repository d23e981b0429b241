//! `GET /api/events`: what happens, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};

use super::super::State;
use super::super::asking::Params;
use super::super::error::{Answer, Problem};
use super::super::live::{Feed, Topics};
use crate::host::Host;

/// A sign of life for whatever lies between.
const SIGN: Duration = Duration::from_secs(15);

pub fn routes() -> Router<Arc<Host>> {
    Router::new().route("/api/events", get(events))
}

async fn events(
    State(host): State,
    params: Params,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    // What the browser sends by itself after a break is newer than what the page was opened with.
    let last = match headers.get("last-event-id") {
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            let wrong = || Problem::bad_request("bad_position", "`Last-Event-ID` is a position");
            Some(id.ok_or_else(wrong)?)
        }
        None => params.number("after")?,
    };
    let topics = Topics::parse(&host, &params.all("topics")).await?;
    let events = ReceiverStream::new(Feed::start(&host, topics, last)).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN)))
}
