//! What the host takes from the settings, resolved.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_core::run::event::PausePolicy;

/// See the module.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Names of the run's environment that expressions may use (`[env] allow`).
    pub env_allow: Vec<String>,
    /// Secrets that are environment variables of the host: name to variable (`[secrets]`).
    pub secret_variables: BTreeMap<String, String>,
    /// How long an attempt goes on without a host (`orphan_grace`).
    pub orphan_grace: Duration,
    /// A step's output is cut there (`log.max_bytes`).
    pub log_max_bytes: u64,
    /// What a long pause leads to (`pause.*`).
    pub pause_policy: PausePolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            env_allow: Vec::new(),
            secret_variables: BTreeMap::new(),
            orphan_grace: Duration::from_secs(600),
            log_max_bytes: 100 * 1024 * 1024,
            pause_policy: PausePolicy::default(),
        }
    }
}
