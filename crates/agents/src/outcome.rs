//! How a turn ended, and the named ways in which agents fail.

use baton_core::time::Timestamp;
use serde_json::Value;

/// The end of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// The agent has answered.
    Done {
        /// Its final answer.
        text: String,
        /// The answer as JSON, when the agent itself gave it apart from the text.
        structured: Option<Value>,
    },
    /// It was interrupted as asked; the session is kept.
    Interrupted,
    /// It failed.
    Failed(Failure),
}

/// Why an agent failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// For people: what happened and what would be right.
    pub message: String,
}

impl Failure {
    /// A failure of this kind, in these words.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// The named ways in which agents fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// Nobody is logged in, and there is no key.
    NotLoggedIn,
    /// The key or login is refused (401, 403).
    BadKey,
    /// The account has no credit.
    NoCredit,
    /// The model is not known to the agent or service.
    UnknownModel,
    /// A usage limit; nothing is answered until it is reset.
    UsageLimit {
        /// When, if known.
        resets_at: Option<Timestamp>,
    },
    /// The service failed or is overloaded, retries included.
    Api {
        /// The HTTP status, if known.
        status: Option<u16>,
    },
    /// The conversation does not fit the model any more.
    ContextFull,
    /// The allowed turns are used up.
    MaxTurns,
    /// The agent's own fence for money.
    Budget,
    /// The model refused, or its answer was cut off.
    Refused,
    /// The session to resume does not exist (any more).
    SessionLost,
    /// The session is in use by another process.
    SessionInUse,
    /// As root the agent refuses to skip permissions.
    Root,
    /// The agent does not trust, or cannot work in, the directory.
    Directory,
    /// The process ended without a result, or with a broken last line.
    NoResult,
    /// What it said breaks its own protocol.
    Protocol,
    /// Something else.
    Other,
}

impl FailureKind {
    /// Whether the same attempt may go better another time.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api { .. }
            | Self::NoResult
            | Self::Protocol
            | Self::SessionInUse
            | Self::Refused
            | Self::Other
            | Self::UsageLimit { .. } => true,
            Self::NotLoggedIn
            | Self::BadKey
            | Self::NoCredit
            | Self::UnknownModel
            | Self::ContextFull
            | Self::MaxTurns
            | Self::Budget
            | Self::SessionLost
            | Self::Root
            | Self::Directory => false,
        }
    }
}
