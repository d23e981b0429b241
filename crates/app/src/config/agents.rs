//! `[agents]`: bounds for all of them, and agents with a name of the user's own choice
//! (`[agents.reviewer]`), which definitions write as `agent: reviewer`.

use std::collections::BTreeMap;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::authored::Length;

/// What is built in; a name of the user's own is none of these.
pub const BUILT_IN: [&str; 3] = ["claude", "codex", "gemini"];

/// `[agents]` as it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agents {
    /// See `default.toml`.
    pub silence: Option<Length>,
    /// See `default.toml`.
    pub retrying: Option<Length>,
    /// `[agents.<name>]`.
    pub named: BTreeMap<String, NamedAgent>,
}

/// An agent under a name: what it is, and how it is started when that is not the usual way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedAgent {
    /// What it speaks.
    pub kind: Kind,
    /// Its program and first words, split as a shell does, nothing expanded. Needed for `acp` and
    /// `command`; otherwise the agent's usual name, looked up on the PATH.
    pub command: Option<String>,
    /// The model of steps that name none.
    pub model: Option<String>,
    /// More words for its command line.
    #[serde(default)]
    pub args: Vec<String>,
    /// More environment variables; a step's own `env` goes over them.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// The kinds of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Kind {
    Claude,
    Codex,
    Gemini,
    Acp,
    Command,
}

impl Kind {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Acp => "acp",
            Self::Command => "command",
        }
    }
}

impl NamedAgent {
    /// Its program and words, before what its driver adds.
    ///
    /// # Errors
    /// Its `command` has an open quote.
    pub fn words(&self) -> Result<Vec<String>, String> {
        let command = self.command.as_deref().unwrap_or(self.kind.word());
        let mut words = shlex::split(command)
            .ok_or_else(|| format!("`{command}` has a quote that is not closed"))?;
        words.extend(self.args.iter().cloned());
        Ok(words)
    }

    /// What is wrong with it, and what would be right.
    fn check(&self, name: &str) -> Result<(), String> {
        if BUILT_IN.contains(&name) {
            return Err(format!(
                "`{name}` is built in: give yours another name, with `kind = \"{name}\"`"
            ));
        }
        let fits = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if !fits {
            return Err(format!(
                "`{name}` is no name of an agent: at most 64 letters, digits, `_`, `-` and `.`, a letter first"
            ));
        }
        let is_named = self
            .command
            .as_deref()
            .is_some_and(|c| !c.trim().is_empty());
        let needs = matches!(self.kind, Kind::Acp | Kind::Command) || self.command.is_some();
        if needs && !is_named {
            let kind = self.kind.word();
            return Err(format!(
                "`agents.{name}` of kind `{kind}` has no `command`: name its program"
            ));
        }
        if let Some(bad) = self
            .env
            .keys()
            .find(|key| key.is_empty() || key.contains(['=', '\0']))
        {
            return Err(format!("`agents.{name}.env`: `{bad}` names no variable"));
        }
        self.words()
            .map(drop)
            .map_err(|wrong| format!("`agents.{name}.command`: {wrong}"))
    }
}

impl<'de> Deserialize<'de> for Agents {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Agents;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Agents, A::Error> {
                let mut agents = Agents::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "silence" => agents.silence = Some(map.next_value()?),
                        "retrying" => agents.retrying = Some(map.next_value()?),
                        _ => {
                            let value: toml::Value = map.next_value()?;
                            if !value.is_table() {
                                return Err(de::Error::unknown_field(
                                    &key,
                                    &["silence", "retrying"],
                                ));
                            }
                            let agent =
                                NamedAgent::deserialize(value).map_err(de::Error::custom)?;
                            agent.check(&key).map_err(de::Error::custom)?;
                            agents.named.insert(key, agent);
                        }
                    }
                }
                Ok(agents)
            }
        }

        d.deserialize_map(Read)
    }
}
