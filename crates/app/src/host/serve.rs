//! A host from its start to its end.
//!
//! The order is what makes a restart fast: lock, journal, generation, recovery; only then the
//! socket and everything people look at.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use baton_core::ids::ProjectId;
use baton_engine::ports::Journal;
use baton_engine::{Engine, Outside};
use baton_script::ScriptPrograms;
use baton_store::{Files, Schedules, SqliteJournal, Views, Webhooks};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::access::{Access, Signers};
use super::activity::Activity;
use super::attempt_tokens::AttemptTokens;
use super::clock::SystemClock;
use super::definitions::OnDisk;
use super::environments::RunEnvironments;
use super::keys::Keys;
use super::listener::Listener;
use super::lock::{self, Lock, LockError};
use super::network::Bound;
use super::options::Options;
use super::projects::Projects;
use super::questions::Questions;
use super::runners::{Shared, ShepherdRunners};
use super::secrets::Secrets;
use super::settings::Settings;
use super::{Host, cleaning, database, environments, files, idle, network, scripts};
use crate::triggers;
use crate::webhooks::Outgoing;

/// How long open connections may take to end when the host leaves.
const FAREWELL: Duration = Duration::from_secs(2);

/// How often to look whether the data directory is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Threads for everything that does not block.
const WORKERS: usize = 2;

/// Why a host did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another host has the data directory.
    #[error("{0}")]
    InUse(String),
    /// The data directory cannot be used.
    #[error("disk_error: {0}")]
    Disk(String),
    /// Something of the system is missing.
    #[error("{0}")]
    System(String),
}

impl From<database::Elsewhere> for Error {
    fn from(error: database::Elsewhere) -> Self {
        Self::System(error.to_string())
    }
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        match error {
            LockError::InUse { .. } => Self::InUse(error.to_string()),
            LockError::Io { .. } => Self::Disk(error.to_string()),
        }
    }
}

fn disk(what: &Path) -> impl Fn(io::Error) -> Error + '_ {
    move |error| Error::Disk(format!("{}: {error}", what.display()))
}

fn system(error: io::Error) -> Error {
    Error::System(error.to_string())
}

/// Runs the host until it leaves.
pub fn run(options: Options) -> Result<(), Error> {
    if options.background {
        // Fails only for a process that leads a group already; then it has left the terminal's.
        let _left = rustix::process::setsid();
    }
    let data_dir = options.data_dir.clone();
    files::private_dir(&data_dir).map_err(disk(&data_dir))?;
    let lock = lock::take(&data_dir)?;
    log();
    if options.serving.is_some() {
        // A socket is an open file, and so may be thousands of people.
        match baton_runner::raise_open_files() {
            Ok(limit) => tracing::debug!(?limit, "open files"),
            Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
        }
    }
    // Before anything is opened: a port that is taken is a mistake of whoever starts it.
    let secret = std::env::var(environments::JWT_SECRET).ok();
    let jwks = options
        .serving
        .as_ref()
        .and_then(|serving| serving.jwks.clone());
    let signers = match &options.serving {
        Some(_) => Signers::read(secret.as_deref(), jwks.as_deref()).map_err(Error::System)?,
        None => Signers::default(),
    };
    let started_in = options.serving.as_ref().and_then(|s| s.project.clone());
    let address = options.serving.map(Bound::bind).transpose();
    let address = address.map_err(Error::System)?;
    let config = crate::config::load(None).map_err(|e| Error::System(e.to_string()))?;
    let database = database::directory(config.database.as_deref(), &data_dir)?;
    files::private_dir(&database).map_err(disk(&database))?;
    // Hosts of other data directories must not write the same database.
    let of_database = match database == data_dir {
        true => None,
        false => Some(lock::take(&database)?),
    };
    let journal = SqliteJournal::open(&database).map_err(|e| Error::Disk(e.to_string()))?;
    let journal = Arc::new(journal);
    let generation = journal
        .bump_generation()
        .map_err(|e| Error::Disk(e.to_string()))?;
    let settings = Settings::from(config);
    let idle_exit = options.idle_exit.unwrap_or(settings.idle_exit);
    let pause_policy = settings.pause_policy;
    let live_patience = settings.live_patience;
    let artifacts_max_bytes = settings.artifacts_max_bytes;
    let webhooks_allow_private = settings.webhooks_allow_private;
    let environments = Arc::new(RunEnvironments::new(&data_dir, journal.clone()));
    let variables = settings.secret_variables.clone();
    let secrets = Secrets::open(&data_dir, variables, environments.clone());
    let secrets = Arc::new(secrets.map_err(disk(&data_dir))?);
    let tokens = AttemptTokens::open(&data_dir).map_err(disk(&data_dir))?;
    let attempt_tokens = Arc::new(tokens);
    let questions: Arc<Questions> = Arc::default();
    let runners = ShepherdRunners::new(Shared {
        data_dir: data_dir.clone(),
        binary: std::env::current_exe().map_err(system)?,
        generation,
        settings,
        secrets: secrets.clone(),
        environments: environments.clone(),
        attempt_tokens: attempt_tokens.clone(),
        questions: questions.clone(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(system)?;
    let engine = Engine::new(Outside {
        journal: journal.clone(),
        runners: Arc::new(runners.clone()),
        definitions: Arc::new(OnDisk),
        environments: environments.clone(),
        programs: Arc::new(ScriptPrograms::new(scripts::pool().clone())),
        clock: Arc::new(SystemClock),
    });
    let webhooks = Webhooks::open(&database).map_err(|e| Error::Disk(e.to_string()))?;
    let keys = Keys::open(&data_dir, super::now()).map_err(disk(&data_dir))?;
    let access = Access::open(&data_dir, signers).map_err(|e| Error::Disk(e.to_string()))?;
    let access = Arc::new(access);
    let host = Arc::new(Host {
        access,
        data_dir,
        database,
        engine,
        projects: Projects::new(journal.clone()),
        journal,
        secrets,
        keys,
        attempt_tokens,
        questions,
        environments,
        generation,
        background: options.background,
        pause_policy,
        live_patience,
        artifacts_max_bytes,
        webhooks_allow_private,
        webhooks: Outgoing::new(webhooks),
        address: OnceLock::new(),
        views: OnceLock::new(),
        activity: Arc::new(Activity::default()),
        door: Arc::default(),
        leaving: watch::Sender::new(false),
    });
    let lock = Arc::new(lock);
    let project = started_in.and_then(|directory| registered(&host, &directory));
    let web = address.map(|bound| (bound, project));
    let result = runtime.block_on(live(&host, &lock, idle_exit, runners, web));
    // What still waits there is attempts' threads and answers nobody takes any more.
    runtime.shutdown_timeout(Duration::from_millis(200));
    drop((lock, of_database));
    result
}

/// The project in this directory, which is new here the first time. One that cannot be registered
/// keeps nothing from being served. Blocks.
fn registered(host: &Host, directory: &Path) -> Option<ProjectId> {
    let mut mint = host.engine.mint();
    let path = directory.to_str().unwrap_or_default();
    let done = host
        .projects
        .register(None, path, super::now(), &mut mint, None);
    if let Err(error) = &done {
        tracing::warn!(%error, "the project is not registered");
    }
    done.ok().map(|(project, _)| project.id)
}

/// Lets the conversations with agents look at the time, once a second.
async fn tick(runners: ShepherdRunners) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        second.tick().await;
        let runners = runners.clone();
        // Logs are read and written: not for the threads that answer.
        let _panicked = tokio::task::spawn_blocking(move || runners.tick()).await;
    }
}

async fn live(
    host: &Arc<Host>,
    lock: &Arc<Lock>,
    idle_exit: Duration,
    runners: ShepherdRunners,
    web: Option<(Bound, Option<ProjectId>)>,
) -> Result<(), Error> {
    let recovered = host
        .engine
        .recover()
        .map_err(|e| Error::Disk(e.to_string()))?;
    // From here on runs go on; what people look at follows.
    let files = project(host)?;
    let listener = Listener::bind(&host.data_dir, host.activity.clone());
    let listener = listener.map_err(disk(&host.data_dir))?;
    tracing::info!(
        pid = std::process::id(),
        generation = host.generation,
        woken = recovered.woken,
        waiting = recovered.waiting,
        "the host is up"
    );
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let signalled = host.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the host; a panic in it leaves SIGKILL"
    )]
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to leave by a signal");
        signalled.leave();
    });
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the host; a panic in it is one second's"
    )]
    tokio::spawn(tick(runners));
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the host, and ends it"
    )]
    tokio::spawn(leave_when_removed(host.clone(), lock.clone()));
    let schedules = Schedules::open(&host.database).map_err(|e| Error::Disk(e.to_string()))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the host; how far it came is kept"
    )]
    tokio::spawn(triggers::run(host.clone(), schedules));
    if host.background {
        #[expect(
            clippy::disallowed_methods,
            reason = "it lives as long as the host, and ends it"
        )]
        tokio::spawn(idle::watch(host.clone(), idle_exit));
    }
    let mut leaving = host.leaving();
    let asked = async move {
        // The sender lives as long as the host.
        let _asked = leaving.wait_for(|leaving| *leaving).await;
    };
    let router = crate::server::router(host.clone());
    let web = web.map(|(bound, project)| network::serve(host, router.clone(), bound, project));
    let web = web.transpose().map_err(system)?;
    let server = axum::serve(listener, crate::server::local(router, host.clone()));
    #[expect(clippy::disallowed_methods, reason = "awaited when the host leaves")]
    let served = tokio::spawn(server.with_graceful_shutdown(asked).into_future());
    let mut leaving = host.leaving();
    let _asked = leaving.wait_for(|leaving| *leaving).await;
    let all = async {
        let _ended = served.await;
        if let Some(web) = web {
            let _ended = web.await;
        }
    };
    let _late = tokio::time::timeout(FAREWELL, all).await;
    host.engine.close();
    let flushed = host.journal.flush().await;
    drop(files);
    tracing::info!("the host leaves");
    flushed.map_err(|e| Error::Disk(e.to_string()))
}

/// A host whose data directory was removed has nothing to drive: it leaves, and its attempts end.
async fn leave_when_removed(host: Arc<Host>, lock: Arc<Lock>) {
    while lock.is_in_place() {
        tokio::time::sleep(LOOK).await;
    }
    let dir = host.data_dir.display();
    tracing::error!("the data directory {dir} was removed: the host leaves");
    host.leave();
}

/// Opens the read models and the files of runs, which follow the journal.
fn project(host: &Arc<Host>) -> Result<Files, Error> {
    let plans = host.engine.plans().clone();
    let heads = || host.journal.subscribe();
    let journal = || -> Arc<dyn Journal> { host.journal.clone() };
    let views = Views::open(&host.database, journal(), plans.clone(), heads());
    let views = views.map_err(|e| Error::Disk(e.to_string()))?;
    if host.views.set(Arc::new(views)).is_err() {
        return Err(Error::System("the views were opened twice".into()));
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the host; the next start cleans up after a panic"
    )]
    tokio::spawn(cleaning::follow(host.clone(), host.environments.kept()));
    let files = Files::open(&host.database, journal(), plans, heads());
    files.map_err(disk(&host.data_dir))
}

/// Logs to standard error, which whoever started the host keeps. Never a secret.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("BATON_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // Already set only in tests.
    let _set = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .try_init();
}
