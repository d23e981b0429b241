//! `baton serve`: the host in the foreground, with the API and the web app on an address.

use std::net::SocketAddr;
use std::process::ExitCode;

use super::context::Context;
use crate::host;

/// Serve the web app and the API on an address, and drive runs, until told to end.
///
/// A host that runs in the background already hands over; its steps and agents go on.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The address; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4747")]
    listen: SocketAddr,
}

impl Serve {
    /// Serves until asked to end.
    pub fn carry_out(self, context: &Context) -> ExitCode {
        host::serve_at(&context.data_dir, self.listen)
    }
}
