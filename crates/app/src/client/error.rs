//! What can go wrong between the command line and the host.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why a request gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No host answers on the socket.
    #[error("no host is running for this data directory ({0})")]
    NotRunning(String),
    /// A host could not be started.
    #[error("the host could not be started: {0}")]
    Start(String),
    /// The host went away while it was being talked to.
    #[error("the connection to the host was lost: {0}")]
    Lost(String),
    /// The host speaks another protocol and does not leave.
    #[error(
        "a host of version {version} (pid {pid}) is running, which this binary cannot talk to; \
         end it, or use that version"
    )]
    Protocol {
        /// Its version.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// The answer cannot be read.
    #[error("the host's answer cannot be read: {0}")]
    Garbled(String),
    /// The host said no.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
}

impl Error {
    /// A broken connection.
    pub(super) fn lost(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Lost(text)
    }

    /// Whether the host may simply have gone, so that a new one can answer.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::NotRunning(_) | Self::Lost(_))
    }

    /// Whether the host is about to leave, so that the next one can answer. Nothing was done.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 503 && problem.code == "stopping")
    }

    /// The HTTP status, when the host answered.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            _ => None,
        }
    }

    /// As `application/problem+json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let code = match self {
            Self::Refused(problem) => {
                return serde_json::to_value(problem.as_ref()).unwrap_or(Value::Null);
            }
            Self::NotRunning(_) => "host_not_running",
            Self::Start(_) => "host_not_started",
            Self::Lost(_) => "host_lost",
            Self::Protocol { .. } => "host_protocol",
            Self::Garbled(_) => "host_answer",
        };
        json!({"type": "about:blank", "title": "Host error", "code": code, "detail": self.to_string()})
    }
}

/// An `application/problem+json` body (RFC 9457) with Baton's members.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// A stable snake_case word.
    #[serde(default)]
    pub code: String,
    /// For people.
    #[serde(default)]
    pub detail: String,
    /// What is wrong where, for bodies that do not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// All else it says.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

/// One thing wrong in a body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FieldError {
    /// Where: a JSON pointer.
    #[serde(default)]
    pub pointer: String,
    /// What.
    #[serde(default)]
    pub detail: String,
}

impl Problem {
    /// Reads a refusal's body; anything that is not a problem becomes the detail of one.
    #[must_use]
    pub fn from_body(status: u16, body: &[u8]) -> Self {
        let mut problem = serde_json::from_slice(body).unwrap_or_else(|_| Self {
            status,
            code: String::new(),
            detail: String::from_utf8_lossy(body).trim().to_owned(),
            errors: Vec::new(),
            rest: serde_json::Map::new(),
        });
        problem.status = status;
        if problem.detail.is_empty() {
            problem.detail = format!("the host answered {status}");
        }
        problem
    }
}
