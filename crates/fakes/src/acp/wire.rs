//! JSON-RPC over the standard streams, a message a line.

use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};

pub(super) struct Wire {
    incoming: Receiver<Value>,
    /// Came while something else was waited for.
    kept: Vec<Value>,
    asked: u64,
}

/// What was heard while waiting.
pub(super) enum Heard {
    Nothing,
    Message(Value),
    End,
}

impl Wire {
    /// Reads standard input until the process ends.
    pub(super) fn new() -> Self {
        let (tell, incoming) = channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                let Ok(message) = serde_json::from_str(&line) else {
                    continue;
                };
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        Self {
            incoming,
            kept: Vec::new(),
            asked: 0,
        }
    }

    /// The next message; `None` at the end of standard input.
    pub(super) fn next(&mut self) -> Option<Value> {
        if !self.kept.is_empty() {
            return Some(self.kept.remove(0));
        }
        self.incoming.recv().ok()
    }

    /// A message within a moment.
    pub(super) fn hear(&mut self, moment: Duration) -> Heard {
        match self.incoming.recv_timeout(moment) {
            Ok(message) => Heard::Message(message),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    /// Keeps a message for [`Wire::next`].
    pub(super) fn keep(&mut self, message: Value) {
        self.kept.push(message);
    }

    pub(super) fn reply(&mut self, id: &Value, result: &Value) {
        self.line(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    pub(super) fn refuse(&mut self, id: &Value, code: i64, message: &str) {
        let error = json!({"code": code, "message": message});
        self.line(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
    }

    /// Asks the client; gives the id its answer will have.
    pub(super) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = json!(self.asked);
        self.asked += 1;
        self.line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    pub(super) fn update(&mut self, session: &str, update: &Value) {
        let params = json!({"sessionId": session, "update": update});
        self.line(&json!({"jsonrpc": "2.0", "method": "session/update", "params": params}));
    }

    pub(super) fn chunk(&mut self, session: &str, kind: &str, text: &str) {
        let content = json!({"type": "text", "text": text});
        self.update(session, &json!({"sessionUpdate": kind, "content": content}));
    }

    fn line(&mut self, message: &Value) {
        self.raw(&format!("{message}\n"));
    }

    /// Whoever reads may be gone: then nobody misses it.
    pub(super) fn raw(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }
}
