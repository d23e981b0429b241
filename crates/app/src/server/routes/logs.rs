//! What steps wrote: a part as JSON, all of it as plain text, or live.

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use serde_json::json;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Params, Segments};
use super::super::describe::{Data, LogParams, LogPart};
use super::super::error::{Answer, Problem};
use super::super::live::Tail;
use super::super::{State, find};
use crate::host::Host;

/// The most that is answered as JSON at once, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// How much is read at once when all is sent.
const PIECE: usize = 64 * 1024;

/// How often a followed file is looked at.
const LOOK: Duration = Duration::from_millis(50);

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(log))
}

/// A log, and whose it is.
struct Log {
    kind: String,
    step: String,
    run: baton_core::ids::RunId,
    key: String,
    paths: Vec<PathBuf>,
}

#[utoipa::path(
    get,
    path = "/api/workflow-steps/{id}/logs/{type}",
    tag = "Steps",
    operation_id = "get_log",
    params(LogParams),
    responses((status = 200, description = "A part as JSON; all of it as text, or live, where `Accept` says so.", content(
            (Data<LogPart> = "application/json"),
            (String = "text/plain"),
            (String = "text/event-stream"),
        )))
)]
async fn log(
    State(host): State,
    Segments(id, kind): Segments,
    params: Params,
    headers: HeaderMap,
) -> Answer<Response> {
    let log = find_log(&host, &id, kind, params.number("attempt")?).await?;
    let offset = params.number("offset")?.unwrap_or(0);
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    match accept.map(|accept| accept.split([',', ';']).next().unwrap_or_default().trim()) {
        Some("text/event-stream") => Ok(follow(host, log, offset)),
        Some("text/plain") => Ok(whole(log, offset)),
        _ => part(&host, log, offset, params.number("limit")?).await,
    }
}

async fn find_log(host: &Arc<Host>, id: &str, kind: String, attempt: Option<u64>) -> Answer<Log> {
    let file = match kind.as_str() {
        "input" => "input.json",
        "output" => "output.log",
        "events" => "events.jsonl",
        "summary" => "summary.md",
        "raw" => "raw.jsonl",
        _ => {
            let detail = "a log is input, output, events, summary or raw";
            return Err(Problem::not_found(detail));
        }
    };
    let (run, step) = find::step(host, id).await?;
    let directories = host.log_directories(&run.project_path, run.id, &step.key);
    let earlier = attempt.filter(|&attempt| attempt != u64::from(step.attempts));
    let path = |directory: PathBuf| match earlier {
        Some(attempt) => directory.join(format!("attempt-{attempt}")).join(file),
        None => directory.join(file),
    };
    Ok(Log {
        kind,
        step: step.id.to_string(),
        run: run.id,
        key: step.key,
        paths: directories.into_iter().map(path).collect(),
    })
}

impl Log {
    /// The file, when it is there.
    fn open(&self) -> io::Result<Option<std::fs::File>> {
        for path in &self.paths {
            match std::fs::File::open(path) {
                Ok(file) => return Ok(Some(file)),
                // Where the project's place for logs is not to be had, they are in the other one.
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Some of it as JSON, cut at the end of a line where there is one.
async fn part(host: &Arc<Host>, log: Log, offset: u64, limit: Option<u64>) -> Answer<Response> {
    let limit = limit.unwrap_or(LARGEST).clamp(1, LARGEST);
    find::blocking(host, move |_| {
        let file = log.open().map_err(|error| Problem::disk(&error))?;
        let (bytes, total) = match &file {
            Some(file) => read_part(file, offset, limit).map_err(|error| Problem::disk(&error))?,
            None => (Vec::new(), 0),
        };
        let next = offset.saturating_add(bytes.len() as u64);
        Ok(Json(json!({"data": {
            "type": log.kind,
            "step_id": log.step,
            "content": String::from_utf8_lossy(&bytes),
            "offset": offset,
            "next_offset": (next < total).then_some(next),
            "total": total,
        }}))
        .into_response())
    })
    .await
}

fn read_part(file: &std::fs::File, offset: u64, limit: u64) -> io::Result<(Vec<u8>, u64)> {
    let total = file.metadata()?.len();
    let wanted = limit.min(total.saturating_sub(offset));
    let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    let is_end = offset + filled as u64 >= total;
    if !is_end && let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
        bytes.truncate(end + 1);
    }
    Ok((bytes, total))
}

/// All of it, a piece at a time.
fn whole(log: Log, offset: u64) -> Response {
    let (to, from) = mpsc::channel::<io::Result<Bytes>>(2);
    tokio::task::spawn_blocking(move || {
        let sent = send_whole(&log, offset, &to);
        if let Err(error) = sent {
            let _gone = to.blocking_send(Err(error));
        }
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (kind, Body::from_stream(ReceiverStream::new(from))).into_response()
}

fn send_whole(log: &Log, mut offset: u64, to: &Sender<io::Result<Bytes>>) -> io::Result<()> {
    let Some(file) = log.open()? else {
        return Ok(());
    };
    loop {
        let mut piece = vec![0; PIECE];
        let count = file.read_at(&mut piece, offset)?;
        piece.truncate(count);
        offset += count as u64;
        if count == 0 || to.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
}

/// All of it and what comes, until the step has ended.
fn follow(host: Arc<Host>, log: Log, offset: u64) -> Response {
    let (to, from) = mpsc::channel(8);
    let mut leaving = host.leaving();
    #[expect(
        clippy::disallowed_methods,
        reason = "its end, however it comes, ends the connection"
    )]
    tokio::spawn(async move {
        tokio::select! {
            () = follow_until_end(&host, &log, offset, &to) => {}
            _ = leaving.wait_for(|leaving| *leaving) => {}
            () = to.closed() => {}
        }
    });
    let events = ReceiverStream::new(from).map(Ok::<Event, Infallible>);
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

async fn follow_until_end(host: &Arc<Host>, log: &Log, offset: u64, to: &Sender<Event>) {
    let mut tail = Tail::new(log.paths.clone(), offset);
    let mut head = host.journal.subscribe();
    let mut is_last = false;
    loop {
        let mut was_something = false;
        while let Ok(Some(piece)) = tail.read(is_last) {
            was_something = true;
            let data = json!({
                "type": log.kind,
                "step_id": log.step,
                "output": piece.text,
                "offset": piece.offset,
            });
            let event = Event::default()
                .id(piece.next.to_string())
                .data(data.to_string());
            if to.send(event).await.is_err() {
                return;
            }
        }
        if is_last && !was_something {
            let end = Event::default().event("end").data("{}");
            let _gone = to.send(end).await;
            return;
        }
        // What was written before it ended is there by now.
        is_last = is_last || has_ended(host, log).await;
        if is_last {
            continue;
        }
        tokio::select! {
            _ = head.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn has_ended(host: &Arc<Host>, log: &Log) -> bool {
    let key = log.key.clone();
    let ended = host.engine.read(log.run, move |run| {
        let step = run.find(&key).and_then(|at| run.step(at));
        run.status.is_ended() || step.is_none_or(|step| step.state.is_ended())
    });
    ended.await.unwrap_or(true)
}
