//! What changed between two checkpoints: `GET /api/workflow-executions/:id/diff`.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use baton_worktree::Error;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::asking::{Params, Segment};
use super::super::describe::DiffParams;
use super::super::error::Answer;
use super::super::own_files::{self, Between};
use super::super::{State, find};
use crate::host::Host;

/// How much is sent at once.
const PIECE: usize = 64 * 1024;

/// Pieces that wait for a slow reader; then git waits.
const WAITING: usize = 4;

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new().routes(routes!(diff))
}

/// A unified diff, as git makes it.
#[utoipa::path(
    get,
    path = "/api/workflow-executions/{id}/diff",
    tag = "Runs",
    operation_id = "get_diff",
    params(DiffParams),
    responses((status = 200, description = "A unified diff.", body = String, content_type = "text/plain"),
        (status = 409, description = "The run keeps no files of its own."))
)]
async fn diff(
    State(host): State,
    Segment(id): Segment,
    params: Params,
    headers: HeaderMap,
) -> Answer<Response> {
    let run = find::run(&host, &id).await?;
    let between = own_files::between(&run, params.get("from"), params.get("to"))?;
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let kind = match accept.is_some_and(|accept| accept.contains("text/x-diff")) {
        true => "text/x-diff; charset=utf-8",
        false => "text/plain; charset=utf-8",
    };
    let mut pieces = begin(between);
    // What git refuses, it refuses before it prints.
    let body = match pieces.recv().await {
        None => Body::empty(),
        Some(Err(error)) => return Err(own_files::problem(&error)),
        Some(Ok(first)) => {
            let first = tokio_stream::once(Ok(first));
            Body::from_stream(first.chain(ReceiverStream::new(pieces)))
        }
    };
    let head = [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((head, body).into_response())
}

fn begin(between: Between) -> Receiver<Result<Bytes, Error>> {
    let (to, from) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut pieces = BufWriter::with_capacity(PIECE, Pieces(&to));
        let written = between.write(&mut pieces);
        let written = written.and_then(|()| {
            let path = "the diff".into();
            pieces.flush().map_err(|source| Error::Io { path, source })
        });
        drop(pieces);
        if let Err(error) = written {
            let _gone = to.blocking_send(Err(error));
        }
    });
    from
}

/// Hands on what is written; ends with its reader.
struct Pieces<'a>(&'a Sender<Result<Bytes, Error>>);

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
