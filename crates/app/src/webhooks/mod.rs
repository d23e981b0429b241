//! Outgoing webhooks: committed events become signed deliveries, each tried for a day.
//!
//! [`follow`] turns events into deliveries, [`send`] sends what is due. What was not delivered at a
//! crash is due at the next start; an endpoint may get a delivery twice, with the same `webhook-id`.

pub mod address;
mod follow;
mod send;
pub mod signature;

use std::sync::Arc;

pub use send::tls;

use baton_store::Webhooks;
use tokio::sync::Notify;

use crate::host::Host;
use crate::server::live::Hub;

/// The webhooks of a host.
pub struct Outgoing {
    /// What is kept of them.
    pub kept: Webhooks,
    /// The endpoints have changed.
    changed: Notify,
    /// Something may be due.
    due: Notify,
}

impl Outgoing {
    /// Those that are kept.
    #[must_use]
    pub fn new(kept: Webhooks) -> Self {
        Self {
            kept,
            changed: Notify::new(),
            due: Notify::new(),
        }
    }

    /// Endpoints were made, changed or removed.
    pub fn note_changed(&self) {
        self.changed.notify_one();
        self.due.notify_one();
    }

    /// Something may be due.
    pub fn note_due(&self) {
        self.due.notify_one();
    }
}

/// Follows the events and sends what is due, as long as the host lives.
pub fn start(host: &Arc<Host>, hub: &Arc<Hub>) {
    let follow = follow::follow(host.clone(), hub.clone());
    let send = send::send(host.clone());
    let mut leaving = host.leaving();
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the host; what it does is kept durably step by step"
    )]
    tokio::spawn(async move {
        tokio::select! {
            () = follow => {}
            () = send => {}
            _ = leaving.wait_for(|leaving| *leaving) => {}
        }
    });
}
