//! Server-sent events: bytes to events, however they are cut.
//!
//! The format is the one of the HTML standard, "Server-sent events".

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::Error;

/// The longest event that is taken, in bytes.
const LONGEST: usize = 16 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The last id seen, also when it came with an earlier event.
    pub id: Option<String>,
    /// The event's name; empty when none was given.
    pub name: String,
    /// Its data lines, joined.
    pub data: String,
}

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub struct Parser {
    pending: Vec<u8>,
    seen: usize,
    event: Event,
    has_data: bool,
}

impl Parser {
    /// More bytes. Events that became complete are added to `out`.
    ///
    /// # Errors
    /// For a line that is longer than any event may be.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> Result<(), Error> {
        self.pending.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(at) = self.pending[self.seen..].iter().position(|b| *b == b'\n') {
            let end = self.seen + at;
            let line = String::from_utf8_lossy(&self.pending[start..end]).into_owned();
            start = end + 1;
            self.seen = start;
            self.line(line.trim_end_matches('\r'), out);
        }
        self.pending.drain(..start);
        self.seen = self.pending.len();
        if self.pending.len() + self.event.data.len() > LONGEST {
            return Err(Error::Garbled("an event is too long".into()));
        }
        Ok(())
    }

    fn line(&mut self, line: &str, out: &mut Vec<Event>) {
        if line.is_empty() {
            if self.has_data {
                out.push(self.event.clone());
            }
            self.has_data = false;
            self.event.name.clear();
            self.event.data.clear();
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            // Comments keep the connection alive; other fields are for the future.
            _ => {}
        }
    }
}

/// The events of one response body.
pub struct Events {
    body: Incoming,
    parser: Parser,
    ready: std::collections::VecDeque<Event>,
}

impl Events {
    /// Reads events from this body.
    #[must_use]
    pub fn new(body: Incoming) -> Self {
        Self {
            body,
            parser: Parser::default(),
            ready: std::collections::VecDeque::new(),
        }
    }

    /// The next event; `None` when the host has closed the stream. Loses nothing when dropped
    /// before it is ready.
    ///
    /// # Errors
    /// [`Error::Lost`] when the connection broke.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let Ok(bytes) = frame.map_err(Error::lost)?.into_data() else {
                continue;
            };
            let mut events = Vec::new();
            self.parser.push(&bytes, &mut events)?;
            self.ready.extend(events);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(chunks: &[&str]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut out = Vec::new();
        for chunk in chunks {
            parser.push(chunk.as_bytes(), &mut out).unwrap();
        }
        out
    }

    fn event(id: Option<&str>, name: &str, data: &str) -> Event {
        Event {
            id: id.map(str::to_owned),
            name: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn an_event_is_the_same_however_it_is_cut() {
        let text = "id: 7\nevent: x\ndata: {\"a\":\ndata: 1}\n\n: ping\n\ndata: two\r\n\r\n";
        let whole = parse(&[text]);
        assert_eq!(
            whole,
            [
                event(Some("7"), "x", "{\"a\":\n1}"),
                event(Some("7"), "", "two")
            ]
        );
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        let single: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(parse(&single), whole);
    }

    #[test]
    fn an_unfinished_event_is_not_given() {
        assert_eq!(parse(&["data: half\n"]), []);
        assert_eq!(
            parse(&["id: 3\n\n", "data:x\n\n"]),
            [event(Some("3"), "", "x")]
        );
    }
}
