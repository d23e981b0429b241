//! A run without an engine: commands in, commits out, a clock that is a number. Follows the engine's
//! actor (decide, apply, what follows in the same commit, then what comes next until nothing does).

pub mod invariants;
pub mod samples;
pub mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_core::definition::{Finish, OnFull, Source, WorktreeMode, parse};
use baton_core::ids::{AttemptId, DefinitionId, Mint, ProjectId, RunId, UserId};
use baton_core::run::big::Big;
use baton_core::run::decide::{Command, Context, Refusal};
use baton_core::run::event::{
    Actor, DefinitionRef, Event, Inherited, Key, Parent, PausePolicy, PauseThen, ProjectRef,
    RunCreated, SlotClaim, SourceKind, Workspace,
};
use baton_core::run::{At, Plan, Run, State, ends_a_step};
use baton_core::time::Timestamp;
use sessions::Sessions;

/// Commits that may follow one command: more means that the run never comes to rest.
const RESTLESS: usize = 500;

pub const USER: Actor = Actor::User(UserId::LOCAL);
const RUN: RunId = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0001);
const PARENT: RunId = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0002);

/// A run and what a world would know about it.
pub struct Driver {
    pub run: Run,
    pub now: u64,
    /// What a journal would hold.
    pub commits: Vec<(Timestamp, Vec<Event>)>,
    /// Attempts whose processes run, by the step they are for.
    pub living: BTreeMap<AttemptId, Key>,
    /// Attempts that were, for late words.
    pub gone: Vec<AttemptId>,
    /// Child runs that have not ended.
    pub children: BTreeMap<RunId, Key>,
    /// Agents' sessions.
    pub sessions: Sessions,
    seed: u64,
}

pub fn plan(source: &str) -> Arc<Plan> {
    let parsed = parse(&Source {
        key: "sample",
        file: "sample.yaml",
        text: source,
    });
    let definition = parsed
        .definition
        .unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
    Arc::new(Plan::new(definition))
}

fn created(source: &str, plan: &Plan, then: PauseThen, inherited: Vec<Inherited>) -> RunCreated {
    let project = ProjectId::from_bits(4);
    let definition = &plan.definition;
    RunCreated {
        run: RUN,
        number: 1,
        name: definition.name.clone(),
        project: ProjectRef {
            id: project,
            name: "p".into(),
            path: "/p".into(),
        },
        definition: DefinitionRef {
            id: DefinitionId::of(project, "sample"),
            key: "sample".into(),
            name: definition.name.clone(),
            hash: definition.hash.clone(),
            kind: SourceKind::Yaml,
            path: "sample.yaml".into(),
        },
        source: Big::new(source),
        args: Big::new("{}"),
        by: USER,
        parent: Some(Parent {
            run: PARENT,
            step: Some("step".into()),
        }),
        budget: definition.budget,
        slot: definition
            .concurrency
            .as_ref()
            .map(|concurrency| SlotClaim {
                slot: "prj_4/key".into(),
                limit: concurrency.limit,
                on_full: OnFull::Queue,
            }),
        inherited,
        program: None,
        instruction: None,
        pause_policy: PausePolicy {
            timeout_ms: 60_000,
            then,
        },
        directory: "/p".into(),
        workspace: None,
        follows: None,
    }
}

fn workspace() -> Workspace {
    Workspace {
        mode: WorktreeMode::Worktree,
        repository: "/p".into(),
        inside: String::new(),
        root: "/w/run".into(),
        branch: "baton/run".into(),
        base: "base".into(),
        base_branch: Some("main".into()),
        copy: vec![],
        setup: None,
        finish: Finish::Keep,
        shared: false,
        generation: 0,
        newest: None,
        parent: None,
    }
}

impl Driver {
    pub fn new(source: &str, then: PauseThen, inherited: Vec<Inherited>) -> Self {
        let workspace = plan(source)
            .definition
            .worktree
            .as_ref()
            .map(|_| workspace());
        Self::placed(source, then, inherited, workspace)
    }

    /// A run in this directory of its own.
    pub fn placed(
        source: &str,
        then: PauseThen,
        inherited: Vec<Inherited>,
        workspace: Option<Workspace>,
    ) -> Self {
        let plan = plan(source);
        let now = 1_700_000_000_000;
        let created = RunCreated {
            workspace,
            ..created(source, &plan, then, inherited)
        };
        let at = Timestamp::from_millis(now);
        let run = Run::create(created.clone(), at, plan).unwrap();
        let first = vec![Event::RunCreated(Box::new(created))];
        let mut driver = Self {
            run,
            now,
            commits: Vec::new(),
            living: BTreeMap::new(),
            gone: Vec::new(),
            children: BTreeMap::new(),
            sessions: Sessions::default(),
            seed: 0,
        };
        driver.commit(first, false);
        driver.go_on();
        driver
    }

    fn context<'a>(&mut self, env: &'a BTreeMap<String, String>) -> Context<'a> {
        self.seed += 1;
        let now = Timestamp::from_millis(self.now);
        Context {
            now,
            mint: Mint::new(now, u128::from(self.seed)),
            env,
        }
    }

    /// Sends a command; a refusal changes nothing.
    pub fn send(&mut self, command: &Command) -> Result<(), Refusal> {
        let env = BTreeMap::new();
        let mut context = self.context(&env);
        let before = format!("{:?}", self.run);
        let decided = self.run.decide(command, &mut context);
        assert_eq!(
            before,
            format!("{:?}", self.run),
            "deciding changes nothing"
        );
        let events = decided?;
        if events.is_empty() {
            return Ok(());
        }
        self.apply(&events, command);
        let ended = events.iter().any(ends_a_step);
        self.commit(events, ended);
        self.go_on();
        Ok(())
    }

    fn apply(&mut self, events: &[Event], why: &dyn std::fmt::Debug) {
        for event in events {
            let at = Timestamp::from_millis(self.now);
            if let Err(illegal) = self.run.apply(event, at) {
                panic!("{illegal}\nafter {why:?}\nof {events:#?}");
            }
            self.note(event);
        }
    }

    /// What follows in the same commit, and the commit.
    fn commit(&mut self, mut events: Vec<Event>, mut ended: bool) -> bool {
        let env = BTreeMap::new();
        let mut context = self.context(&env);
        loop {
            let more = self.run.advance(&mut context, !ended);
            if more.is_empty() {
                break;
            }
            let ends = more.iter().filter(|event| ends_a_step(event)).count();
            assert!(
                ends <= usize::from(!ended),
                "the engine ends two steps at once: {more:?}"
            );
            self.apply(&more, &"advance");
            ended |= ends > 0;
            events.extend(more);
        }
        if events.is_empty() {
            return false;
        }
        self.commits
            .push((Timestamp::from_millis(self.now), events));
        invariants::always(self);
        sessions::usage_never_goes_down(self);
        true
    }

    fn go_on(&mut self) {
        for _ in 0..RESTLESS {
            if !self.commit(Vec::new(), false) {
                invariants::at_rest(self);
                return;
            }
        }
        panic!("it never comes to rest: {:?}", self.run.status);
    }

    /// Keeps the world's own account.
    fn note(&mut self, event: &Event) {
        self.sessions.note(&self.run, event);
        match event {
            Event::AttemptStarted {
                key,
                attempt,
                number,
                cause,
                ..
            } => {
                let other = self.living.iter().find(|(_, of)| *of == key);
                assert_eq!(other, None, "two attempts of `{key}` at once");
                assert!(
                    !self.gone.contains(attempt),
                    "an attempt's id is used twice"
                );
                self.living.insert(*attempt, key.clone());
                invariants::attempt_has_a_cause(&self.run, key, *number, *cause);
            }
            Event::AttemptEnded { attempt, key, .. } => {
                assert_eq!(
                    self.living.remove(attempt).as_ref(),
                    Some(key),
                    "not living"
                );
                self.gone.push(*attempt);
            }
            Event::ChildStarted { key, child, .. } => {
                assert!(
                    !self.children.values().any(|of| of == key),
                    "two children of `{key}`"
                );
                self.children.insert(*child, key.clone());
            }
            Event::ChildEnded { child, .. } => {
                self.children.remove(child);
            }
            _ => {}
        }
    }

    /// Steps in some state, for commands that mean one.
    pub fn in_state(&self, fits: impl Fn(&State) -> bool) -> Vec<(At, Key)> {
        let all = self.run.all().filter(|(_, step)| fits(&step.state));
        all.map(|(at, step)| (at, step.key.clone())).collect()
    }
}
