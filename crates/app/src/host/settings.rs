//! What the host takes from the settings.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_core::run::event::{PausePolicy, PauseThen};
use baton_runner::StopGrace;

use crate::config::{Config, OnTimeout};

/// See the module.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Secrets that are environment variables of the host: name to variable (`[secrets]`).
    pub secret_variables: BTreeMap<String, String>,
    /// How long an attempt goes on without a host.
    pub orphan_grace: Duration,
    /// The pauses of a stop.
    pub stop_grace: StopGrace,
    /// A step's output is cut there.
    pub log_max_bytes: u64,
    /// What a long pause leads to.
    pub pause_policy: PausePolicy,
    /// How long an agent may say nothing.
    pub agent_silence: Duration,
    /// How long an agent's model service may only fail.
    pub agent_retrying: Duration,
    /// How long a live connection may take nothing.
    pub live_patience: Duration,
    /// The largest artifact that is taken.
    pub artifacts_max_bytes: u64,
    /// Outgoing webhooks may go to private and loopback addresses.
    pub webhooks_allow_private: bool,
    /// How long a background host stays without anything to do.
    pub idle_exit: Duration,
}

impl From<Config> for Settings {
    fn from(config: Config) -> Self {
        let half = millis(config.stop_grace) / 2;
        Self {
            secret_variables: config.secrets,
            orphan_grace: config.orphan_grace,
            stop_grace: StopGrace {
                int_to_term: half,
                term_to_kill: half,
            },
            log_max_bytes: config.log_max_bytes,
            pause_policy: PausePolicy {
                timeout_ms: millis(config.pause_timeout),
                then: match config.pause_on_timeout {
                    OnTimeout::Stay => PauseThen::Stay,
                    OnTimeout::Resume => PauseThen::Resume,
                    OnTimeout::Cancel => PauseThen::Cancel,
                },
            },
            agent_silence: config.agent_silence,
            agent_retrying: config.agent_retrying,
            live_patience: config.live_patience,
            artifacts_max_bytes: config.artifacts_max_bytes,
            webhooks_allow_private: config.webhooks_allow_private,
            idle_exit: config.idle_exit,
        }
    }
}

/// Whole milliseconds.
pub fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
