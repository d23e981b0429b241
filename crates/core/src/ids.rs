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
                write!(f, concat!($prefix, "_{:032x}"), self.0)
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
                let hex = text
                    .strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
                    .ok_or_else(bad)?;
                u128::from_str_radix(hex, 16).map(Self).map_err(|_| bad())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
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
