//! Watches the projects' definition files, and says which of them are others than before.
//!
//! Never keeps a definition: whoever needs one reads its file. What a project without the directory
//! gets later is noticed too, because the directories above are watched.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use baton_core::ids::{DefinitionId, ProjectId};
use baton_core::run::big::hash;
use baton_store::Project;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::Host;
use super::definitions::{self, Found, Print};

/// How long to wait for the rest of what an editor does.
const QUIET: Duration = Duration::from_millis(100);

/// A definition is another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its project.
    pub project: ProjectId,
    /// Its id.
    pub definition: DefinitionId,
    /// Its key.
    pub key: String,
    /// What became of it.
    pub change: Change,
    /// What it says now.
    pub now: Option<Said>,
}

/// What became of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was none of this key.
    Added,
    /// It says something else.
    Changed,
    /// Its file is gone; its runs stay.
    Removed,
}

impl Change {
    /// Its word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// What a definition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The hash of its text.
    pub hash: String,
    /// Whether it can be run.
    pub is_valid: bool,
}

impl Said {
    fn by(found: &Found) -> Self {
        let definition = found.definition.as_ref();
        let text = || hash(found.text.as_deref().unwrap_or_default());
        Self {
            hash: definition.map_or_else(text, |definition| definition.hash.clone()),
            is_valid: definition.is_some(),
        }
    }
}

/// What is known of a project.
#[derive(Default)]
struct Known {
    print: Print,
    by_key: BTreeMap<String, Said>,
}

/// Which directories are watched, by what they are: one that was made anew is watched anew.
struct Eyes {
    watcher: RecommendedWatcher,
    on: HashMap<PathBuf, (u64, u64)>,
}

impl Eyes {
    fn look_at(&mut self, wanted: &HashSet<PathBuf>) {
        let gone: Vec<PathBuf> = self.on.keys().cloned().collect();
        for path in gone {
            if !wanted.contains(&path) {
                self.on.remove(&path);
                // It may be gone by itself.
                let _ = self.watcher.unwatch(&path);
            }
        }
        for path in wanted {
            let Ok(metadata) = std::fs::metadata(path) else {
                continue;
            };
            let now = (metadata.dev(), metadata.ino());
            if self.on.get(path) == Some(&now) {
                continue;
            }
            let _ = self.watcher.unwatch(path);
            match self.watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.on.insert(path.clone(), now);
                }
                Err(error) => tracing::warn!(%error, path = %path.display(), "not watched"),
            }
        }
    }
}

/// The directory of a project's definitions and those above it, as far as they are there.
fn directories(project: &Project) -> impl Iterator<Item = PathBuf> {
    let all = Path::new(&project.path).join(definitions::DIRECTORY);
    let depth = Path::new(definitions::DIRECTORY).components().count();
    let all: Vec<PathBuf> = all
        .ancestors()
        .take(depth + 1)
        .map(Path::to_owned)
        .collect();
    all.into_iter().filter(|path| path.is_dir())
}

struct Watch {
    host: Arc<Host>,
    eyes: Eyes,
    known: HashMap<ProjectId, Known>,
}

impl Watch {
    /// What has changed since the last look. Blocks on the disk.
    fn look(&mut self) -> Vec<Changed> {
        let projects = match self.host.projects.all() {
            Ok(projects) => projects,
            Err(error) => {
                tracing::warn!(%error, "the projects cannot be read");
                return Vec::new();
            }
        };
        // Watched before they are read: what changes in between is seen at the next look.
        let wanted = projects.iter().flat_map(directories).collect();
        self.eyes.look_at(&wanted);
        let ids: HashSet<ProjectId> = projects.iter().map(|project| project.id).collect();
        self.known.retain(|id, _| ids.contains(id));
        let mut changed = Vec::new();
        for project in &projects {
            let known = self.known.entry(project.id).or_default();
            let print = definitions::print(project);
            if print != known.print {
                known.print = print;
                changed.append(&mut known.compare(project));
            }
        }
        changed
    }
}

impl Known {
    fn compare(&mut self, project: &Project) -> Vec<Changed> {
        let found = definitions::list(project);
        let now: BTreeMap<String, Said> = found
            .iter()
            .map(|found| (found.key.clone(), Said::by(found)))
            .collect();
        let before = std::mem::replace(&mut self.by_key, now);
        let changed = |key: &String, change, now: Option<&Said>| Changed {
            project: project.id,
            definition: DefinitionId::of(project.id, key),
            key: key.clone(),
            change,
            now: now.cloned(),
        };
        let mut all = Vec::new();
        for (key, now) in &self.by_key {
            match before.get(key) {
                None => all.push(changed(key, Change::Added, Some(now))),
                Some(was) if was != now => all.push(changed(key, Change::Changed, Some(now))),
                Some(_) => {}
            }
        }
        let gone = before.keys().filter(|key| !self.by_key.contains_key(*key));
        all.extend(gone.map(|key| changed(key, Change::Removed, None)));
        all
    }
}

/// Watches until the host leaves. What is there at the start is told to nobody.
pub fn start(host: &Arc<Host>, tell: impl Fn(Changed) + Send + 'static) {
    let (wake, woken) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |_| {
        // One that is not taken yet stands for this one too.
        let _ = wake.try_send(());
    });
    let watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "definitions are not watched");
            return;
        }
    };
    let eyes = Eyes {
        watcher,
        on: HashMap::new(),
    };
    let mut watch = Watch {
        host: host.clone(),
        eyes,
        known: HashMap::new(),
    };
    let _there_at_the_start = watch.look();
    let mut leaving = host.leaving();
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the host; without it definitions are read all the same"
    )]
    tokio::spawn(async move {
        tokio::select! {
            () = follow(watch, woken, tell) => {}
            _ = leaving.wait_for(|leaving| *leaving) => {}
        }
    });
}

async fn follow(mut watch: Watch, mut woken: mpsc::Receiver<()>, tell: impl Fn(Changed)) {
    let registered = watch.host.projects.registered();
    loop {
        tokio::select! {
            Some(()) = woken.recv() => {}
            () = registered.notified() => {}
            else => return,
        }
        tokio::time::sleep(QUIET).await;
        let _same = woken.try_recv();
        let looked = tokio::task::spawn_blocking(move || {
            let changed = watch.look();
            (watch, changed)
        });
        let Ok((back, changed)) = looked.await else {
            tracing::error!("definitions are watched no more");
            return;
        };
        watch = back;
        changed.into_iter().for_each(&tell);
    }
}
