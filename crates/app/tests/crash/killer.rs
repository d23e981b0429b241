//! Keeps runs of all kinds in flight and kills the host, shepherds, or both at random instants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use baton_testkit::Rng;
use serde_json::Value;

use crate::support::processes::{self, Shepherd};
use crate::support::world::World;
use crate::support::{pause, until};
use crate::workflows::{self, KINDS};

/// Runs in flight.
const FLIGHT: usize = 8;

/// The sixth lost attempt in a row fails a step: so many times its shepherd is killed at most.
const MOST_OF_A_STEP: usize = 4;

/// How long all runs may take to end when the killing is over.
const CALM: Duration = Duration::from_secs(60);

/// What happened.
pub struct Story {
    /// The world, closed.
    pub world: World,
    /// Each run with the index of its kind and all its events.
    pub runs: Vec<(String, usize, Vec<Value>)>,
    /// The attempts whose shepherd was killed.
    pub killed: BTreeSet<String>,
    /// The attempts that had an exit record before a kill.
    pub recorded: BTreeSet<String>,
    /// Processes that were left.
    pub left: Vec<String>,
}

/// Kills.
pub struct Killer {
    rng: Rng,
    world: World,
    project: String,
    runs: Vec<(String, usize)>,
    active: BTreeSet<String>,
    killed: BTreeSet<String>,
    kills_of_step: BTreeMap<String, usize>,
    recorded: BTreeSet<String>,
}

impl Killer {
    /// A world with a host and nothing to do.
    pub fn new(seed: u64) -> Self {
        let world = World::new();
        workflows::define(&world);
        world.start_host();
        world.await_host();
        let project = world.register();
        Self {
            rng: Rng::new(seed),
            world,
            project,
            runs: Vec::new(),
            active: BTreeSet::new(),
            killed: BTreeSet::new(),
            kills_of_step: BTreeMap::new(),
            recorded: BTreeSet::new(),
        }
    }

    /// Kills that often; only what lived counts.
    pub fn rage(&mut self, kills: usize) {
        let begun = Instant::now();
        let (mut hosts, mut shepherds) = (0, 0);
        while hosts + shepherds < kills {
            self.refill();
            let wait = self.rng.below(60);
            pause(Duration::from_millis(wait as u64));
            let choice = self.rng.below(5);
            if choice >= 2 {
                shepherds += usize::from(self.kill_a_shepherd());
            }
            if choice <= 2 {
                hosts += usize::from(self.kill_the_host());
                self.bring_back();
            }
        }
        eprintln!(
            "killed {hosts} hosts and {shepherds} shepherds under {} runs in {:?}",
            self.runs.len(),
            begun.elapsed()
        );
    }

    /// A host again. One time in four it is not waited for, and may be killed while it starts.
    fn bring_back(&mut self) {
        self.world.start_host();
        if self.rng.below(4) > 0 {
            self.world.await_host();
        }
    }

    /// As many runs in flight as there should be; nothing while no host answers.
    fn refill(&mut self) {
        let world = &self.world;
        self.active.retain(|run| match world.status(run) {
            Some(status) => status == "running" || status == "pending",
            None => true,
        });
        while self.active.len() < FLIGHT {
            let kind = self.runs.len() % KINDS.len();
            let key = format!("run-{}", self.runs.len());
            let Some(run) = world.start(&self.project, KINDS[kind].key, &key) else {
                return;
            };
            self.runs.push((run.clone(), kind));
            self.active.insert(run);
        }
    }

    fn note_records(&mut self) {
        let Ok(entries) = std::fs::read_dir(self.world.data.join("attempts")) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.path().join("exit.json").exists() {
                self.recorded
                    .insert(entry.file_name().to_string_lossy().into());
            }
        }
    }

    fn kill_the_host(&mut self) -> bool {
        self.note_records();
        processes::host(&self.world.data).is_some_and(processes::kill)
    }

    fn kill_a_shepherd(&mut self) -> bool {
        self.note_records();
        let mut living = processes::shepherds(&self.world.data);
        living.retain(|shepherd| self.kills_of(shepherd) < MOST_OF_A_STEP);
        if living.is_empty() {
            return false;
        }
        let shepherd = living.swap_remove(self.rng.below(living.len()));
        if !processes::kill(shepherd.pid) {
            return false;
        }
        if let Some(step) = &shepherd.step {
            *self.kills_of_step.entry(step.clone()).or_default() += 1;
        }
        self.killed.insert(shepherd.attempt);
        true
    }

    fn kills_of(&self, shepherd: &Shepherd) -> usize {
        let of_step = |step: &String| self.kills_of_step.get(step).copied();
        shepherd.step.as_ref().and_then(of_step).unwrap_or(0)
    }

    /// Lets everything end, and reads what happened.
    pub fn finish(self) -> Story {
        let world = self.world;
        world.start_host();
        world.await_host();
        for (run, kind) in &self.runs {
            let what = format!("the end of {run} ({})", KINDS[*kind].key);
            until(&what, CALM, || {
                let status = world.status(run)?;
                (status != "running" && status != "pending").then_some(())
            });
        }
        let read = |(run, kind): &(String, usize)| (run.clone(), *kind, world.events(run));
        let runs = self.runs.iter().map(read).collect();
        let left = world.close();
        Story {
            world,
            runs,
            killed: self.killed,
            recorded: self.recorded,
            left,
        }
    }
}
