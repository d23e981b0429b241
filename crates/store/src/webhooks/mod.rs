//! Outgoing webhooks: who wants to be told what, and what each was told (`webhooks.db`).

mod deliveries;
mod endpoints;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::OpenError;
use crate::beside;

pub use deliveries::{Delivery, Outcome, State, Telling};
pub use endpoints::Endpoint;

const FILE: &str = "webhooks.db";

const VERSIONS: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql")];

/// See the module. Blocks on the disk.
#[derive(Debug)]
pub struct Webhooks {
    connection: Mutex<Connection>,
}

impl Webhooks {
    /// Those of this directory.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let connection = beside::open(&directory.join(FILE), VERSIONS)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
