//! One WebSocket: `{type: "subscribe", topics, after?}` in, events out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use super::reader::{Heard, Reader};
use super::topics::Topics;
use crate::host::Host;

/// A sign of life for whatever lies between; who gives none back is gone.
const SIGN: Duration = Duration::from_secs(30);

/// How long it gets to take what was begun, and to read why it is closed.
const FAREWELL: Duration = Duration::from_secs(60);

/// The host leaves (RFC 6455, 7.4.1: going away).
const LEAVING: u16 = 1001;

/// Too slow: come back with `after`.
const TOO_SLOW: u16 = 4008;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Word {
    Subscribe {
        #[serde(default)]
        topics: Vec<String>,
        after: Option<u64>,
    },
    Unsubscribe {
        topics: Vec<String>,
    },
    Ping {},
}

/// Serves one connection until either side ends it.
pub async fn serve(mut socket: WebSocket, mut reader: Reader, host: Arc<Host>) {
    let mut leaving = host.leaving();
    let mut sign = tokio::time::interval(SIGN);
    sign.reset();
    let mut answered = true;
    loop {
        let message = tokio::select! {
            biased;
            () = left(&mut leaving) => {
                return close(socket, LEAVING, "the host leaves; come back with `after`").await;
            }
            word = socket.recv() => match word {
                Some(Ok(Message::Text(text))) => match hear(&host, &mut reader, &text).await {
                    Some(answer) => answer,
                    None => continue,
                },
                Some(Ok(Message::Binary(_))) => error("bad_message", "send text: JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    answered = true;
                    continue;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            _ = sign.tick() => {
                if !std::mem::take(&mut answered) {
                    return;
                }
                Message::Ping(axum::body::Bytes::new())
            }
            heard = reader.next() => match heard {
                Some(Heard::Event(item)) => Message::Text(item.text.clone()),
                Some(Heard::Resync) => Message::Text(r#"{"type":"resync"}"#.into()),
                Some(Heard::Gap) => Message::Text(r#"{"type":"gap"}"#.into()),
                None => {
                    return close(socket, LEAVING, "come back with `after`").await;
                }
            },
        };
        match tokio::time::timeout(host.live_patience, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                return close(socket, TOO_SLOW, "too slow: come back with `after`").await;
            }
        }
    }
}

async fn left(leaving: &mut watch::Receiver<bool>) {
    // The sender lives as long as the host.
    let _left = leaving.wait_for(|leaving| *leaving).await;
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    };
    let farewell = async {
        // Gone already: nobody to tell.
        let _told = socket.send(Message::Close(Some(frame))).await;
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _late = tokio::time::timeout(FAREWELL, farewell).await;
}

/// Does what the client says; what there is to answer.
async fn hear(host: &Arc<Host>, reader: &mut Reader, text: &str) -> Option<Message> {
    let word: Word = match serde_json::from_str(text) {
        Ok(word) => word,
        Err(wrong) => {
            let detail =
                format!("say {{\"type\": \"subscribe\", \"topics\": […], \"after\"?}}: {wrong}");
            return Some(error("bad_message", &detail));
        }
    };
    let (kind, names) = match &word {
        Word::Ping {} => return Some(Message::Text(r#"{"type":"pong"}"#.into())),
        Word::Subscribe { topics, .. } => ("subscribed", topics),
        Word::Unsubscribe { topics } => ("unsubscribed", topics),
    };
    if names.is_empty() {
        return Some(error("bad_topic", "`topics` names none"));
    }
    let done = match Topics::parse(host, names, reader.audience()).await {
        Ok(topics) => match &word {
            Word::Subscribe { after, .. } => reader.subscribe(topics, *after),
            _ => {
                reader.unsubscribe(&topics);
                Ok(())
            }
        },
        Err(problem) => Err(problem),
    };
    if let Err(problem) = done {
        return Some(error(problem.code(), problem.detail()));
    }
    let value = json!({"type": kind, "data": {"topics": names}});
    Some(Message::Text(value.to_string().into()))
}

fn error(code: &str, detail: &str) -> Message {
    let value = json!({"type": "error", "data": {"code": code, "detail": detail}});
    Message::Text(value.to_string().into())
}
