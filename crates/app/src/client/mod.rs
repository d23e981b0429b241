//! The command line's way to the host: HTTP over the Unix socket in the data directory.
//!
//! Starts a host when none answers. Knows paths and bodies only as text and JSON; what they mean
//! is each verb's part.

pub mod error;
pub mod feed;
mod socket;
pub mod sse;
mod start;

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::Instant;

pub use error::{Error, Problem};

/// The version of what is spoken over the socket. Raised only by changes an older side cannot take.
pub const PROTOCOL: u64 = 1;

/// How long a host may take from its start to its first answer.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// How long until a host that is leaving is asked again, or the one that follows it.
const STOPPING: Duration = Duration::from_millis(50);

/// How often a request is sent again after the host went away beneath it.
const RESENDS: u32 = 3;

/// What `/healthz` says.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Health {
    /// The host's version, as `baton --version` prints it.
    pub version: String,
    /// Its [`PROTOCOL`].
    pub protocol: u64,
    /// Its process.
    pub pid: u32,
}

/// A client of the host of one data directory.
#[derive(Debug, Clone)]
pub struct Client {
    data_dir: PathBuf,
    program: PathBuf,
    may_start: bool,
}

impl Client {
    /// A client that starts a host from this binary when none answers.
    ///
    /// # Errors
    /// When the path of this binary cannot be found out.
    pub fn new(data_dir: &Path) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(|e| Error::Start(e.to_string()))?;
        Ok(Self {
            data_dir: data_dir.to_owned(),
            program,
            may_start: true,
        })
    }

    /// A client that never starts a host.
    #[must_use]
    pub fn passive(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            program: PathBuf::new(),
            may_start: false,
        }
    }

    /// A client that starts hosts from another program.
    #[cfg(test)]
    pub fn with_program(data_dir: &Path, program: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            program: program.to_owned(),
            may_start: true,
        }
    }

    /// Makes sure a host of this protocol answers, starting one if needed.
    ///
    /// # Errors
    /// [`Error::Start`] with the end of the host's log, or [`Error::Protocol`].
    pub async fn ready(&self) -> Result<Health, Error> {
        match self.health().await {
            Ok(health) => self.agree(health).await,
            Err(Error::NotRunning(_)) if self.may_start => {
                start::host(self).await?;
                let health = self.health().await?;
                self.agree(health).await
            }
            Err(error) => Err(error),
        }
    }

    /// What the host says about itself.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when none answers.
    pub async fn health(&self) -> Result<Health, Error> {
        let response = self.once(&Method::GET, "/healthz", None, &[]).await?;
        let body = read(response).await?;
        serde_json::from_slice(&body).map_err(|e| Error::Garbled(e.to_string()))
    }

    /// An older background host is asked to hand over; its attempts go on.
    async fn agree(&self, health: Health) -> Result<Health, Error> {
        if health.protocol == PROTOCOL {
            return Ok(health);
        }
        if health.protocol < PROTOCOL && self.may_start {
            let left = self
                .once(
                    &Method::POST,
                    "/api/host/hand-over",
                    Some(&Value::Null),
                    &[],
                )
                .await;
            if left.is_ok_and(|r| r.status().is_success()) {
                start::host(self).await?;
                let health = self.health().await?;
                if health.protocol == PROTOCOL {
                    return Ok(health);
                }
            }
        }
        Err(Error::Protocol {
            version: health.version,
            pid: health.pid,
        })
    }

    /// `GET`, answered in JSON.
    ///
    /// # Errors
    /// The host's refusal, or that it cannot be reached.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.json(&Method::GET, path, None).await
    }

    /// `POST`. Sent again under the same key when the host goes away before it answers.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.json(&Method::POST, path, Some(body)).await
    }

    /// `PUT`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.json(&Method::PUT, path, Some(body)).await
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> Result<Value, Error> {
        self.json(&Method::DELETE, path, None).await
    }

    /// A body that is read as it comes.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn stream(&self, path: &str, accept: &'static str) -> Result<Incoming, Error> {
        self.ready().await?;
        let response = self
            .once(&Method::GET, path, None, &[("accept", accept)])
            .await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        Err(refusal(response).await)
    }

    /// `POST` under this key, with these headers; whoever calls asks again.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post_as(
        &self,
        path: &str,
        body: &Value,
        key: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Value, Error> {
        self.ready().await?;
        let mut all = vec![("idempotency-key", key)];
        all.extend_from_slice(headers);
        let response = self.once(&Method::POST, path, Some(body), &all).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let body = read(response).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| Error::Garbled(error.to_string()))
    }

    async fn json(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let key = uuid::Uuid::now_v7().to_string();
        let mut resends = 0;
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            self.ready().await?;
            let sent = self
                .once(method, path, body, &[("idempotency-key", key.as_str())])
                .await;
            let answer = match sent {
                Ok(response) if response.status().is_success() => read(response).await,
                Ok(response) => Err(refusal(response).await),
                Err(error) => Err(error),
            };
            match answer {
                Err(error)
                    if error.is_stopping() && self.may_start && Instant::now() < deadline =>
                {
                    tokio::time::sleep(STOPPING).await;
                }
                Ok(body) if body.is_empty() => return Ok(Value::Null),
                Ok(body) => {
                    return serde_json::from_slice(&body)
                        .map_err(|e| Error::Garbled(e.to_string()));
                }
                Err(error) if error.is_gone() && self.may_start && resends < RESENDS => {
                    resends += 1
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One request on a connection of its own; starts nothing.
    #[allow(
        clippy::disallowed_methods,
        reason = "drives the connection; ends with it, and what fails in it fails the request"
    )]
    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&'static str, &str)],
    ) -> Result<Response<Incoming>, Error> {
        let stream = socket::connect(&self.data_dir).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(Error::lost)?;
        let _driver = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "baton")
            .header(ACCEPT, "application/json");
        for (name, value) in headers {
            if *name == "accept"
                && let Some(all) = request.headers_mut()
            {
                all.remove(ACCEPT);
            }
            request = request.header(*name, *value);
        }
        if let Some(attempt) = std::env::var_os("BATON_ATTEMPT") {
            request = request.header("x-baton-attempt", attempt.as_encoded_bytes());
        }
        let bytes = match body {
            Some(value) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(value.to_string())
            }
            None => Bytes::new(),
        };
        let request = request
            .body(Full::new(bytes))
            .map_err(|e| Error::Garbled(e.to_string()))?;
        sender.send_request(request).await.map_err(Error::lost)
    }
}

async fn read(response: Response<Incoming>) -> Result<Bytes, Error> {
    let body = response.into_body().collect().await.map_err(Error::lost)?;
    Ok(body.to_bytes())
}

async fn refusal(response: Response<Incoming>) -> Error {
    let status = response.status().as_u16();
    match read(response).await {
        Ok(body) => Error::Refused(Box::new(Problem::from_body(status, &body))),
        Err(error) => error,
    }
}

/// Escapes a text for a path segment or query value.
#[must_use]
pub fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests;
