//! Attempts that exist only in a table: the world decides when and how they end. The table outlives
//! the hosts, as shepherds do. It checks, at every call, what must never happen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::big::Big;
use baton_core::run::decide::News;
use baton_core::run::event::{
    AttemptEnd, ErrorCode, Event, Finished, StepError, StepOutput, Workspace,
};
use baton_core::run::work::Work;
use baton_core::time::Timestamp;
use baton_engine::ports::{
    Aggregate, FinishFiles, Journal, Launch, MergeFiles, Reports, Runners, StopReason, Word,
};

use crate::MemoryJournal;
use crate::talk::{Next, Talk};

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
    /// An agent, interrupted by an immediate pause.
    Parked,
    /// An agent that met its usage limit.
    Limited,
    /// An agent that knew nothing of the session to go on in.
    Forgotten,
}

/// Whether try `n` (counting only those that were not lost) of a step succeeds.
pub type Script = fn(key: &str, failures_before: u32) -> bool;

#[derive(Debug, Clone)]
struct Attempt {
    run: RunId,
    key: String,
    fate: Fate,
    talk: Option<Talk>,
}

#[derive(Default)]
struct State {
    attempts: BTreeMap<AttemptId, Attempt>,
    order: Vec<AttemptId>,
    reports: HashMap<AttemptId, Arc<dyn Reports>>,
    violations: Vec<String>,
    launched_in_this_life: Vec<AttemptId>,
    /// Checkpoints' commits that are held.
    kept: BTreeSet<(RunId, u32)>,
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

    /// Whether an agent waits for a person.
    #[must_use]
    pub fn waits(&self, id: AttemptId) -> bool {
        let state = self.state.lock().unwrap();
        let talk = state.attempts.get(&id).and_then(|a| a.talk.as_ref());
        talk.is_some_and(Talk::waits)
    }

    /// Whether a checkpoint's commit is held.
    #[must_use]
    pub fn keeps(&self, run: RunId, number: u32) -> bool {
        self.state.lock().unwrap().kept.contains(&(run, number))
    }

    /// Lets a living attempt go on: a script ends, an agent takes the next step on its way. It is
    /// reported if a host listens.
    pub fn finish(&self, id: AttemptId) {
        let next = {
            let mut state = self.state.lock().unwrap();
            let attempt = state.attempts[&id].clone();
            let met = |fate: Fate| {
                let mut all = state.attempts.values();
                all.any(|a| a.run == attempt.run && a.key == attempt.key && a.fate == fate)
            };
            let (limits, forgets) = (!met(Fate::Limited), !met(Fate::Forgotten));
            let found = state.attempts.get_mut(&id);
            let talk = found.and_then(|attempt| attempt.talk.as_mut());
            talk.map_or(Next::Ends, |talk| talk.next(limits, forgets))
        };
        match next {
            Next::News(news) => self.tell(id, vec![news]),
            Next::Waits => {}
            Next::Ends => self.end(id),
            Next::Limited => self.end_as(id, Fate::Limited),
            Next::Forgotten => self.end_as(id, Fate::Forgotten),
        }
    }

    fn tell(&self, id: AttemptId, news: Vec<News>) {
        let report = self.state.lock().unwrap().reports.get(&id).cloned();
        if let Some(report) = report {
            for news in news {
                report.news(id, news);
            }
        }
    }

    fn end_as(&self, id: AttemptId, fate: Fate) {
        let report = {
            let mut state = self.state.lock().unwrap();
            state.attempts.get_mut(&id).unwrap().fate = fate;
            state.reports.remove(&id)
        };
        if let Some(report) = report {
            report.ended(id, end_of("", fate));
        }
    }

    fn end(&self, id: AttemptId) {
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

    /// Processes of a living attempt do not end though they are told to.
    pub fn resist(&self, id: AttemptId, pids: Vec<u32>) {
        let report = self.state.lock().unwrap().reports.get(&id).cloned();
        if let Some(report) = report {
            report.still_running(id, pids);
        }
    }

    /// Kills a living attempt's shepherd.
    pub fn lose(&self, id: AttemptId) {
        self.end_as(id, Fate::Lost);
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
        Fate::Parked => AttemptEnd::Parked {},
        Fate::Limited => AttemptEnd::UsageLimit {
            resets_at: Some(Timestamp::from_millis(0)),
            detail: "the limit of this hour".into(),
        },
        Fate::Forgotten => AttemptEnd::SessionLost {
            detail: "no such session".into(),
        },
        Fate::Lost | Fate::Living => AttemptEnd::Lost {
            detail: "its shepherd is gone".into(),
            never_started: false,
        },
    }
}

impl Runners for SimRunners {
    fn launch(&self, launch: Launch, reports: Arc<dyn Reports>) {
        let talk = match &launch.work {
            Ok(Work::Script(_)) => None,
            Ok(Work::Agent(work)) => {
                let has_files = launch.files.is_some();
                Some(Talk::new(&launch.key, launch.attempt, work, has_files))
            }
            Err(error) => {
                let (error, output) = (error.clone(), StepOutput::default());
                return reports.ended(launch.attempt, AttemptEnd::Failed { error, output });
            }
        };
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
                talk,
            },
        );
        state.reports.insert(launch.attempt, reports);
        drop(state);
        for word in launch.words {
            self.say(launch.attempt, word);
        }
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
                    return reports.ended(launch.attempt, AttemptEnd::Failed { error, output });
                }
                state.reports.insert(launch.attempt, reports);
                if let (Some(talk), Ok(Work::Agent(work))) = (&attempt.talk, &launch.work) {
                    if talk.resume != work.resume {
                        let (begun, now) = (&talk.resume, &work.resume);
                        let what = format!("{} began with {begun:?}: {now:?}", launch.attempt);
                        state.violations.push(what);
                    }
                    drop(state);
                    self.tell(launch.attempt, talk.again());
                    for word in launch.words {
                        self.say(launch.attempt, word);
                    }
                }
            }
            Some(attempt) => reports.ended(launch.attempt, end_of(&attempt.key, attempt.fate)),
        }
    }

    fn stop(&self, attempt: AttemptId, reason: StopReason) {
        let lives = {
            let state = self.state.lock().unwrap();
            let found = state.attempts.get(&attempt);
            found.is_some_and(|found| found.fate == Fate::Living)
        };
        if lives {
            let fate = match reason {
                StopReason::Cancel => Fate::Stopped,
                StopReason::Park => Fate::Parked,
            };
            self.end_as(attempt, fate);
        }
    }

    fn say(&self, attempt: AttemptId, word: Word) {
        let said = {
            let mut state = self.state.lock().unwrap();
            let found = state.attempts.get_mut(&attempt);
            let living = found.filter(|found| found.fate == Fate::Living);
            let Some(talk) = living.and_then(|found| found.talk.as_mut()) else {
                return;
            };
            match talk.told(&word) {
                Ok(said) => said,
                Err(wrong) => {
                    state.violations.push(wrong);
                    None
                }
            }
        };
        self.tell(attempt, said.into_iter().collect());
    }

    fn keep(&self, run: RunId, _workspace: &Workspace, number: u32, _commit: &str) {
        self.state.lock().unwrap().kept.insert((run, number));
    }

    fn finish(&self, finish: FinishFiles, reports: Arc<dyn Reports>) {
        let outcome = Finished {
            branch: finish.files.workspace.branch,
            commit: finish.files.newest,
            merged_into: None,
            conflicts: vec![],
            checkpoint: None,
            detail: "The work is on its branch.".into(),
        };
        reports.finished(finish.run, outcome);
    }

    fn merge(&self, merge: MergeFiles, reports: Arc<dyn Reports>) {
        let fits = !merge.key.starts_with("conflicts");
        let outcome = Finished {
            branch: merge.files.workspace.branch,
            commit: None,
            merged_into: None,
            conflicts: if fits { vec![] } else { vec!["a.txt".into()] },
            checkpoint: merge.files.newest.filter(|_| fits),
            detail: "Its work was brought back.".into(),
        };
        reports.merged(merge.run, merge.key, merge.number, outcome);
    }
}
