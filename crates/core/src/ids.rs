//! Identifiers. Each is a prefix and the 32 hex digits of a UUIDv7, in a type of its own.
//!
//! Nothing here reads a clock or a random source: new ids come from a [`Mint`], which is fed by the
//! command that causes them, so a replay makes the same ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::time::Timestamp;

/// Why a text is not the id it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind} id: expected `{prefix}_` and 32 hex digits")]
pub struct BadId {
    /// What was expected, e.g. `run`.
    pub kind: &'static str,
    /// The prefix expected.
    pub prefix: &'static str,
    /// What was given (cut to 64 characters).
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The prefix of this kind of id in its text form.
            pub const PREFIX: &'static str = $prefix;

            /// An id from its 128 bits.
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The 128 bits of the UUID.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(written($prefix, self.0, &mut [0; LONGEST]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = || BadId {
                    kind: stringify!($name),
                    prefix: $prefix,
                    text: text.chars().take(64).collect(),
                };
                let hex = text.strip_prefix(concat!($prefix, "_"));
                hex.and_then(read).map(Self).ok_or_else(bad)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(written($prefix, self.0, &mut [0; LONGEST]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("an id that begins with `", $prefix, "_`"))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                d.deserialize_str(Text)
            }
        }
    };
}

/// No id is longer, in bytes.
const LONGEST: usize = 40;

/// An id as text. One answer has thousands of them: by hand it takes a fraction of what formatting
/// takes.
fn written<'b>(prefix: &str, bits: u128, buffer: &'b mut [u8; LONGEST]) -> &'b str {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let begin = prefix.len() + 1;
    buffer[..prefix.len()].copy_from_slice(prefix.as_bytes());
    buffer[prefix.len()] = b'_';
    let digits = buffer[begin..begin + 32].chunks_exact_mut(2);
    for (two, byte) in digits.zip(bits.to_be_bytes()) {
        two[0] = HEX[usize::from(byte >> 4)];
        two[1] = HEX[usize::from(byte & 15)];
    }
    std::str::from_utf8(&buffer[..begin + 32]).unwrap_or_default()
}

/// The bits that 32 hex digits stand for.
fn read(hex: &str) -> Option<u128> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let half = |half: &[u8]| {
        let digits = half.iter();
        digits.copied().try_fold(0, |bits: u64, byte| {
            Some(bits << 4 | u64::from(digit(byte)?))
        })
    };
    let hex: &[u8; 32] = hex.as_bytes().try_into().ok()?;
    Some(u128::from(half(&hex[..16])?) << 64 | u128::from(half(&hex[16..])?))
}

id!(
    /// One execution of a definition.
    RunId, "run");
id!(
    /// One step of one run. Derived from the run and the step's key: see [`StepId::of`].
    StepId, "step");
id!(
    /// One try of a step.
    AttemptId, "att");
id!(
    /// A definition, kept through edits.
    DefinitionId, "def");
id!(
    /// A registered project.
    ProjectId, "prj");
id!(
    /// An agent's session.
    SessionId, "ses");
id!(
    /// An artifact.
    ArtifactId, "art");
id!(
    /// A user.
    UserId, "usr");
id!(
    /// An access token.
    TokenId, "tok");
id!(
    /// An address that is told of events.
    WebhookId, "whk");
id!(
    /// One event for one such address.
    DeliveryId, "dlv");

impl UserId {
    /// The built-in user `local` (admin), who owns what the command line does.
    pub const LOCAL: Self = Self(0x0000_0000_0000_7000_8000_0000_0000_0001);
}

impl StepId {
    /// The id of the step with this key in this run: the run's time, then a hash of both, so that
    /// it need not be stored and is the same in every replay.
    #[must_use]
    pub fn of(run: RunId, key: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(run.0.to_be_bytes());
        hash.update(key.as_bytes());
        Self(v7((run.0 >> 80) as u64, low_bits(&hash.finalize())))
    }
}

impl ArtifactId {
    /// The id of the file of this name that an attempt left: the same whenever it is asked for.
    #[must_use]
    pub fn of(attempt: AttemptId, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(attempt.0.to_be_bytes());
        hash.update(name.as_bytes());
        Self(v7((attempt.0 >> 80) as u64, low_bits(&hash.finalize())))
    }
}

impl DefinitionId {
    /// The id of the definition with this key in this project.
    #[must_use]
    pub fn of(project: ProjectId, key: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(project.0.to_be_bytes());
        hash.update(key.as_bytes());
        Self(v7((project.0 >> 80) as u64, low_bits(&hash.finalize())))
    }
}

fn low_bits(digest: &[u8]) -> u128 {
    digest
        .iter()
        .take(16)
        .fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
}

/// A UUIDv7 (RFC 9562) of this time and these random bits.
fn v7(millis: u64, random: u128) -> u128 {
    let time = u128::from(millis & 0xffff_ffff_ffff) << 80;
    let rand_a = (random >> 64) & 0xfff;
    let rand_b = random & 0x3fff_ffff_ffff_ffff;
    time | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b
}

/// Makes ids from what a command brought: its time and 16 random bytes. The same command makes the
/// same ids in the same order.
#[derive(Debug, Clone)]
pub struct Mint {
    millis: u64,
    seed: u128,
    made: u64,
}

impl Mint {
    /// A mint for one command.
    #[must_use]
    pub fn new(now: Timestamp, seed: u128) -> Self {
        Self {
            millis: now.millis(),
            seed,
            made: 0,
        }
    }

    fn next(&mut self) -> u128 {
        self.made += 1;
        // SplitMix64 on both halves: the seed is random already, this only spreads it.
        let low =
            mix((self.seed as u64).wrapping_add(self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let high = mix(((self.seed >> 64) as u64) ^ low.rotate_left(31) ^ self.made);
        v7(self.millis, (u128::from(high) << 64) | u128::from(low))
    }

    /// A new run's id.
    pub fn run(&mut self) -> RunId {
        RunId(self.next())
    }

    /// A new attempt's id.
    pub fn attempt(&mut self) -> AttemptId {
        AttemptId(self.next())
    }

    /// A new artifact's id.
    pub fn artifact(&mut self) -> ArtifactId {
        ArtifactId(self.next())
    }

    /// A new project's id.
    pub fn project(&mut self) -> ProjectId {
        ProjectId(self.next())
    }

    /// A new webhook's id.
    pub fn webhook(&mut self) -> WebhookId {
        WebhookId(self.next())
    }

    /// A new delivery's id.
    pub fn delivery(&mut self) -> DeliveryId {
        DeliveryId(self.next())
    }

    /// 64 random bits, e.g. for the jitter of a backoff.
    pub fn random(&mut self) -> u64 {
        self.next() as u64
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A command's identity: what makes a repeat of it harmless. Free text, at most 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub String);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_and_read_as_hex_digits() {
        let steps =
            (0..500).map(|n: u128| n.wrapping_mul(0x0123_4567_89ab_cdef_1357_9bdf_0246_8ace));
        for bits in steps.chain([u128::MAX, 1, 1 << 64, u128::from(u64::MAX)]) {
            let id = RunId::from_bits(bits);
            let text = format!("run_{bits:032x}");
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(text.to_uppercase().replace("RUN_", "run_").parse(), Ok(id));
            let json = format!("\"{text}\"");
            assert_eq!(serde_json::to_string(&id).unwrap(), json);
            assert_eq!(serde_json::from_str::<RunId>(&json).unwrap(), id);
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let digits = "0".repeat(32);
        for text in [
            String::new(),
            "run_".into(),
            digits.clone(),
            format!("run_{digits}0"),
            format!("run_{}", &digits[1..]),
            format!("run_+{}", &digits[1..]),
            format!("run_g{}", &digits[1..]),
            format!("step_{digits}"),
            format!("run_{}ä", &digits[2..]),
        ] {
            let error = text.parse::<RunId>().unwrap_err();
            assert_eq!((error.kind, error.prefix), ("RunId", "run"), "{text}");
            let json = serde_json::Value::from(text.as_str());
            assert!(serde_json::from_value::<RunId>(json).is_err(), "{text}");
        }
    }
}
