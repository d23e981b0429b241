//! A host on an address (`baton serve`), and HTTP over TCP to it, byte by byte where a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{PATIENCE, World};

/// An answer with its headers.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The problem's code.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// What to send as `cookie` after this.
    pub fn cookie(&self) -> String {
        let set = self.header("set-cookie").expect("a cookie is set");
        set.split(';').next().unwrap().to_owned()
    }
}

/// Somebody on the network, with the headers that they always send.
#[derive(Debug, Clone)]
pub struct Net {
    pub address: SocketAddr,
    pub headers: Vec<(String, String)>,
}

impl Net {
    /// The same, who sends this too.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut net = self.clone();
        net.headers.push((name.to_owned(), value.to_owned()));
        net
    }

    /// The same, with this token.
    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.request("POST", path, Some(body))
    }

    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        let given = |name: &str| self.headers.iter().any(|(known, _)| known == name);
        if !given("host") {
            head += &format!("host: {}\r\n", self.address);
        }
        if body.is_some() && !given("content-type") {
            head += "content-type: application/json\r\n";
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let length = text.len();
        self.raw(format!("{head}content-length: {length}\r\n\r\n{text}").as_bytes())
            .expect("the server answers")
    }

    /// Sends exactly this, and reads until the server closes.
    pub fn raw(&self, request: &[u8]) -> Option<Reply> {
        let mut stream = self.connect();
        // A refusal may come before all was sent.
        let _refused = stream.write_all(request);
        read(&mut stream)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// Reads an answer until the server closes; `None` when it closes without one.
pub fn read(stream: &mut impl Read) -> Option<Reply> {
    let mut bytes = Vec::new();
    let mut part = [0; 8192];
    // What came before a reset counts.
    while let Ok(count @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..count]);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Some(Reply {
        status: head.split(' ').nth(1)?.parse().ok()?,
        headers: head.lines().skip(1).filter_map(pair).collect(),
        text: body.to_owned(),
    })
}

impl World {
    /// Starts `baton serve` on a free port; gives somebody without credentials, and the words of
    /// the sign-in link.
    pub fn serve(&mut self, words: &[&str]) -> (Net, String) {
        self.serve_with(words, |_| {})
    }

    /// The same, with something changed about its command.
    pub fn serve_with(
        &mut self,
        words: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> (Net, String) {
        let mut command = self.serve_command(words);
        change(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.host = Some(child);
        let mut address = None;
        for line in lines.map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("Baton serves ") {
                address = rest.rsplit('/').next().map(|text| text.parse().unwrap());
            }
            if let Some((_, link)) = line.split_once("#link=") {
                let address = address.expect("the address is said first");
                let headers = Vec::new();
                return (Net { address, headers }, link.to_owned());
            }
        }
        panic!("`baton serve` ended before it said where it serves");
    }

    /// The words that start `baton serve`, without starting it.
    pub fn serve_command(&self, words: &[&str]) -> Command {
        let mut command = self.host_command();
        let mut serve = Command::new(command.get_program());
        serve.arg("serve").arg("--data-dir").arg(self.data_dir());
        if !words.contains(&"--listen") {
            serve.args(["--listen", "127.0.0.1:0"]);
        }
        serve.args(words);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => serve.env(name, value),
                None => serve.env_remove(name),
            };
        }
        std::mem::swap(&mut command, &mut serve);
        command.stdin(Stdio::null());
        command
    }

    /// The first token.
    pub fn token(&self) -> String {
        let text = std::fs::read_to_string(self.data_dir().join("token")).unwrap();
        text.trim().to_owned()
    }

    /// Registers the world's project through this.
    pub fn register(&mut self, net: &Net) {
        let path = self.directory();
        let answer = net.post("/api/projects", &serde_json::json!({"path": path}));
        assert_eq!(answer.status, 201, "{answer:?}");
        self.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    }
}
