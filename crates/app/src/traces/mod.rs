//! OpenTelemetry traces: a span for each run, step, attempt and tool call that has ended, sent by
//! OTLP over HTTP.
//!
//! They are made of committed events, with the journal's times and with ids derived from those of
//! the run, so a restart goes on in the same trace and where it had stopped. The journal is also
//! their queue: a collector that is away holds nothing up, and nothing is kept in memory for it
//! but one batch. No text of a person, an agent or a process is ever in a span, but for why
//! something failed.

mod export;
mod follow;
mod settings;
mod spans;
mod tale;
mod tools;

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;

use crate::host::Host;
use settings::Settings;

/// What became of spans, for `/metrics`.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Those that a collector took.
    pub sent: Counter,
    /// Those that no collector took in time, or that it refused.
    pub dropped: Counter,
}

/// Sends traces as long as the host lives, if the environment names a collector.
pub fn start(host: &Arc<Host>, counts: Counts) {
    let settings = match Settings::read(&|name| std::env::var(name).ok()) {
        Ok(Some(settings)) => settings,
        Ok(None) => return,
        Err(wrong) => return tracing::warn!("no traces are sent: {wrong}"),
    };
    let exporter = match export::Exporter::new(settings, counts) {
        Ok(exporter) => exporter,
        Err(wrong) => return tracing::warn!("no traces are sent: {wrong}"),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the host; how far it came is kept"
    )]
    tokio::spawn(follow::follow(host.clone(), exporter));
}
