//! `baton serve`: the host in the foreground, with the API and the web app on an address.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use baton_core::time::parse_duration;

use super::context::Context;
use super::exit::Exit;
use super::project;
use crate::host::{self, Serving};

/// Serve the web app and the API on an address, and drive runs, until told to end.
///
/// A host that runs in the background already hands over; its steps and agents go on. The project
/// it is started in is registered, and the link opens on it.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The address; port 0 takes a free one.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:4747",
        env = "BATON_LISTEN"
    )]
    listen: SocketAddr,
    /// A certificate chain (PEM): speak TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A proxy stands in front: it speaks TLS, and its X-Forwarded-For says who asks.
    #[arg(long)]
    behind_proxy: bool,
    /// A name by which browsers reach it, beside its address; may be repeated.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// How long a client may take to say what it wants.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    patience: Duration,
    /// Take tokens (RS256, ES256) that are signed by the keys of this JWKS file, beside those
    /// (HS256) that are signed with the environment variable JWT_SECRET.
    #[arg(long, value_name = "FILE", env = "BATON_JWKS")]
    jwks: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

impl Serve {
    /// Serves until asked to end.
    pub fn carry_out(self, context: &Context) -> ExitCode {
        let serving = Serving {
            listen: self.listen,
            tls: self.tls_cert.zip(self.tls_key),
            behind_proxy: self.behind_proxy,
            names: self.hosts,
            patience: self.patience,
            jwks: self.jwks,
            project: project::nearest(&context.directory),
        };
        if let Err(error) = serving.check() {
            eprintln!("baton serve: {error}");
            return Exit::Usage.into();
        }
        host::serve_at(&context.data_dir, serving)
    }
}
