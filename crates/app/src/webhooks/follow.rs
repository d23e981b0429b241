//! Committed events become deliveries, each once.

use std::sync::Arc;
use std::time::Duration;

use baton_core::ids::ProjectId;
use baton_engine::ports::{Journal, ReadError};
use baton_store::webhooks::{Endpoint, Telling};
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::Outgoing;
use crate::host::{Host, now};
use crate::server::live::{Audience, Heard, Hub, Reader, Topics};

/// Events that become deliveries with one sync.
const BATCH: usize = 256;

/// Wire positions that nobody is told of, after which it is kept how far it came.
const FAR: u64 = 4096 * 1000;

/// How long to wait after the disk said no.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub async fn follow(host: Arc<Host>, hub: Arc<Hub>) {
    loop {
        if let Err(error) = follow_once(&host, &hub).await {
            tracing::warn!(%error, "webhooks fall behind");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Until the endpoints have changed, or something went wrong.
async fn follow_once(host: &Arc<Host>, hub: &Arc<Hub>) -> Result<(), ReadError> {
    let outgoing = &host.webhooks;
    let endpoints = read(host, |outgoing| outgoing.kept.endpoints()).await?;
    let cursor = read(host, |outgoing| outgoing.kept.cursor()).await?;
    let (Some(mut cursor), false) = (cursor, endpoints.is_empty()) else {
        outgoing.changed.notified().await;
        return Ok(());
    };
    let mut reader = Reader::open(
        host,
        hub,
        Topics::default(),
        Audience::default(),
        Some(cursor),
    );
    let mut telling = Batch {
        nth: 0,
        pos: 0,
        cursor,
        all: Vec::new(),
    };
    loop {
        let first = tokio::select! {
            biased;
            () = outgoing.changed.notified() => return Ok(()),
            heard = reader.next() => heard,
        };
        let mut next = first;
        loop {
            match next {
                Some(heard) => telling.take(host, heard, &endpoints),
                // The host leaves, or the journal could not be read.
                None => return Err(ReadError("the events have ended".into())),
            }
            if telling.all.len() >= BATCH {
                break;
            }
            match reader.next().now_or_never() {
                Some(heard) => next = heard,
                None => break,
            }
        }
        if telling.all.is_empty() && telling.cursor < cursor + FAR {
            // How far it came is kept with the next delivery; until then it is only read again.
            continue;
        }
        let all = std::mem::take(&mut telling.all);
        let up_to = telling.cursor;
        read(host, move |outgoing| outgoing.kept.tell(&all, up_to, now())).await?;
        cursor = up_to;
        tracing::debug!(cursor, "webhooks are told");
        outgoing.note_due();
    }
}

struct Batch {
    /// Events of this position so far.
    nth: u32,
    pos: u64,
    cursor: u64,
    all: Vec<Telling>,
}

impl Batch {
    fn take(&mut self, host: &Host, heard: Heard, endpoints: &[Endpoint]) {
        let item = match heard {
            Heard::Event(item) => item,
            Heard::Resync => {
                tracing::warn!("the journal is another one: webhooks go on from here");
                self.cursor = host.journal.head().of_event(0);
                return;
            }
            // What has no position is sent to nobody.
            Heard::Gap => return,
        };
        let Some(pos) = item.place else { return };
        self.nth = if pos == self.pos { self.nth + 1 } else { 0 };
        self.pos = pos;
        if item.carries {
            self.cursor = self.cursor.max(pos);
        }
        let Ok(event) = serde_json::from_str::<Value>(item.text.as_str()) else {
            return;
        };
        let kind = event["type"].as_str().unwrap_or_default();
        for endpoint in endpoints
            .iter()
            .filter(|e| e.wants(kind, item.project, pos))
        {
            self.all.push(Telling {
                id: host.engine.mint().delivery(),
                endpoint: endpoint.id,
                pos,
                nth: self.nth,
                kind: kind.to_owned(),
                body: body(&event, item.project),
            });
        }
    }
}

/// What Standard Webhooks calls the payload: `{type, timestamp, data}`.
fn body(event: &Value, project: ProjectId) -> String {
    let mut data = event["data"].clone();
    if let Some(data) = data.as_object_mut() {
        data.entry("project_id")
            .or_insert_with(|| project.to_string().into());
    }
    json!({"type": event["type"], "timestamp": event["ts"], "data": data}).to_string()
}

/// Does something on the disk, beside the threads that answer.
pub(super) async fn read<T: Send + 'static>(
    host: &Arc<Host>,
    what: impl FnOnce(&Outgoing) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let host = host.clone();
    let done = tokio::task::spawn_blocking(move || what(&host.webhooks)).await;
    done.unwrap_or_else(|_| Err(ReadError("it was interrupted".into())))
}
