//! The engine's port for attempts, over shepherds: one small thread per living attempt, which
//! starts it or takes it back, waits, and reports its end.
//!
//! Owns what lies between a decision and a process: directories, the child's environment, secrets.
//! What an end means is `core`'s to say ([`conclude`](baton_core::run::work::conclude)).

mod agent;
mod artifacts;
mod attempt;
mod environment;
mod glob;
mod kinds;
mod logs;
mod names;
mod outputs;
mod workspace;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::event::{AttemptEnd, ProjectRef, Workspace};
use baton_engine::ports::{FinishFiles, Launch, MergeFiles, Reports, Runners, StopReason, Word};
use baton_runner::Shepherd;

use self::agent::Talk;
use super::attempt_tokens::AttemptTokens;
use super::environments::RunEnvironments;
use super::questions::Questions;
use super::secrets::Secrets;
use super::settings::Settings;

pub use agent::on_path;
pub use artifacts::artifact_path;
pub use kinds::kind_of;
pub use logs::{directories as log_directories, executions};
pub use names::{numbered, safe_name};
pub use outputs::forget as forget_outputs;
pub use workspace::{discard as discard_workspace, spec as workspace_spec};

/// Enough for launching, waiting and concluding; only what is touched takes memory.
const STACK: usize = 1024 * 1024;

/// How long until an attempt is taken back again when there was no thread for it.
const SPAWN_AGAIN: Duration = Duration::from_secs(1);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct ShepherdRunners {
    inner: Arc<Inner>,
}

/// What every attempt of this host shares.
pub struct Shared {
    /// The data directory.
    pub data_dir: PathBuf,
    /// This program: it is the shepherd too, and the agents' MCP server.
    pub binary: PathBuf,
    /// The host's generation.
    pub generation: u64,
    /// The host's settings.
    pub settings: Settings,
    /// The secrets.
    pub secrets: Arc<Secrets>,
    /// The environments of runs.
    pub environments: Arc<RunEnvironments>,
    /// Tokens of attempts.
    pub attempt_tokens: Arc<AttemptTokens>,
    /// Who waits for people through the MCP server.
    pub questions: Arc<Questions>,
}

/// What is shared, and what lives.
pub struct Inner {
    shared: Shared,
    living: Mutex<HashMap<AttemptId, Living>>,
    keeper: OnceLock<Mutex<Sender<Keep>>>,
    /// Who makes a worktree ready, by its root.
    roots: Mutex<HashMap<String, Arc<Mutex<()>>>>,
    /// Branches that this host has finished or is finishing, by run and generation of its files.
    finished: Mutex<HashSet<(RunId, u32)>>,
    /// Items whose work this host has merged or is merging, with the number of their worktree.
    merged: Mutex<HashSet<(RunId, String, u32)>>,
}

impl std::ops::Deref for Inner {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// A checkpoint to name: its run, where that is, its number and its commit.
type Keep = (RunId, Workspace, u32, String);

/// An attempt between its launch and its end.
#[derive(Default)]
struct Living {
    shepherd: Option<Arc<Shepherd>>,
    stopped: Option<(StopReason, Instant)>,
    /// The conversation, when it is an agent's.
    talk: Option<Arc<Talk>>,
    /// What came for it before there was one.
    unsaid: Vec<Word>,
    reports: Option<Arc<dyn Reports>>,
}

impl ShepherdRunners {
    /// Runners that start shepherds.
    pub fn new(shared: Shared) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared,
                living: Mutex::default(),
                keeper: OnceLock::new(),
                roots: Mutex::default(),
                finished: Mutex::default(),
                merged: Mutex::default(),
            }),
        }
    }

    fn start(&self, launch: Launch, reports: Arc<dyn Reports>, taken_back: bool) {
        let attempt = launch.attempt;
        if self.lock().contains_key(&attempt) {
            return;
        }
        let living = Living {
            reports: Some(reports.clone()),
            ..Living::default()
        };
        self.lock().insert(attempt, living);
        self.spawn(launch, reports, taken_back);
    }

    /// Sees the attempt through on a thread of its own.
    fn spawn(&self, launch: Launch, reports: Arc<dyn Reports>, taken_back: bool) {
        let attempt = launch.attempt;
        let runners = self.clone();
        let to = reports.clone();
        let again = taken_back.then(|| launch.clone());
        // Reports may start tasks; the engine calls from inside its runtime.
        let runtime = tokio::runtime::Handle::try_current();
        let thread = std::thread::Builder::new()
            .name("attempt".into())
            .stack_size(STACK);
        let spawned = thread.spawn(move || {
            let _inside = runtime.as_ref().map(tokio::runtime::Handle::enter);
            runners.see_through(&launch, to.as_ref(), taken_back);
        });
        if let Err(error) = spawned {
            match again {
                // It may run, so nothing can be said of it: it is tried until there is a thread.
                Some(launch) => {
                    tracing::error!(%attempt, %error, "an attempt cannot be taken back yet");
                    self.spawn_later(launch, reports);
                }
                None => {
                    self.lock().remove(&attempt);
                    reports.ended(attempt, attempt::not_started(format!("no thread: {error}")));
                }
            }
        }
    }

    fn spawn_later(&self, launch: Launch, reports: Arc<dyn Reports>) {
        let runners = self.clone();
        let later = async move {
            tokio::time::sleep(SPAWN_AGAIN).await;
            runners.spawn(launch, reports, true);
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends in a second; when the host ends before, the next one takes back"
        )]
        tokio::spawn(later);
    }

    /// From the launch to the report.
    fn see_through(&self, launch: &Launch, reports: &dyn Reports, taken_back: bool) {
        let end = if taken_back {
            self.take_back_and_wait(launch, reports)
        } else {
            self.launch_and_wait(launch, reports)
        };
        if let Some(AttemptEnd::Succeeded { .. } | AttemptEnd::Failed { .. }) = &end {
            self.keep_files(launch, reports);
        }
        let reason = self.lock().remove(&launch.attempt).and_then(|l| l.stopped);
        let end = match (end, reason, &launch.work) {
            (Some(AttemptEnd::Stopped {}), Some((StopReason::Park, _)), _) => AttemptEnd::Parked {},
            // It was ended because what it is to do cannot be said any more, or nobody knows how it
            // ended; another attempt would have the same to do.
            (Some(AttemptEnd::Stopped {} | AttemptEnd::Lost { .. }), None, Err(error)) => {
                attempt::unsaid(error)
            }
            (Some(end), ..) => end,
            (None, ..) => return,
        };
        if launch.terms.is_agent
            && let Ok(dir) = self.dir(launch.attempt)
        {
            // Its directory is there until the end is in the journal.
            outputs::carry(&self.inner.data_dir, launch, &end, &dir.output());
        }
        reports.ended(launch.attempt, end);
    }

    /// Makes the shepherd known, and passes on a stop that came before it.
    fn connected(&self, attempt: AttemptId, shepherd: &Arc<Shepherd>) {
        let stopped = match self.lock().get_mut(&attempt) {
            Some(living) => {
                living.shepherd = Some(shepherd.clone());
                living.stopped.is_some()
            }
            None => false,
        };
        if stopped {
            shepherd.stop();
        }
    }

    fn talk(&self, attempt: AttemptId) -> Option<Arc<Talk>> {
        self.lock().get(&attempt)?.talk.clone()
    }

    /// Lets every conversation look at the time. Called about once a second.
    pub fn tick(&self) {
        let talks: Vec<_> = self
            .lock()
            .values()
            .filter_map(|l| l.talk.clone())
            .collect();
        for talk in talks {
            talk.tick();
        }
    }

    /// Where the attempt reports.
    fn reports(&self, attempt: AttemptId) -> Option<Arc<dyn Reports>> {
        self.lock().get(&attempt)?.reports.clone()
    }

    fn stopped(&self, attempt: AttemptId) -> Option<Instant> {
        self.lock().get(&attempt)?.stopped.map(|(_, at)| at)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptId, Living>> {
        self.inner
            .living
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runners for ShepherdRunners {
    fn launch(&self, launch: Launch, reports: Arc<dyn Reports>) {
        self.start(launch, reports, false);
    }

    fn take_back(&self, launch: Launch, reports: Arc<dyn Reports>) {
        self.start(launch, reports, true);
    }

    fn say(&self, attempt: AttemptId, word: Word) {
        let talk = match self.lock().get_mut(&attempt) {
            Some(Living {
                talk: Some(talk), ..
            }) => talk.clone(),
            Some(living) => return living.unsaid.push(word),
            None => return,
        };
        talk.say(word);
    }

    fn keep(&self, run: RunId, workspace: &Workspace, number: u32, commit: &str) {
        let what: Keep = (run, workspace.clone(), number, commit.to_owned());
        // One thread names them all, in their order.
        let keeper = self.inner.keeper.get_or_init(|| {
            let (sender, receiver) = std::sync::mpsc::channel::<Keep>();
            let spawned = std::thread::Builder::new()
                .name("keeper".into())
                .spawn(move || {
                    let mut named = HashSet::new();
                    for (run, workspace, number, commit) in receiver {
                        if named.insert((run, number)) {
                            Self::keep_commit(run, &workspace, number, &commit);
                        }
                    }
                });
            if let Err(error) = spawned {
                tracing::error!(%error, "no thread to name checkpoints' commits");
            }
            Mutex::new(sender)
        });
        let keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
        // Without the thread it is named at the next start.
        let _next_start = keeper.send(what);
    }

    fn isolate(
        &self,
        parent: &Workspace,
        child: RunId,
        key: &str,
        base: &str,
    ) -> (String, Option<Workspace>) {
        workspace::isolated(parent, child, key, base)
    }

    fn branch_off(
        &self,
        of: &Workspace,
        project: &ProjectRef,
        key: &str,
        run: RunId,
        base: &str,
    ) -> (String, Option<Workspace>) {
        let data_dir = &self.inner.data_dir;
        let place = super::workspaces::forked(data_dir, project, of, key, run, base.to_owned());
        (place.directory, place.workspace)
    }

    fn finish(&self, finish: FinishFiles, reports: Arc<dyn Reports>) {
        // It is asked for again whenever the run is folded before it was reported.
        let mut finished = self.inner.finished.lock();
        let once = (finish.run, finish.files.generation);
        if finished.as_mut().is_ok_and(|all| !all.insert(once)) {
            return;
        }
        drop(finished);
        self.finish_files(finish, reports);
    }

    fn merge(&self, merge: MergeFiles, reports: Arc<dyn Reports>) {
        // As above.
        let mut merged = self.inner.merged.lock();
        let once = (merge.run, merge.key.clone(), merge.number);
        if merged.as_mut().is_ok_and(|all| !all.insert(once)) {
            return;
        }
        drop(merged);
        self.merge_files(merge, reports);
    }

    fn discard(&self, workspace: Workspace) {
        let thread = std::thread::Builder::new().name("discard".into());
        let spawned = thread.spawn(move || {
            if let Err(error) = workspace::discard(&workspace, false) {
                let root = &workspace.root;
                tracing::warn!(root, %error, "the worktree of an item stays");
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread to take an item's worktree away");
        }
    }

    fn stop(&self, attempt: AttemptId, reason: StopReason) {
        let mut all = self.lock();
        let shepherd = match all.get_mut(&attempt) {
            Some(living) => {
                let at = living.stopped.map_or_else(Instant::now, |(_, at)| at);
                // A cancel outranks a park that came before it.
                let parked = matches!(living.stopped, Some((StopReason::Park, _)) | None);
                if parked {
                    living.stopped = Some((reason, at));
                }
                // An agent that can be interrupted ends its turn and then itself; its watchdog stops
                // it if it does not.
                let talk = living.talk.clone().filter(|_| reason == StopReason::Park);
                let shepherd = living.shepherd.clone();
                drop(all);
                match talk {
                    Some(talk) if talk.park() => None,
                    _ => shepherd,
                }
            }
            None => None,
        };
        if let Some(shepherd) = shepherd {
            shepherd.stop();
        }
    }
}
