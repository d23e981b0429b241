//! Config as it is written: every key optional, unknown ones refused with the nearest known one.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_core::time::parse_duration;
use serde::{Deserialize, Deserializer, de};

use super::agents::Agents;
use super::suggest::nearest;
use super::{ConfigError, OnTimeout};

/// One file, or the environment, as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authored {
    /// See `default.toml`; so for all keys.
    pub orphan_grace: Option<Length>,
    /// See `default.toml`.
    pub stop_grace: Option<Length>,
    /// See `default.toml`.
    pub idle_exit: Option<Length>,
    /// See `default.toml`.
    pub database_url: Option<String>,
    /// See `default.toml`.
    #[serde(default)]
    pub pause: Pause,
    /// See `default.toml`.
    #[serde(default)]
    pub log: Log,
    /// See `default.toml`.
    #[serde(default)]
    pub env: Env,
    /// See `default.toml`.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// See `default.toml`.
    #[serde(default)]
    pub agents: Agents,
    /// See `default.toml`.
    #[serde(default)]
    pub live: Live,
    /// See `default.toml`.
    #[serde(default)]
    pub artifacts: Artifacts,
    /// See `default.toml`.
    #[serde(default)]
    pub webhooks: Webhooks,
}

/// `[live]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Live {
    pub patience: Option<Length>,
}

/// `[artifacts]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Artifacts {
    pub max_bytes: Option<Bytes>,
}

/// `[webhooks]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Webhooks {
    pub allow_private: Option<bool>,
}

/// `[pause]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Pause {
    pub timeout: Option<Length>,
    pub on_timeout: Option<OnTimeout>,
}

/// `[log]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Log {
    pub max_bytes: Option<Bytes>,
}

/// `[env]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Env {
    pub allow: Option<Vec<String>>,
}

/// Where a secret's value is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The environment variable that holds it.
    pub env: String,
}

/// A duration as definitions write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(pub Duration);

impl Length {
    /// From text.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse_duration(text).map(Self).map_err(|e| e.to_string())
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Bytes {
    /// From text: a number, or one with `B`, `KiB`, `MiB`, `GiB` or `TiB`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = text[..text.len() - digits.len()].parse::<u64>().ok();
        let unit = match digits.trim() {
            "" | "B" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            "TiB" => Some(1_u64 << 40),
            _ => None,
        };
        let bytes = number
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit));
        bytes
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a size: write 1048576, `64MiB` or `1GiB`"))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(d)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => Self::parse(&text).map_err(de::Error::custom),
        }
    }
}

impl Authored {
    /// Reads a file's text. `file` is what messages call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let message = error.to_string();
            let near = meant(error.message()).map(|near| format!("did you mean `{near}`?"));
            ConfigError(match near {
                Some(near) => format!("{file}: {}\n{near}", message.trim_end()),
                None => format!("{file}: {}", message.trim_end()),
            })
        })
    }
}

/// The known key nearest to an unknown one, from serde's "unknown field `x`, expected one of `a`".
fn meant(message: &str) -> Option<String> {
    let (wrong, right) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known = right.split('`').skip(1).step_by(2);
    nearest(wrong, known).map(str::to_owned)
}
