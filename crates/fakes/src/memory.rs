//! What a fake agent remembers of its sessions, as the real ones do: a file per session below
//! `$FAKE_AGENT_HOME` (else the current directory's `.fake-agent`).

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A session on disk.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Session {
    /// What the person has said so far.
    pub said: Vec<String>,
    /// Limits and the like that were met once.
    pub met: Vec<String>,
    /// Dollars spent so far.
    pub usd: f64,
    /// Tokens in and out so far.
    pub tokens: (u64, u64),
}

fn path(agent: &str, id: &str) -> PathBuf {
    let home =
        std::env::var_os("FAKE_AGENT_HOME").map_or_else(|| ".fake-agent".into(), PathBuf::from);
    let safe: String = id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    home.join(format!("{agent}-{safe}.json"))
}

/// The session, if there is one.
///
/// # Errors
/// The file cannot be read as a session.
pub fn load(agent: &str, id: &str) -> io::Result<Option<Session>> {
    match std::fs::read(path(agent, id)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(Into::into),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the session, atomically.
///
/// # Errors
/// The disk's.
pub fn save(agent: &str, id: &str, session: &Session) -> io::Result<()> {
    let path = path(agent, id);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let beside = path.with_extension(format!("tmp-{}", std::process::id()));
    std::fs::write(&beside, serde_json::to_vec(session)?)?;
    std::fs::rename(beside, path)
}
