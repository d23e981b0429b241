//! Folded states kept as files beside the journal: `snapshots/<run id>`. A cache: written without a
//! sync, checked when read, thrown away when it cannot be right.

use std::fs;
use std::path::{Path, PathBuf};

use baton_core::ids::RunId;

/// The directory in the data directory.
const DIRECTORY: &str = "snapshots";

/// See the module.
#[derive(Debug)]
pub(super) struct Snapshots {
    directory: PathBuf,
}

impl Snapshots {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            directory: data_dir.join(DIRECTORY),
        }
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.directory.join(run.to_string())
    }

    /// The state kept and the sequence number it stands for.
    pub(super) fn read(&self, run: RunId) -> Option<(u64, Vec<u8>)> {
        let mut bytes = fs::read(self.path(run)).ok()?;
        let (head, _) = bytes.split_first_chunk::<8>()?;
        let seq = u64::from_le_bytes(*head);
        bytes.drain(..8);
        Some((seq, bytes))
    }

    /// Keeps a state; what cannot be written is folded from the journal next time.
    pub(super) fn write(&self, run: RunId, seq: u64, bytes: &[u8]) {
        let temporary = self.directory.join(format!("{run}.tmp"));
        let write = || -> std::io::Result<()> {
            crate::journal::schema::make_private_dir(&self.directory)?;
            let mut all = Vec::with_capacity(bytes.len() + 8);
            all.extend_from_slice(&seq.to_le_bytes());
            all.extend_from_slice(bytes);
            fs::write(&temporary, all)?;
            fs::rename(&temporary, self.path(run))
        };
        if let Err(error) = write() {
            tracing::debug!(%run, %error, "a folded state cannot be kept");
        }
    }

    /// Forgets the state of a run.
    pub(super) fn remove(&self, run: RunId) {
        let _ = fs::remove_file(self.path(run));
    }
}
