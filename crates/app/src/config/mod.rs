//! Settings: read from the user's file, the project's file and the environment, resolved once into
//! plain values. `default.toml` lists every key.

mod agents;
mod authored;
pub mod suggest;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use agents::{BUILT_IN, Kind, NamedAgent};
use authored::{Authored, Bytes, Length};

/// Every key with its default and what it means.
pub const DEFAULT: &str = include_str!("default.toml");

/// The settings that hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How long attempts go on without a host.
    pub orphan_grace: Duration,
    /// How long processes get to end when told to.
    pub stop_grace: Duration,
    /// After how long an idle background host ends.
    pub idle_exit: Duration,
    /// The database file, when it is not in the data directory.
    pub database: Option<PathBuf>,
    /// After how long a pause has lasted too long.
    pub pause_timeout: Duration,
    /// What happens then.
    pub pause_on_timeout: OnTimeout,
    /// Where a step's output is cut.
    pub log_max_bytes: u64,
    /// Environment variables that definitions may read.
    pub env_allow: Vec<String>,
    /// How long an agent may say nothing.
    pub agent_silence: Duration,
    /// How long an agent's model service may only fail.
    pub agent_retrying: Duration,
    /// Agents with a name of the user's own choice.
    pub agents: BTreeMap<String, NamedAgent>,
    /// How long a live connection may take nothing.
    pub live_patience: Duration,
    /// The largest artifact that is taken.
    pub artifacts_max_bytes: u64,
    /// Outgoing webhooks may go to private and loopback addresses.
    pub webhooks_allow_private: bool,
    /// Secrets kept in the environment: name to variable.
    pub secrets: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            orphan_grace: Duration::from_secs(600),
            stop_grace: Duration::from_secs(10),
            idle_exit: Duration::from_secs(10),
            database: None,
            pause_timeout: Duration::from_secs(1800),
            pause_on_timeout: OnTimeout::Stay,
            log_max_bytes: 1 << 30,
            env_allow: Vec::new(),
            agent_silence: Duration::from_secs(1800),
            agent_retrying: Duration::from_secs(300),
            agents: BTreeMap::new(),
            live_patience: Duration::from_secs(10),
            artifacts_max_bytes: 100 << 20,
            webhooks_allow_private: false,
            secrets: BTreeMap::new(),
        }
    }
}

/// What happens when a pause has lasted too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// It stays paused.
    Stay,
    /// It goes on.
    Resume,
    /// It is cancelled.
    Cancel,
}

/// A setting that cannot be read; says where and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// The settings for this project (or for none), from the files and the environment of this process.
///
/// # Errors
/// For a file or variable that cannot be read, an unknown key, or one out of its place.
pub fn load(project: Option<&Path>) -> Result<Config, ConfigError> {
    let user = user_file();
    let project = project.map(|dir| dir.join(".agent/baton.toml"));
    load_from(user.as_deref(), project.as_deref(), &|name| {
        std::env::var(name).ok()
    })
}

/// The user's config file.
#[must_use]
pub fn user_file() -> Option<PathBuf> {
    Some(base("XDG_CONFIG_HOME", ".config")?.join("baton/baton.toml"))
}

/// The platform's data directory for Baton.
#[must_use]
pub fn data_dir() -> Option<PathBuf> {
    Some(base("XDG_DATA_HOME", ".local/share")?.join("baton"))
}

/// A base directory as the XDG specification has it: relative paths do not count.
fn base(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))
}

fn load_from(
    user: Option<&Path>,
    project: Option<&Path>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    config.apply(read(user)?)?;
    let of_project = read(project)?;
    if let Some(path) = project {
        may_be_a_projects(&of_project, path)?;
    }
    config.apply(of_project)?;
    config.apply(environment(variable)?)?;
    Ok(config)
}

fn read(path: Option<&Path>) -> Result<Authored, ConfigError> {
    let Some(path) = path else {
        return Ok(Authored::default());
    };
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Authored::parse(&file, &text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Authored::default()),
        Err(error) => Err(ConfigError(format!("{file}: {error}"))),
    }
}

/// What concerns the host of all projects is not one project's to say.
fn may_be_a_projects(authored: &Authored, path: &Path) -> Result<(), ConfigError> {
    let host_keys = [
        ("orphan_grace", authored.orphan_grace.is_some()),
        ("idle_exit", authored.idle_exit.is_some()),
        ("database_url", authored.database_url.is_some()),
        ("live.patience", authored.live.patience.is_some()),
        (
            "artifacts.max_bytes",
            authored.artifacts.max_bytes.is_some(),
        ),
        (
            "webhooks.allow_private",
            authored.webhooks.allow_private.is_some(),
        ),
    ];
    match host_keys.into_iter().find(|(_, said)| *said) {
        None => Ok(()),
        Some((key, _)) => {
            let file = path.display();
            let text = format!(
                "{file}: `{key}` is for the whole host: it belongs in the user's baton.toml"
            );
            Err(ConfigError(text))
        }
    }
}

fn environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Authored, ConfigError> {
    let said = |name: &str| variable(name).filter(|text| !text.is_empty());
    let length = |name: &str| parsed(name, said(name), Length::parse);
    let mut authored = Authored {
        orphan_grace: length("BATON_ORPHAN_GRACE")?,
        stop_grace: length("BATON_STOP_GRACE")?,
        idle_exit: length("BATON_IDLE_EXIT")?,
        database_url: said("BATON_DATABASE_URL").or_else(|| said("DATABASE_URL")),
        ..Authored::default()
    };
    authored.pause.timeout = length("BATON_PAUSE_TIMEOUT")?;
    authored.agents.silence = length("BATON_AGENTS_SILENCE")?;
    authored.agents.retrying = length("BATON_AGENTS_RETRYING")?;
    authored.live.patience = length("BATON_LIVE_PATIENCE")?;
    let name = "BATON_ARTIFACTS_MAX_BYTES";
    authored.artifacts.max_bytes = parsed(name, said(name), Bytes::parse)?;
    let name = "BATON_WEBHOOKS_ALLOW_PRIVATE";
    authored.webhooks.allow_private = parsed(name, said(name), |text| {
        let wrong = |_| format!("`{text}` is not `true` or `false`");
        text.parse().map_err(wrong)
    })?;
    let name = "BATON_PAUSE_ON_TIMEOUT";
    authored.pause.on_timeout = parsed(name, said(name), |text| match text {
        "stay" => Ok(OnTimeout::Stay),
        "resume" => Ok(OnTimeout::Resume),
        "cancel" => Ok(OnTimeout::Cancel),
        other => Err(format!("`{other}` is not `stay`, `resume` or `cancel`")),
    })?;
    let name = "BATON_LOG_MAX_BYTES";
    authored.log.max_bytes = parsed(name, said(name), Bytes::parse)?;
    let words = |text: String| text.split(',').map(|word| word.trim().to_owned()).collect();
    authored.env.allow = said("BATON_ENV_ALLOW").map(words);
    Ok(authored)
}

fn parsed<T>(
    name: &str,
    text: Option<String>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    text.map(|text| parse(&text).map_err(|error| ConfigError(format!("{name}: {error}"))))
        .transpose()
}

/// `sqlite:` and `file:` name a file; nothing else is supported yet.
fn database(url: &str) -> Result<PathBuf, ConfigError> {
    let path = url
        .strip_prefix("sqlite:")
        .or_else(|| url.strip_prefix("file:"));
    let path = path.map(|path| path.strip_prefix("//").unwrap_or(path));
    match path.filter(|path| !path.is_empty()) {
        Some(path) => Ok(PathBuf::from(path)),
        None if url.starts_with("postgres") => Err(ConfigError(
            "DATABASE_URL: PostgreSQL comes with the cluster; this version keeps its data in \
             SQLite: unset it, or write `sqlite:PATH`"
                .into(),
        )),
        // The text may hold a password.
        None => Err(ConfigError(
            "DATABASE_URL: write `sqlite:PATH` or `file:PATH`".into(),
        )),
    }
}

impl Config {
    /// Puts what is written over what holds.
    fn apply(&mut self, authored: Authored) -> Result<(), ConfigError> {
        let set =
            |to: &mut Duration, from: Option<Length>| *to = from.map_or(*to, |length| length.0);
        set(&mut self.orphan_grace, authored.orphan_grace);
        set(&mut self.stop_grace, authored.stop_grace);
        set(&mut self.idle_exit, authored.idle_exit);
        set(&mut self.pause_timeout, authored.pause.timeout);
        set(&mut self.agent_silence, authored.agents.silence);
        set(&mut self.agent_retrying, authored.agents.retrying);
        set(&mut self.live_patience, authored.live.patience);
        if let Some(Bytes(bytes)) = authored.artifacts.max_bytes {
            self.artifacts_max_bytes = bytes;
        }
        if let Some(allow) = authored.webhooks.allow_private {
            self.webhooks_allow_private = allow;
        }
        if let Some(url) = authored.database_url {
            self.database = Some(database(&url)?);
        }
        if let Some(then) = authored.pause.on_timeout {
            self.pause_on_timeout = then;
        }
        if let Some(Bytes(bytes)) = authored.log.max_bytes {
            self.log_max_bytes = bytes;
        }
        if let Some(names) = authored.env.allow {
            self.env_allow = names;
        }
        self.agents.extend(authored.agents.named);
        let secrets = authored.secrets.into_iter();
        self.secrets
            .extend(secrets.map(|(name, secret)| (name, secret.env)));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
