//! Who may come in over the network: the first token, sign-in links and sessions.
//!
//! Knows secrets only as hashes, apart from the first token's own file (mode 0600).

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use baton_core::time::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::files;

/// The first token's file in the data directory.
pub const TOKEN: &str = "token";

/// How long a sign-in link may be used.
const LINK: Duration = Duration::from_secs(15 * 60);

/// What somebody may do; each may all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "users other than `local` come next")]
pub enum Role {
    /// Only what is open to all.
    Nobody,
    /// Look.
    Viewer,
    /// Start, steer and answer runs.
    Operator,
    /// Everything.
    Admin,
}

type Hashed = [u8; 32];

/// See the module.
#[derive(Debug)]
pub struct Access {
    first: Hashed,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    links: HashMap<Hashed, Timestamp>,
    sessions: HashMap<Hashed, ()>,
}

impl Access {
    /// Opens what is kept in this data directory; makes the first token when there is none.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(TOKEN);
        let token = match std::fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
            Ok(_) => Self::first(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::first(&path)?,
            Err(error) => return Err(error),
        };
        Ok(Self {
            first: hashed(&token),
            live: Mutex::default(),
        })
    }

    fn first(path: &Path) -> io::Result<String> {
        let token = format!("baton_{}", secret());
        files::write_private(path, format!("{token}\n").as_bytes())?;
        Ok(token)
    }

    /// Whether this is a token.
    pub fn token(&self, token: &str) -> bool {
        // Hashes of secrets: how long comparing them takes says nothing of use.
        hashed(token) == self.first
    }

    /// Whether this session is signed in.
    pub fn session(&self, session: &str) -> bool {
        self.lock().sessions.contains_key(&hashed(session))
    }

    /// A secret that signs in once, for a quarter of an hour.
    pub fn link(&self) -> String {
        let link = secret();
        let now = super::now();
        let mut live = self.lock();
        live.links.retain(|_, made| now.since(*made) < LINK);
        live.links.insert(hashed(&link), now);
        link
    }

    /// A session for a link that was not used yet, or for a token.
    pub fn sign_in(&self, proof: &str) -> Option<String> {
        let mut live = self.lock();
        let made = live.links.remove(&hashed(proof));
        let fresh = made.is_some_and(|made| super::now().since(made) < LINK);
        if !fresh && !self.token(proof) {
            return None;
        }
        let session = secret();
        live.sessions.insert(hashed(&session), ());
        Some(session)
    }

    /// Ends a session.
    pub fn sign_out(&self, session: &str) {
        self.lock().sessions.remove(&hashed(session));
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hashed(secret: &str) -> Hashed {
    Sha256::digest(secret.as_bytes()).into()
}

/// 244 random bits of the system's.
fn secret() -> String {
    let half = || uuid::Uuid::new_v4().simple();
    format!("{}{}", half(), half())
}
