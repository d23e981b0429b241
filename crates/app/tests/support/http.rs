//! The smallest HTTP client that can speak to a host: one request, one connection.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// A host that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body; null when it is none.
    pub body: Value,
}

/// Sends one request to the socket at `path`; `key` makes a repeat harmless.
pub fn send(
    path: &Path,
    method: &str,
    target: &str,
    key: Option<&str>,
    body: Option<&Value>,
) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let text = body.map(Value::to_string).unwrap_or_default();
    let key = key.map(|key| format!("idempotency-key: {key}\r\n"));
    let key = key.unwrap_or_default();
    let length = text.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: baton\r\nconnection: close\r\n{key}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{text}"
    );
    stream.write_all(request.as_bytes())?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    parse(&all).ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "half an answer"))
}

/// The parts of an answer; none when it was cut off.
fn parse(all: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(all).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    let body = body.get(..length.unwrap_or(body.len()))?;
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    Some(Answer { status, body })
}
