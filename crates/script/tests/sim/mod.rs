//! A run of a program without an engine: its journal as a list of commits, its environment decided
//! by the keys of its steps, and crashes wherever a test wants them.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_core::definition::parse_bundle;
use baton_core::ids::{DefinitionId, Mint, ProjectId, RunId};
use baton_core::run::big::Big;
use baton_core::run::decide::{Command, Context, inherited};
use baton_core::run::event::{
    Actor, AttemptEnd, DefinitionRef, ErrorCode, Event, ProjectRef, RunCreated, SourceKind,
    StepError, StepOutput,
};
use baton_core::run::prefix::TakenOver;
use baton_core::run::program::{ProgramEnd, ProgramError, ProgramFault};
use baton_core::run::{Plan, Run, State, Status};
use baton_core::time::Timestamp;
use baton_engine::ports::Asked;
use baton_script::{Direct, Limits, Source, compile_here};

/// A definition with this text, compiled.
pub fn bundle(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let compiled = compile_here(
        &Source {
            project: dir.path().to_owned(),
            key: "flow".into(),
            path: "flow.ts".into(),
            text: Some(text.into()),
        },
        &Limits::default(),
    );
    let found: Vec<baton_core::definition::Diagnostic> =
        compiled.diagnostics.into_iter().map(Into::into).collect();
    compiled
        .bundle
        .unwrap_or_else(|| panic!("{found:#?}\n{text}"))
}

const RUN: RunId = RunId::from_bits(0x0190_0000_0000_7000_8000_0000_0000_0042);
const FORK: RunId = RunId::from_bits(0x0190_0000_0000_7000_8000_0000_0000_0043);

/// See the module.
pub struct World {
    plan: Arc<Plan>,
    pub journal: Vec<(Timestamp, Vec<Event>)>,
    pub run: Run,
    program: Option<Direct>,
    pub limits: Limits,
    /// Ends of functions in one commit.
    pub together: usize,
}

impl World {
    pub fn new(bundle: &str, args: &serde_json::Value) -> Self {
        Self::begin(bundle, args, RUN, TakenOver::default())
    }

    /// A fork of this run from this step.
    pub fn fork(&self, from: &str) -> Self {
        let taken = inherited(&self.run, Some(from)).unwrap();
        let created = &self.run.created;
        let (bundle, args) = (created.source.as_str(), &self.run.args);
        Self::begin(bundle, args, FORK, taken)
    }

    fn begin(bundle: &str, args: &serde_json::Value, run: RunId, taken: TakenOver) -> Self {
        let definition = parse_bundle("flow", "flow.ts", bundle).unwrap().definition;
        let plan = Arc::new(Plan::new(definition.unwrap()));
        let project = ProjectId::from_bits(7);
        let created = RunCreated {
            run,
            number: 1,
            name: "flow".into(),
            project: ProjectRef {
                id: project,
                name: "p".into(),
                path: "/p".into(),
            },
            definition: DefinitionRef {
                id: DefinitionId::of(project, "flow"),
                key: "flow".into(),
                name: "flow".into(),
                hash: plan.definition.hash.clone(),
                kind: SourceKind::Code,
                path: "flow.ts".into(),
            },
            source: Big::new(bundle),
            args: Big::new(args.to_string()),
            by: Actor::System,
            parent: None,
            budget: Default::default(),
            slot: None,
            inherited: taken.inherited,
            program: taken.program,
            instruction: None,
            pause_policy: Default::default(),
            directory: "/p".into(),
            workspace: None,
            follows: None,
        };
        let at = Timestamp::from_millis(1_700_000_000_000);
        let journal = vec![(at, vec![Event::RunCreated(Box::new(created))])];
        let run = Self::fold(&plan, &journal);
        Self {
            plan,
            journal,
            run,
            program: None,
            limits: Limits::default(),
            together: 1,
        }
    }

    fn fold(plan: &Arc<Plan>, journal: &[(Timestamp, Vec<Event>)]) -> Run {
        let mut run: Option<Run> = None;
        for (at, events) in journal {
            for event in events {
                match (&mut run, event) {
                    (None, Event::RunCreated(created)) => {
                        run = Some(Run::create((**created).clone(), *at, plan.clone()).unwrap());
                    }
                    (Some(run), event) => run.apply(event, *at).unwrap(),
                    (None, _) => panic!("no creation"),
                }
            }
        }
        run.unwrap()
    }

    /// The host dies and another folds the run from the first `keep` commits.
    pub fn crash(&mut self, keep: usize) {
        self.journal.truncate(keep);
        self.run = Self::fold(&self.plan, &self.journal);
        self.program = None;
    }

    /// The host dies, and the run finds another program than it began with.
    pub fn becomes(&mut self, bundle: &str) {
        let Event::RunCreated(created) = &mut self.journal[0].1[0] else {
            return;
        };
        created.source = Big::new(bundle);
        self.crash(self.journal.len());
    }

    pub fn now(&self) -> Timestamp {
        self.journal
            .last()
            .unwrap()
            .0
            .plus(std::time::Duration::from_millis(1))
    }

    fn commit(&mut self, events: Vec<Event>, at: Timestamp) {
        for event in &events {
            self.run.apply(event, at).unwrap();
        }
        self.journal.push((at, events));
    }

    pub fn decide(&mut self, command: &Command, at: Timestamp) {
        let env = BTreeMap::new();
        let mint = Mint::new(at, self.journal.len() as u128);
        let mut context = Context {
            now: at,
            mint,
            env: &env,
        };
        let events = self.run.decide(command, &mut context).unwrap();
        if !events.is_empty() {
            self.commit(events, at);
        }
        self.advance(at);
    }

    pub fn advance(&mut self, at: Timestamp) {
        loop {
            let env = BTreeMap::new();
            let mint = Mint::new(at, self.journal.len() as u128 + 1_000_000);
            let mut context = Context {
                now: at,
                mint,
                env: &env,
            };
            let events = self.run.advance(&mut context, true);
            if events.is_empty() {
                return;
            }
            self.commit(events, at);
        }
    }

    /// Lets the program go on until it waits.
    fn program(&mut self) -> bool {
        let Some(program) = &self.run.program else {
            return false;
        };
        let epoch = program.epoch;
        if program.end.is_some() || !matches!(self.run.status, Status::Running(_)) {
            self.program = None;
            return false;
        }
        let asked: Vec<Asked> = match &mut self.program {
            Some(direct) if direct.epoch() == epoch => direct.hear(&self.run),
            _ => match Direct::telling(&self.run, &self.limits, self.together) {
                Ok(opened) => {
                    let (direct, asked) = opened.unwrap();
                    self.program = Some(direct);
                    asked
                }
                Err(message) => vec![Asked {
                    epoch,
                    from: 0,
                    asks: vec![],
                    end: Some(ProgramEnd::Threw(ProgramError {
                        code: ProgramFault::Threw,
                        message,
                        step: None,
                    })),
                }],
            },
        };
        let any = !asked.is_empty();
        for Asked {
            epoch,
            from,
            asks,
            end,
        } in asked
        {
            let at = self.now();
            self.decide(
                &Command::Asked {
                    epoch,
                    from,
                    asks,
                    end,
                },
                at,
            );
        }
        any
    }

    /// Goes on until the run has ended or waits for a person; at most `commits` in the journal.
    pub fn live(&mut self, commits: usize) {
        while self.journal.len() < commits && !self.run.status.is_ended() {
            let at = self.now();
            self.advance(at);
            if self.program() {
                continue;
            }
            if !self.environment() {
                return;
            }
        }
    }

    /// One thing happens outside: of what is open, that of the smallest key.
    pub fn environment(&mut self) -> bool {
        let at = self.now();
        let attempts = self.run.in_flight().cloned().unwrap_or_default();
        let next = attempts
            .iter()
            .map(|(attempt, place)| (self.run.step(*place).unwrap().key.clone(), *attempt, *place))
            .min_by_key(|(key, _, _)| (key.len() % 3, key.clone()));
        if let Some((key, attempt, place)) = next {
            let tries = self.run.step(place).unwrap().tries;
            let end = ending(&key, tries);
            self.decide(&Command::AttemptEnded { attempt, end }, at);
            return true;
        }
        let waiting = |at: &baton_core::run::At| {
            matches!(self.run.step(*at).unwrap().state, State::Approval { .. })
        };
        if let Some(place) = self.run.active.iter().copied().find(waiting) {
            let step = Some(self.run.step(place).unwrap().key.clone());
            let answer = Command::Answer {
                step,
                approved: true,
                message: None,
                by: Actor::System,
            };
            self.decide(&answer, at);
            return true;
        }
        if let Some(due) = self.run.due() {
            self.decide(&Command::Tick, due.max(at));
            return true;
        }
        false
    }
}

/// How a script of this key ends: `fail…` fails, `flaky…` at its first try.
fn ending(key: &str, tries: u32) -> AttemptEnd {
    let output = StepOutput {
        result: Some(Big::new(format!("out of {key}"))),
        exit_code: Some(0),
        ..StepOutput::default()
    };
    if key.starts_with("fail") || (key.starts_with("flaky") && tries == 1) {
        return AttemptEnd::Failed {
            error: StepError {
                code: ErrorCode::ExitCode,
                message: format!("{key} failed"),
            },
            output,
        };
    }
    AttemptEnd::Succeeded { output }
}

/// What a run came to: its end, its steps and its thread, without times and ids.
pub fn story(run: &Run, journal: &[(Timestamp, Vec<Event>)]) -> String {
    let mut story = match &run.status {
        Status::Completed { outputs, .. } => format!("completed {outputs}\n"),
        Status::Failed { error, .. } => format!("failed {}\n", error.message),
        other => format!("{}\n", other.word()),
    };
    for step in &run.steps {
        let output = &step.last_output;
        let data = output.data.as_ref().map(Big::as_str);
        story += &format!(
            "{} {} {:?} {data:?}\n",
            step.key,
            step.state.word(),
            step.tries
        );
    }
    for (_, events) in journal {
        for event in events {
            if let Event::MessagePosted(posted) = event {
                story += &format!("said {}\n", posted.content);
            }
        }
    }
    story
}
