//! What somebody may do, in one word.

use serde::{Deserialize, Serialize};

/// Each may all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Only what is open to all.
    #[serde(skip_deserializing)]
    Nobody,
    /// Look.
    Viewer,
    /// Start, steer and answer runs.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of this word; `None` for words that nobody can be given.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin]
            .into_iter()
            .find(|role| role.word() == word)
    }
}
