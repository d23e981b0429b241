//! A WebSocket client that says and hears JSON.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::server_support::World;

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Socket(WebSocket<UnixStream>);

/// How a connection ended, or what it said.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Event(Value),
    Closed(u16),
    Gone,
}

impl Socket {
    /// Connects, with this query.
    pub fn open(world: &World, query: &str) -> Self {
        Self::try_open(world, query).expect("the host answers")
    }

    pub fn try_open(world: &World, query: &str) -> Option<Self> {
        let stream = UnixStream::connect(world.data_dir().join("host.sock")).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://baton/api/ws?{query}");
        let (socket, _) = tungstenite::client(url, stream).ok()?;
        Some(Self(socket))
    }

    pub fn say(&mut self, value: &Value) {
        self.say_text(&value.to_string());
    }

    pub fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// Subscribes, and waits until that is confirmed; what came before.
    pub fn subscribe(&mut self, topics: &[String], after: Option<u64>) -> Vec<Value> {
        let mut word = json!({"type": "subscribe", "topics": topics});
        if let Some(after) = after {
            word["after"] = after.into();
        }
        self.say(&word);
        self.until(|event| event["type"] == "subscribed")
    }

    pub fn hear(&mut self) -> Heard {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => {
                    return Heard::Event(serde_json::from_str(&text).unwrap());
                }
                Ok(Message::Close(frame)) => {
                    return Heard::Closed(frame.map_or(0, |frame| frame.code.into()));
                }
                Ok(_) => {}
                Err(_) => return Heard::Gone,
            }
        }
    }

    pub fn next(&mut self) -> Value {
        match self.hear() {
            Heard::Event(event) => event,
            other => panic!("no event: {other:?}"),
        }
    }

    /// All up to the first for which this holds, that one included.
    pub fn until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let event = self.next();
            let last = is_last(&event);
            all.push(event);
            if last {
                return all;
            }
        }
    }
}

/// Whether a run has come to this status.
pub fn comes_to<'a>(run: &'a str, status: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |event| {
        event["type"] == "workflow.execution.status_changed"
            && event["data"]["execution_id"] == run
            && event["data"]["status"] == status
    }
}

/// The id in a run's path.
pub fn id_of(run: &str) -> &str {
    run.rsplit('/').next().unwrap()
}

/// The positions, in the order in which they came.
pub fn positions(events: &[Value]) -> Vec<u64> {
    let all = events.iter().filter_map(|event| event["pos"].as_u64());
    all.collect()
}

/// What is in the journal, without what is not.
pub fn journaled(events: &[Value]) -> Vec<Value> {
    let all = events.iter().filter(|event| !event["pos"].is_null());
    all.cloned().collect()
}
