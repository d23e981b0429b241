//! Text that may be too long for a journal row: over 16 KB it is stored once, by hash, beside it.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
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

    /// The same, shared.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        match self {
            Self::Here(text) => Arc::clone(text),
            Self::Elsewhere(_) => Arc::from(""),
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

/// How a long text stands in a row.
#[derive(Serialize, Deserialize)]
struct Blob {
    blob: Hash,
}

impl Serialize for Big {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Here(text) if text.len() <= INLINE_LIMIT => s.serialize_str(text),
            Self::Here(text) => Blob { blob: hash(text) }.serialize(s),
            Self::Elsewhere(blob) => Blob { blob: blob.clone() }.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Big {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Stored)
    }
}

/// Reads a text or a [`Blob`]. By hand, since texts are read often and serde would first keep a copy of each.
struct Stored;

impl<'de> Visitor<'de> for Stored {
    type Value = Big;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or an object with the hash of one")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Big, E> {
        Ok(Big::new(text))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Big, E> {
        Ok(Big::new(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Big, A::Error> {
        let Blob { blob } = Blob::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Big::Elsewhere(blob))
    }
}
