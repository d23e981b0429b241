//! Text that may be too long for a journal row: over 16 KB it is stored once, by hash, beside it.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Longest text (bytes) that stands in a journal row itself.
pub const INLINE_LIMIT: usize = 16 * 1024;

/// SHA-256 of a blob, 64 hex digits.
pub type Hash = String;

/// The hash under which a text is stored.
#[must_use]
pub fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// A text that is stored by hash when it is over [`INLINE_LIMIT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Big {
    /// The text is here.
    Here(Arc<str>),
    /// Only its hash is known: read from a journal row and not yet resolved.
    Elsewhere(Hash),
}

impl Big {
    /// A text to store.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self::Here(text.into())
    }

    /// The text; empty when it was not resolved (the loader refuses such commits).
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Here(text) => text,
            Self::Elsewhere(_) => "",
        }
    }

    /// The blob to store beside the row, if the text is too long for it.
    #[must_use]
    pub fn blob(&self) -> Option<(Hash, Arc<str>)> {
        match self {
            Self::Here(text) if text.len() > INLINE_LIMIT => Some((hash(text), text.clone())),
            _ => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(Arc<str>),
    Blob { blob: Hash },
}

impl Serialize for Big {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Here(text) if text.len() <= INLINE_LIMIT => s.serialize_str(text),
            Self::Here(text) => Stored::Blob { blob: hash(text) }.serialize(s),
            Self::Elsewhere(blob) => Stored::Blob { blob: blob.clone() }.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Big {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(match Stored::deserialize(d)? {
            Stored::Text(text) => Self::Here(text),
            Stored::Blob { blob } => Self::Elsewhere(blob),
        })
    }
}
