//! The host: the one process per data directory that drives runs.
//!
//! Owns the lock, the order of the start and of the end, and the adapters behind the engine's
//! ports: attempts, definitions on disk, environments. It never decides what follows from an
//! event, and knows HTTP only as the thing it serves last.

pub mod access;
mod activity;
pub mod agents;
pub mod attempt_tokens;
mod cleaning;
mod clock;
mod database;
pub mod definitions;
mod door;
mod environments;
mod files;
mod idle;
pub mod keys;
mod listener;
mod lock;
mod network;
mod options;
pub mod projects;
pub mod questions;
mod runners;
pub mod scripts;
pub mod secrets;
mod serve;
mod settings;
mod takeover;
pub mod watching;
pub mod workspaces;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use baton_core::run::event::PausePolicy;
use baton_engine::Engine;
use baton_engine::ports::Journal;
use baton_store::{SqliteJournal, Views};
use tokio::sync::watch;

pub use clock::now;
pub use environments::RunEnvironments;
pub use files::write_private;
pub use network::Serving;
pub use projects::Projects;
pub use runners::{artifact_path, executions, kind_of, numbered, on_path, safe_name};
pub use secrets::Secrets;
pub use settings::millis;

use crate::webhooks::Outgoing;
use activity::Activity;
use door::Door;
use options::Options;

/// What is spoken over the socket; raised only by changes an older side cannot take.
pub const PROTOCOL: u64 = 1;

/// Exit code of a host that found another one in its place (`EX_TEMPFAIL`).
const EXIT_IN_USE: u8 = 75;

/// Exit code of a host that cannot use its data directory (`EX_SOFTWARE`).
const EXIT_FAILED: u8 = 70;

/// Exit code for wrong words.
const EXIT_USAGE: u8 = 2;

/// How long readers wait for the views.
const BEHIND: Duration = Duration::from_secs(5);

/// Everything the server needs of its host.
pub struct Host {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Where the database and what is made from it lie: the data directory, or where
    /// `DATABASE_URL` says.
    pub database: PathBuf,
    /// The engine.
    pub engine: Engine,
    /// The journal, with what is stored beside it.
    pub journal: Arc<SqliteJournal>,
    /// The registered projects.
    pub projects: Projects,
    /// The secrets.
    pub secrets: Arc<Secrets>,
    /// The idempotency keys of the last day.
    pub keys: keys::Keys,
    /// Who may come in over the network.
    pub access: Arc<access::Access>,
    /// Tokens of attempts.
    pub attempt_tokens: Arc<attempt_tokens::AttemptTokens>,
    /// Who waits for people through the MCP server.
    pub questions: Arc<questions::Questions>,
    /// The environments of runs.
    pub environments: Arc<RunEnvironments>,
    /// This host's generation.
    pub generation: u64,
    /// What a long pause leads to, for new runs.
    pub pause_policy: PausePolicy,
    /// How long a live connection may take nothing.
    pub live_patience: Duration,
    /// The largest artifact that is taken, in bytes.
    pub artifacts_max_bytes: u64,
    /// Outgoing webhooks may go to private and loopback addresses.
    pub webhooks_allow_private: bool,
    /// Outgoing webhooks.
    pub webhooks: Outgoing,
    /// Whether it leaves when idle.
    pub background: bool,
    address: OnceLock<String>,
    views: OnceLock<Arc<Views>>,
    activity: Arc<Activity>,
    /// Lets commands in.
    pub door: Arc<Door>,
    leaving: watch::Sender<bool>,
}

impl Host {
    /// The read models, holding all that is committed by now. `None` while the host is starting: until
    /// they hold what there was before, which takes a while when they are made anew.
    pub async fn views(&self) -> Option<Arc<Views>> {
        let views = self.views.get()?.clone();
        let reached = views.wait_for(self.journal.head());
        if tokio::time::timeout(BEHIND, reached).await.is_err() {
            tracing::warn!("the views are far behind the journal");
        }
        views.have_caught_up().then_some(views)
    }

    /// Whether readers find all there that was committed before it started.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.views.get().is_some_and(|views| views.have_caught_up())
    }

    /// How browsers reach it, if it listens beside its socket: `http://127.0.0.1:4747`.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.get().map(String::as_str)
    }

    /// Asks the host to leave: attempts go on under their shepherds.
    pub fn leave(&self) {
        self.door.close();
        self.leaving.send_replace(true);
    }

    /// Turns true when the host leaves: endless answers end then.
    #[must_use]
    pub fn leaving(&self) -> watch::Receiver<bool> {
        self.leaving.subscribe()
    }

    /// Where a step's logs may be, in the order in which to look.
    #[must_use]
    pub fn log_directories(
        &self,
        project: &str,
        run: baton_core::ids::RunId,
        key: &str,
    ) -> [PathBuf; 2] {
        runners::log_directories(&self.data_dir, std::path::Path::new(project), run, key)
    }

    /// Takes the socket's name away so that nobody new comes here, then leaves.
    pub fn hand_over(&self) {
        let _gone_already = std::fs::remove_file(self.data_dir.join(listener::NAME));
        self.leave();
    }
}

/// Runs a host: `host --data-dir DIR [--background] [--idle-exit DURATION]`.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::parse(words) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("baton host: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    ended("baton host", serve::run(options))
}

/// Runs a host in the foreground that also listens on an address. One in the background hands over.
pub fn serve_at(data_dir: &Path, serving: Serving) -> ExitCode {
    let options = Options {
        data_dir: data_dir.to_owned(),
        background: false,
        idle_exit: None,
        serving: Some(serving),
    };
    ended("baton serve", takeover::take(options))
}

fn ended(who: &str, result: Result<(), serve::Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{who}: {error}");
            ExitCode::from(match error {
                serve::Error::InUse(_) => EXIT_IN_USE,
                _ => EXIT_FAILED,
            })
        }
    }
}

/// Removes the files of a run that is being removed.
pub fn remove_files(host: &Host, created: &baton_core::run::event::RunCreated) {
    let (project, run) = (&created.project.path, created.run);
    if let Some(workspace) = &created.workspace {
        workspaces::remove(workspace, run);
    }
    if let Err(error) = runners::forget_outputs(&host.data_dir, run) {
        tracing::warn!(%run, %error, "outputs of a removed run stay");
    }
    let kept = [
        runners::executions(std::path::Path::new(project), run),
        host.data_dir.join("logs").join(run.to_string()),
    ];
    for directory in kept {
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%run, %error, "files of a removed run stay: {}", directory.display());
            }
            _ => {}
        }
    }
}
