//! An HTTP server that notes what it is sent, and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

/// What was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

/// See the module. Its thread ends with the test's process.
pub struct Endpoint {
    pub url: String,
    sent: Receiver<Sent>,
}

impl Endpoint {
    /// Answers with these statuses in turn, the last one from then on.
    pub fn answering(statuses: &'static [u16]) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), statuses)
    }

    pub fn on(listener: TcpListener, statuses: &'static [u16]) -> Self {
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (sender, sent) = channel();
        std::thread::spawn(move || {
            let mut count = 0;
            for stream in listener.incoming() {
                if take(stream.unwrap(), statuses, &mut count, &sender).is_none() {
                    return;
                }
            }
        });
        Self { url, sent }
    }

    /// Whether nothing has come that was not looked at.
    pub fn is_quiet(&self) -> bool {
        self.sent.try_recv().is_err()
    }

    pub fn next(&self) -> Sent {
        let patience = Duration::from_secs(60);
        self.sent.recv_timeout(patience).expect("a delivery")
    }
}

/// One connection; `None`: nobody listens to what was sent any more.
fn take(
    stream: TcpStream,
    statuses: &[u16],
    count: &mut usize,
    sender: &Sender<Sent>,
) -> Option<()> {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return Some(());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let status = statuses[(*count).min(statuses.len() - 1)];
    *count += 1;
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.into_inner().write_all(answer.as_bytes()).unwrap();
    sender.send(Sent { headers, body }).ok()
}
