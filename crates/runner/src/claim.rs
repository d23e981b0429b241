//! The claim: the one file that says who may start the attempt's child. Made once, whole and
//! synced; never changed, never taken over.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use serde::{Deserialize, Serialize};

use crate::attempt_dir::AttemptDir;
use crate::proc::Identity;

/// Who claimed an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) v: u32,
    pub(crate) generation: u64,
    pub(crate) by: Claimant,
    #[serde(flatten)]
    pub(crate) process: Identity,
}

/// The kind of process that claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Claimant {
    /// It starts the child.
    Shepherd,
    /// It takes the attempt back: no child may be started any more.
    Host,
}

impl Claim {
    /// Claims the attempt for the calling process; false when it is claimed already. When this
    /// returns true the claim is durable.
    pub(crate) fn take(dir: &AttemptDir, by: Claimant, generation: u64) -> io::Result<bool> {
        let claim = Self {
            v: 1,
            generation,
            by,
            process: Identity::own()?,
        };
        let draft = dir.path().join(format!("claim.{}", claim.process.pid));
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec(&claim)?)?;
        // A link to a finished file is exclusive as O_EXCL is, and never seen half written.
        let linked = fs::hard_link(&draft, dir.claim());
        let _left_over = fs::remove_file(&draft);
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        }
        // Synced after the link, so that a journaling file system commits once for all three.
        file.sync_all()?;
        dir.sync()?;
        dir.sync_parent()?;
        Ok(true)
    }

    /// The claim, when there is one. A text that is not whole was left by a power failure before
    /// anything was started: it reads as the claim of a shepherd that is dead.
    pub(crate) fn read(dir: &AttemptDir) -> io::Result<Option<Self>> {
        let text = match fs::read(dir.claim()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        Ok(Some(serde_json::from_slice(&text).unwrap_or_else(|_| {
            Self {
                v: 1,
                generation: 0,
                by: Claimant::Shepherd,
                process: Identity {
                    pid: 0,
                    start: 0,
                    boot: String::new(),
                },
            }
        })))
    }
}
