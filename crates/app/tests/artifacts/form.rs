//! Uploads, byte by byte.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::server_support::World;

pub const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

/// An answer with its head.
#[derive(Debug)]
pub struct Raw {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Raw {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A world with a run that waits.
pub fn waiting() -> (World, String) {
    let world = World::new(&[("ask", ASK)]);
    let run = world.run("ask", &json!({}));
    world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    (world, run)
}

pub fn send(world: &World, head: &str, body: &[u8]) -> Raw {
    let path = world.data_dir().join("host.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // A refusal may come before all is sent.
    let _sent = stream.write_all(body);
    let mut all = Vec::new();
    let _read = stream.read_to_end(&mut all);
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    Raw {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: all[end + 4..].to_vec(),
    }
}

/// Sends this and goes away without waiting.
pub fn abandon(world: &World, head: &str, body: &[u8]) {
    let path = world.data_dir().join("host.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

/// The parts of a form: name, file name, content.
pub type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

pub fn form(parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\""));
        let file = file.unwrap_or_default();
        let head = format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend(head.as_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--XX--\r\n");
    body
}

/// Uploads this form to a run.
pub fn upload(world: &World, run: &str, more: &str, parts: &[Part]) -> Raw {
    let body = form(parts);
    let head = format!(
        "POST {run}/artifacts HTTP/1.0\r\nhost: b\r\n{more}\
         content-type: multipart/form-data; boundary=XX\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    send(world, &head, &body)
}

pub fn get(world: &World, path: &str, more: &str) -> Raw {
    send(
        world,
        &format!("GET {path} HTTP/1.0\r\nhost: b\r\n{more}\r\n"),
        b"",
    )
}

/// All files below the run's artifacts, however hidden.
pub fn on_disk(world: &World, run: &str) -> Vec<String> {
    let id = run.rsplit('/').next().unwrap();
    let root = world
        .directory()
        .join(".agent/workflows/executions")
        .join(id)
        .join("artifacts");
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.path().is_dir() {
                true => open.push(entry.path()),
                false => {
                    let path = entry.path();
                    found.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
    }
    found.sort();
    found
}
