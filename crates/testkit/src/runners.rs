//! Attempts that exist only in a table: the world decides when and how they end. The table outlives
//! the hosts, as shepherds do. It checks, at every call, what must never happen.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::big::Big;
use baton_core::run::event::{AttemptEnd, ErrorCode, Event, StepError, StepOutput};
use baton_engine::ports::{Aggregate, Journal, Launch, Reports, Runners, StopReason};

use crate::MemoryJournal;

/// How an attempt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Still going.
    Living,
    /// Ended; its exit record says so.
    Ended(bool),
    /// Stopped by the host.
    Stopped,
    /// Its shepherd was killed.
    Lost,
}

/// Whether try `n` (counting only those that were not lost) of a step succeeds.
pub type Script = fn(key: &str, failures_before: u32) -> bool;

#[derive(Debug, Clone)]
struct Attempt {
    run: RunId,
    key: String,
    fate: Fate,
}

#[derive(Default)]
struct State {
    attempts: BTreeMap<AttemptId, Attempt>,
    order: Vec<AttemptId>,
    reports: HashMap<AttemptId, Arc<dyn Reports>>,
    violations: Vec<String>,
    launched_in_this_life: Vec<AttemptId>,
}

/// See the module.
pub struct SimRunners {
    state: Mutex<State>,
    journal: Arc<MemoryJournal>,
    script: Script,
}

impl SimRunners {
    /// A table over this journal.
    #[must_use]
    pub fn new(journal: Arc<MemoryJournal>, script: Script) -> Self {
        Self {
            state: Mutex::default(),
            journal,
            script,
        }
    }

    /// The attempts that go on now, oldest first.
    #[must_use]
    pub fn living(&self) -> Vec<AttemptId> {
        let state = self.state.lock().unwrap();
        let lives = |id: &&AttemptId| state.attempts[id].fate == Fate::Living;
        state.order.iter().filter(lives).copied().collect()
    }

    /// Those of one run.
    #[must_use]
    pub fn living_of(&self, run: RunId) -> usize {
        let state = self.state.lock().unwrap();
        state
            .attempts
            .values()
            .filter(|a| a.run == run && a.fate == Fate::Living)
            .count()
    }

    /// How many attempts there ever were.
    #[must_use]
    pub fn started(&self) -> usize {
        self.state.lock().unwrap().order.len()
    }

    /// What has happened that must never happen.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state.lock().unwrap().violations.clone()
    }

    /// Lets a living attempt end as its script says, and reports it if a host listens.
    pub fn finish(&self, id: AttemptId) {
        let (report, end) = {
            let mut state = self.state.lock().unwrap();
            let attempt = state.attempts[&id].clone();
            let failed = |other: &&Attempt| {
                other.run == attempt.run
                    && other.key == attempt.key
                    && other.fate == Fate::Ended(false)
            };
            let failures = state.attempts.values().filter(failed).count();
            let ok = (self.script)(&attempt.key, u32::try_from(failures).unwrap());
            state.attempts.get_mut(&id).unwrap().fate = Fate::Ended(ok);
            (
                state.reports.remove(&id),
                end_of(&attempt.key, Fate::Ended(ok)),
            )
        };
        if let Some(report) = report {
            report.ended(id, end);
        }
    }

    /// Kills a living attempt's shepherd.
    pub fn lose(&self, id: AttemptId) {
        let report = {
            let mut state = self.state.lock().unwrap();
            state.attempts.get_mut(&id).unwrap().fate = Fate::Lost;
            state.reports.remove(&id)
        };
        if let Some(report) = report {
            report.ended(id, end_of("", Fate::Lost));
        }
    }

    /// The host is gone: nobody listens any more.
    pub fn host_died(&self) {
        let mut state = self.state.lock().unwrap();
        state.reports.clear();
        state.launched_in_this_life.clear();
    }

    fn check_launch(&self, state: &mut State, launch: &Launch) {
        let mut started = false;
        let mut ended = false;
        for stored in self.journal.load(&Aggregate::Run(launch.run), 0).unwrap() {
            let events: Vec<Event> = serde_json::from_slice(&stored.events).unwrap();
            for event in events {
                match event {
                    Event::AttemptStarted { attempt, .. } if attempt == launch.attempt => {
                        started = true;
                        ended = false;
                    }
                    Event::StepCompleted { key, .. } if key == launch.key => ended = true,
                    _ => {}
                }
            }
        }
        if !started {
            state.violations.push(format!(
                "{} acted before its event was durable",
                launch.attempt
            ));
        }
        if ended {
            state.violations.push(format!(
                "the finished step {} was started again",
                launch.key
            ));
        }
        let twice = state.attempts.iter().any(|(id, other)| {
            *id != launch.attempt
                && other.run == launch.run
                && other.key == launch.key
                && other.fate == Fate::Living
        });
        if twice {
            state
                .violations
                .push(format!("two attempts of {} at once", launch.key));
        }
    }
}

fn end_of(key: &str, fate: Fate) -> AttemptEnd {
    match fate {
        Fate::Ended(true) => AttemptEnd::Succeeded {
            output: StepOutput {
                result: Some(Big::new(format!("done {key}"))),
                exit_code: Some(0),
                ..StepOutput::default()
            },
        },
        Fate::Ended(false) => AttemptEnd::Failed {
            error: StepError {
                code: ErrorCode::ExitCode,
                message: "exit code 1".into(),
            },
            output: StepOutput::default(),
        },
        Fate::Stopped => AttemptEnd::Stopped {},
        Fate::Lost | Fate::Living => AttemptEnd::Lost {
            detail: "its shepherd is gone".into(),
            never_started: false,
        },
    }
}

impl Runners for SimRunners {
    fn launch(&self, launch: Launch, reports: Arc<dyn Reports>) {
        if let Err(error) = launch.work {
            let output = StepOutput::default();
            return reports.ended(launch.attempt, AttemptEnd::Failed { error, output });
        }
        let mut state = self.state.lock().unwrap();
        if self.journal.is_dead() {
            return;
        }
        self.check_launch(&mut state, &launch);
        if state.attempts.contains_key(&launch.attempt) {
            state
                .violations
                .push(format!("{} was launched twice", launch.attempt));
        }
        state.order.push(launch.attempt);
        state.attempts.insert(
            launch.attempt,
            Attempt {
                run: launch.run,
                key: launch.key,
                fate: Fate::Living,
            },
        );
        state.reports.insert(launch.attempt, reports);
    }

    fn take_back(&self, launch: Launch, reports: Arc<dyn Reports>) {
        let known = self
            .state
            .lock()
            .unwrap()
            .attempts
            .get(&launch.attempt)
            .cloned();
        match known {
            None => self.launch(launch, reports),
            Some(attempt) if attempt.fate == Fate::Living => {
                let mut state = self.state.lock().unwrap();
                if let Err(error) = launch.work {
                    state.attempts.get_mut(&launch.attempt).unwrap().fate = Fate::Stopped;
                    drop(state);
                    let output = StepOutput::default();
                    reports.ended(launch.attempt, AttemptEnd::Failed { error, output });
                } else {
                    state.reports.insert(launch.attempt, reports);
                }
            }
            Some(attempt) => reports.ended(launch.attempt, end_of(&attempt.key, attempt.fate)),
        }
    }

    fn stop(&self, attempt: AttemptId, _reason: StopReason) {
        let report = {
            let mut state = self.state.lock().unwrap();
            match state.attempts.get_mut(&attempt) {
                Some(found) if found.fate == Fate::Living => found.fate = Fate::Stopped,
                _ => return,
            }
            state.reports.remove(&attempt)
        };
        if let Some(report) = report {
            report.ended(attempt, end_of("", Fate::Stopped));
        }
    }
}
