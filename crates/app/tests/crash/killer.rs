//! Keeps runs of all kinds in flight and kills the host, shepherds, or both at random instants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use baton_testkit::Rng;
use serde_json::{Value, json};

use crate::support::processes::{self, Shepherd};
use crate::support::world::World;
use crate::support::{fakes, pause};
use crate::workflows::{self, KINDS, People};

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
    /// The plain project and that in git.
    projects: [String; 2],
    runs: Vec<(String, usize)>,
    active: BTreeSet<String>,
    killed: BTreeSet<String>,
    kills_of_step: BTreeMap<String, usize>,
    recorded: BTreeSet<String>,
}

impl Killer {
    /// A world with a host and nothing to do.
    pub fn new(seed: u64) -> Self {
        Self::over(seed, World::new())
    }

    /// The same over `baton serve`.
    pub fn serving(seed: u64) -> Self {
        let mut world = World::new();
        world.serves = true;
        Self::over(seed, world)
    }

    fn over(seed: u64, mut world: World) -> Self {
        let beside = |name: &str| world.project.with_file_name(name);
        let (bin, home) = (beside("bin"), beside("agents"));
        fakes::install(&bin);
        workflows::install_pnpm(&bin);
        let path = std::env::var("PATH").unwrap_or_default();
        let words = [
            ("PATH", format!("{}:{path}", bin.display())),
            ("FAKE_AGENT_HOME", home.display().to_string()),
            ("IS_SANDBOX", "1".into()),
        ];
        let words = words.map(|(name, value)| (name.to_owned(), value));
        world.environment.extend(words);
        workflows::define(&world);
        world.start_host();
        world.await_host();
        let projects = [
            world.register(),
            world.register_at(&workflows::repository(&world)),
        ];
        Self {
            rng: Rng::new(seed),
            world,
            projects,
            runs: Vec::new(),
            active: BTreeSet::new(),
            killed: BTreeSet::new(),
            kills_of_step: BTreeMap::new(),
            recorded: BTreeSet::new(),
        }
    }

    /// Where it kills.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The runs so far, and those that it has begun now.
    pub fn begin(&mut self) -> Vec<String> {
        self.refill();
        self.runs.iter().map(|(run, _)| run.clone()).collect()
    }

    /// Kills that often; only what lived counts.
    pub fn rage(&mut self, kills: usize) {
        let begun = Instant::now();
        let (mut hosts, mut shepherds, mut workers) = (0, 0, 0);
        while hosts + shepherds < kills {
            self.refill();
            let wait = self.rng.below(60);
            pause(Duration::from_millis(wait as u64));
            let choice = self.rng.below(5);
            if self.rng.below(4) == 0 {
                workers += usize::from(self.kill_a_worker());
            }
            if choice >= 2 {
                shepherds += usize::from(self.kill_a_shepherd());
            }
            if choice <= 2 {
                hosts += usize::from(self.kill_the_host());
                self.bring_back();
            }
        }
        eprintln!(
            "killed {hosts} hosts, {shepherds} shepherds and {workers} workers under {} runs in {:?}",
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

    /// As many runs in flight as there should be, with people who look after them; nothing while no
    /// host answers.
    fn refill(&mut self) {
        self.look_after();
        let world = &self.world;
        while self.active.len() < FLIGHT {
            let kind = self.runs.len() % KINDS.len();
            let key = format!("run-{}", self.runs.len());
            let project = &self.projects[usize::from(KINDS[kind].is_in_git)];
            let args = serde_json::from_str(KINDS[kind].args).unwrap();
            let started = world.start_with(project, KINDS[kind].key, &key, &args);
            let Some(run) = started else {
                return;
            };
            self.runs.push((run.clone(), kind));
            self.active.insert(run);
        }
    }

    /// Looks at every run in flight: forgets it when it has ended, else does what people do.
    fn look_after(&mut self) {
        let world = &self.world;
        let kinds: BTreeMap<&String, usize> = self.runs.iter().map(|(r, k)| (r, *k)).collect();
        self.active.retain(|run| {
            let Some(data) = world.run(run) else {
                return true;
            };
            let status = data["status"].as_str().unwrap_or_default();
            if status != "running" && status != "pending" {
                return false;
            }
            let steps = data["steps"].as_array().into_iter().flatten();
            let works = |step: &&Value| step["status"] == "running";
            for step in steps.filter(works) {
                match KINDS[kinds[run]].people {
                    People::Absent => {}
                    People::Answer => answer(world, &data, step),
                    People::Tell(steps) => tell(world, run, step, steps),
                }
            }
            true
        });
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

    fn kill_a_worker(&mut self) -> bool {
        let Some(host) = processes::host(&self.world.data) else {
            return false;
        };
        let mut living = processes::workers(host);
        if living.is_empty() {
            return false;
        }
        let worker = living.swap_remove(self.rng.below(living.len()));
        processes::kill(worker)
    }

    fn kills_of(&self, shepherd: &Shepherd) -> usize {
        let of_step = |step: &String| self.kills_of_step.get(step).copied();
        shepherd.step.as_ref().and_then(of_step).unwrap_or(0)
    }

    /// Lets everything end.
    pub fn calm(&mut self) {
        self.world.start_host();
        self.world.await_host();
        let begun = Instant::now();
        while !self.active.is_empty() {
            self.look_after();
            if begun.elapsed() > CALM {
                self.give_up();
            }
            pause(Duration::from_millis(10));
        }
        self.await_files();
    }

    /// Lets everything end, and reads what happened.
    pub fn finish(mut self) -> Story {
        self.calm();
        let world = self.world;
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

    /// Waits until the branches of the runs that have ended are finished too.
    fn await_files(&self) {
        let begun = Instant::now();
        let is_done = |(run, kind): &&(String, usize)| {
            let events = self.world.events(run);
            let failed = events.iter().any(|event| event["type"] == "run_failed");
            let done = events.iter().any(|event| event["type"] == "files_finished");
            !KINDS[*kind].is_in_git || failed || done
        };
        while begun.elapsed() < CALM && !self.runs.iter().all(|run| is_done(&run)) {
            pause(Duration::from_millis(10));
        }
    }

    fn give_up(&self) -> ! {
        for run in &self.active {
            let events = self.world.events(run);
            let last = &events[events.len().saturating_sub(8)..];
            let data = self.world.run(run).unwrap_or_default();
            eprintln!(
                "{run} {} {}\n{last:#?}",
                data["definition"], data["waiting"]
            );
            let kept = self.world.project.join(".agent/workflows/executions");
            for line in processes::listing(&kept.join(run)) {
                eprintln!("{line}");
            }
        }
        panic!(
            "{} runs do not end: {:?}\n{:#?}\n{}",
            self.active.len(),
            self.active,
            processes::marked(&self.world.mark),
            self.world.host_log()
        );
    }
}

/// Says yes to what the run waits for; whoever finds that it was answered before says nothing.
fn answer(world: &World, run: &Value, step: &Value) {
    if run["waiting"]["reason"] != "question" {
        return;
    }
    let step = step["id"].as_str().unwrap_or_default();
    let path = format!("/api/workflow-steps/{step}/approve");
    if let Ok(answer) = world.ask("POST", &path, None, Some(&json!({}))) {
        assert!([200, 409].contains(&answer.status), "{answer:?}");
    }
}

/// Tells the agent of a step something, once, and then lets it end.
fn tell(world: &World, run: &str, step: &Value, steps: &[&str]) {
    let key = step["step_id"].as_str().unwrap_or_default();
    let told = workflows::told(world, run, key);
    if !steps.contains(&key) || told.exists() {
        return;
    }
    let body = json!({
        "content": workflows::instruction(world),
        "action_type": "instruction",
        "metadata": {"step_id": key},
    });
    let path = format!("/api/workflows/{run}/messages");
    let once = format!("tell-{run}-{key}");
    if let Ok(answer) = world.ask("POST", &path, Some(&once), Some(&body)) {
        assert_eq!(answer.status, 200, "{answer:?}");
        std::fs::write(told, "").unwrap();
    }
}
