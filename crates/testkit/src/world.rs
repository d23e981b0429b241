//! A world of hosts that live and die over one journal and one table of attempts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_core::definition::{Finish, WorktreeMode};
use baton_core::ids::{ProjectId, RunId};
use baton_core::run::event::{Actor, PausePolicy, ProjectRef, Workspace};
use baton_core::run::prefix::TakenOver;
use baton_engine::ports::{
    Definitions, Environments, FoundDefinition, Journal, NoPrograms, Programs,
};
use baton_engine::{Engine, Folded, Outside, Plans, StartError, StartRequest, load_run};

use crate::runners::Script;
use crate::{MemoryJournal, SimClock, SimRunners};

/// What outlives a host.
pub struct World {
    /// The journal.
    pub journal: Arc<MemoryJournal>,
    /// The attempts.
    pub runners: Arc<SimRunners>,
    /// The time.
    pub clock: Arc<SimClock>,
    /// The project's definitions by key.
    pub definitions: BTreeMap<String, String>,
    /// Makes whoever runs the programs of runs, for each life anew: isolates die with their host.
    pub programs: fn() -> Arc<dyn Programs>,
    allowed: Arc<Mutex<Allowed>>,
    plans: Plans,
}

/// One host's life: an engine inside a runtime of its own. Dropping it is a kill.
pub struct Life {
    /// The engine.
    pub engine: Engine,
}

struct Known(BTreeMap<String, String>);

impl Definitions for Known {
    fn find(&self, _project: &ProjectRef, key: &str) -> Result<FoundDefinition, String> {
        match self.0.get(key) {
            Some(source) => Ok(FoundDefinition {
                source: source.as_str().into(),
                path: format!("{key}.yaml"),
            }),
            None => Err(format!("there is no definition `{key}`")),
        }
    }
}

/// What all runs' expressions may name; an error while it cannot be read.
pub type Allowed = Result<BTreeMap<String, String>, String>;

struct OneForAll(Arc<Mutex<Allowed>>);

impl Environments for OneForAll {
    fn allowed(&self, _run: RunId, _parent: Option<RunId>, _project: &ProjectRef) -> Allowed {
        self.0.lock().unwrap().clone()
    }
}

impl World {
    /// A world with these definitions, whose attempts go as the script says.
    #[must_use]
    pub fn new(seed: u64, definitions: BTreeMap<String, String>, script: Script) -> Self {
        let journal = Arc::new(MemoryJournal::default());
        let runners = Arc::new(SimRunners::new(journal.clone(), script));
        let clock = Arc::new(SimClock::new(seed));
        Self {
            journal,
            runners,
            clock,
            definitions,
            programs: || Arc::new(NoPrograms),
            allowed: Arc::new(Mutex::new(Ok(BTreeMap::new()))),
            plans: Plans::default(),
        }
    }

    /// What expressions may name of the environment, from now on.
    pub fn allow(&self, allowed: Allowed) {
        *self.allowed.lock().unwrap() = allowed;
    }

    /// Runs one life: a new runtime, a recovered engine, then what the caller does; then a kill.
    pub fn live<T>(&self, life: impl AsyncFnOnce(&Life) -> T) -> T {
        self.journal.revive();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let result = runtime.block_on(async {
            let engine = Engine::new(Outside {
                journal: self.journal.clone(),
                runners: self.runners.clone(),
                definitions: Arc::new(Known(self.definitions.clone())),
                environments: Arc::new(OneForAll(self.allowed.clone())),
                programs: (self.programs)(),
                clock: self.clock.clone(),
            });
            engine.recover().unwrap();
            let lived = Life { engine };
            settle().await;
            life(&lived).await
        });
        drop(runtime);
        self.runners.host_died();
        result
    }

    /// A run as its events alone tell it, from the first on.
    #[must_use]
    pub fn folded(&self, run: RunId) -> Option<Folded> {
        self.journal.hide_snapshots(true);
        let journal: &dyn Journal = self.journal.as_ref();
        let folded = load_run(journal, &self.plans, run).unwrap();
        self.journal.hide_snapshots(false);
        folded
    }

    /// A run as a host folds it: from the newest kept state on.
    #[must_use]
    pub fn folded_with_snapshot(&self, run: RunId) -> Option<Folded> {
        let journal: &dyn Journal = self.journal.as_ref();
        load_run(journal, &self.plans, run).unwrap()
    }
}

impl Life {
    /// Starts a run of a definition of this text.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        &self,
        run: RunId,
        key: &str,
        source: &str,
        args: serde_json::Value,
    ) -> Result<RunId, StartError> {
        let request = StartRequest {
            run: Some(run),
            project: ProjectRef {
                id: ProjectId::from_bits(1),
                name: "sample".into(),
                path: "/sample".into(),
            },
            key: key.into(),
            // The bundle of a TypeScript definition is JSON.
            path: match source.starts_with('{') {
                true => format!("{key}.ts"),
                false => format!("{key}.yaml"),
            },
            source: source.into(),
            name: None,
            args,
            by: Actor::User(baton_core::ids::UserId::LOCAL),
            parent: None,
            budget: None,
            args_are_read: false,
            taken: TakenOver::default(),
            instruction: None,
            pause_policy: PausePolicy::default(),
            directory: "/sample".into(),
            workspace: source.contains("worktree:").then(workspace),
            follows: None,
            id: Some(baton_core::ids::CommandId(format!("start-{run}"))),
        };
        self.engine.start(request).await.map(|(run, _)| run)
    }
}

/// A worktree of the run's own.
fn workspace() -> Workspace {
    Workspace {
        mode: WorktreeMode::Worktree,
        repository: "/sample".into(),
        inside: String::new(),
        root: "/worktrees/run".into(),
        branch: "baton/run".into(),
        base: "base".into(),
        base_branch: None,
        copy: vec![],
        setup: None,
        finish: Finish::Keep,
        shared: false,
        generation: 0,
        newest: None,
        parent: None,
    }
}

/// Returns when every task waits for something outside: time here is paused and only moves when
/// nothing else can.
pub async fn settle() {
    tokio::time::sleep(Duration::from_nanos(1)).await;
}
