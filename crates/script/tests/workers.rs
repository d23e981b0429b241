//! Workers are processes: what nothing inside can stop is ended from beside it, with its place; and
//! one that dies costs a replay, three of them the run.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod sim;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::decide::{Command, News};
use baton_core::run::event::{AttemptEnd, Finished};
use baton_engine::ports::{Asked, Programs, Reports};
use baton_script::{Limits, Pool, PoolOptions, ScriptPrograms, Source};
use sim::{World, bundle};

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(120);

/// What programs report.
enum Told {
    Asked(Asked),
    Lost,
}

struct Office(Mutex<mpsc::Sender<Told>>);

impl Reports for Office {
    fn ended(&self, _: AttemptId, _: AttemptEnd) {}
    fn news(&self, _: AttemptId, _: News) {}
    fn merged(&self, _: RunId, _: String, _: u32, _: Finished) {}
    fn finished(&self, _: RunId, _: Finished) {}
    fn still_running(&self, _: AttemptId, _: Vec<u32>) {}
    fn asked(&self, _: RunId, asked: Asked) {
        let _gone = self.0.lock().unwrap().send(Told::Asked(asked));
    }
    fn program_lost(&self, _: RunId) {
        let _gone = self.0.lock().unwrap().send(Told::Lost);
    }
}

/// A run whose program is run by workers, each of which writes its pid into a file.
struct Host {
    world: World,
    programs: ScriptPrograms,
    told: mpsc::Receiver<Told>,
    office: Arc<Office>,
    pids: PathBuf,
    _dir: tempfile::TempDir,
    lost: usize,
}

/// One worker at a time, begun by these words of a shell, and what its isolates may compute for.
fn pool(pids: &Path, first: &str, cpu_ms: u64) -> Pool {
    let worker = env!("CARGO_BIN_EXE_worker-for-tests");
    let begin = format!("{first} echo $$ >> '{}'; exec '{worker}'", pids.display());
    Pool::new(&PoolOptions {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), begin],
        workers: 1,
        limits: Limits {
            cpu_ms,
            memory: 64 << 20,
            ..Limits::default()
        },
    })
}

impl Host {
    fn new(body: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let (sender, told) = mpsc::channel();
        Self {
            world: World::new(&bundle(&flow(body)), &serde_json::json!({})),
            programs: ScriptPrograms::new(pool(&pids, "", 500)),
            told,
            office: Arc::new(Office(Mutex::new(sender))),
            pids,
            _dir: dir,
            lost: 0,
        }
    }

    /// The workers that were started.
    fn workers(&self) -> Vec<i32> {
        let text = std::fs::read_to_string(&self.pids).unwrap_or_default();
        text.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    fn kill_the_worker(&self) {
        let pid = *self.workers().last().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    fn go_on(&self) {
        let office: Arc<dyn Reports> = self.office.clone();
        self.programs.go_on(&self.world.run, office);
    }

    /// Takes what the program says until it has asked for something or has ended.
    fn hear(&mut self) {
        match self.told.recv_timeout(PATIENCE).unwrap() {
            Told::Lost => {
                self.lost += 1;
                self.go_on();
                self.hear();
            }
            Told::Asked(asked) => {
                let at = self.world.now();
                let Asked {
                    epoch,
                    from,
                    asks,
                    end,
                } = asked;
                let asked = Command::Asked {
                    epoch,
                    from,
                    asks,
                    end,
                };
                self.world.decide(&asked, at);
            }
        }
    }

    /// Lives until the run has ended; `between` is called whenever its program waits.
    fn live(&mut self, mut between: impl FnMut(&Self)) -> String {
        let at = self.world.now();
        self.world.advance(at);
        while !self.world.run.status.is_ended() {
            self.go_on();
            self.hear();
            while !self.world.run.status.is_ended() && !self.world.run.program_may_go_on() {
                between(self);
                assert!(self.world.environment());
            }
        }
        sim::story(&self.world.run, &self.world.journal)
    }

    fn fails(mut self) -> String {
        let story = self.live(|_| {});
        story.lines().next().unwrap_or_default().to_owned()
    }
}

fn flow(body: &str) -> String {
    format!(
        "import {{ defineWorkflow }} from \"baton\";
export default defineWorkflow({{
  name: \"Flow\",
  async execute(ctx: any) {{
    const script = (id: string) => ctx.step(id, {{ type: \"script\", command: [id] }});
    {body}
  }},
}});
"
    )
}

#[test]
fn a_worker_that_dies_between_steps_is_replaced() {
    let mut host = Host::new(
        "for (let i = 0; i < 4; i += 1) await script(`s${i}`);\n    return Math.random();",
    );
    let story = host.live(Host::kill_the_worker);
    assert!(story.starts_with("completed"), "{story}");
    assert_eq!(host.workers().len(), 5, "one for each step, and the last");
    let mut calm = World::new(
        host.world.run.created.source.as_str(),
        &serde_json::json!({}),
    );
    calm.live(500);
    assert_eq!(story, sim::story(&calm.run, &calm.journal));
}

/// Leaves all kinds of traces in its engine: in globals, prototypes, the SDK, memory, unfinished promises.
const TRACES: &str = "const all: any = globalThis;
    const found = [all.mark, ([] as any).mark, typeof all.Map, Object.keys(all.__baton).length, Math.random()];
    await ctx.step('f', { type: 'function', fn: () => Math.random() });
    all.mark = (Array.prototype as any).mark = [ctx];
    void new Promise(() => {}).then(() => all.mark);
    all.held = Array.from({ length: MANY }, (_, i) => ({ i, all }));
    delete all.Map;
    for (const name of Object.keys(Promise.prototype)) delete (Promise.prototype as any)[name];
    return found;";

#[test]
fn a_run_finds_nothing_of_those_that_had_its_engine() {
    // The second does not fit into the memory that is put back.
    for many in ["100", "100000"] {
        let mut host = Host::new(&TRACES.replace("MANY", many));
        let bundle = host.world.run.created.source.as_str().to_owned();
        let first = host.live(|_| {});
        assert!(first.starts_with("completed"), "{first}");
        for _ in 0..8 {
            host.world = World::new(&bundle, &serde_json::json!({}));
            assert_eq!(host.live(|_| {}), first);
        }
        assert_eq!(host.workers().len(), 1);
    }
}

#[test]
fn long_texts_come_through_whole() {
    let mut host = Host::new(
        "const long = (n: number) => 'x'.repeat(n);
    await ctx.step('s', { type: 'script', command: ['echo', long(20_000)] });
    const { data } = await ctx.step('f', { type: 'function', fn: () => long(30_000) });
    await ctx.comment(long(40_000));
    return [data, long(900_000)];",
    );
    let story = host.live(|_| {});
    assert!(story.starts_with("completed"), "{story:.200}");
    let mut calm = World::new(
        host.world.run.created.source.as_str(),
        &serde_json::json!({}),
    );
    calm.live(500);
    assert!(
        story == sim::story(&calm.run, &calm.journal),
        "{story:.200}"
    );
}

#[test]
fn a_program_that_waits_for_long_leaves_its_worker_and_goes_on_from_its_journal() {
    let mut host = Host::new(
        "
    const first = await script('one');
    await script('two');
    return { first: first.result };",
    );
    let mut has_waited = false;
    let story = host.live(|host| {
        if std::mem::replace(&mut has_waited, true) {
            return;
        }
        assert_eq!(
            host.programs.held(),
            1,
            "it is kept while it may go on soon"
        );
        let since = Instant::now();
        while host.programs.held() > 0 {
            assert!(since.elapsed() < PATIENCE, "it stays in its worker");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    });
    assert!(story.starts_with("completed"), "{story}");
    assert_eq!((host.lost, host.workers().len()), (0, 1));
}

#[test]
fn a_worker_that_dies_of_a_definition_costs_a_replay() {
    // A worker is killed while it computes; the one after it comes through.
    let mut host = Host::new(
        "await script('a');\n    let n = 0;\n    for (let i = 0; i < 2e6; i += 1) n += i % 7;\n    return n;",
    );
    let at = host.world.now();
    host.world.advance(at);
    host.go_on();
    host.hear();
    assert!(host.world.environment());
    host.go_on();
    host.kill_the_worker();
    host.hear();
    let story = sim::story(&host.world.run, &host.world.journal);
    assert!(story.starts_with("completed"), "{story}");
    assert!(host.lost <= 1, "it was lost {} times", host.lost);
    assert!(host.workers().len() <= 2);
}

#[test]
fn a_definition_that_kills_each_worker_fails_after_three_with_its_place() {
    let mut host = Host::new("await script('first');\n    while (true);");
    // The system kills who computes for longer than a second, before it may stop by itself.
    host.programs = ScriptPrograms::new(pool(&host.pids, "ulimit -t 1;", 60_000));
    let story = host.live(|_| {});
    let why = story.lines().next().unwrap();
    assert!(
        why.contains("3 workers died of it after step `first` (flow.ts:")
            && why.contains("the worker died (signal: "),
        "{why}"
    );
    assert_eq!((host.workers().len(), host.lost), (3, 2));
}

/// A search that compares 10^13 characters without ever looking at the time: only the watchdog ends it.
const ENDLESS: &str = "return 'a'.repeat(2e7).indexOf('a'.repeat(1e6) + 'b');";

/// Loops inside the engine, which nothing inside it ends in time.
const NATIVE: &[&str] = &[
    "return Array.prototype.indexOf.call({ length: Number.MAX_SAFE_INTEGER }, 1);",
    "return Array.prototype.includes.call({ length: Number.MAX_SAFE_INTEGER }, 1);",
    "return Array.prototype.reverse.call({ length: Number.MAX_SAFE_INTEGER });",
    "return Array.prototype.lastIndexOf.call({ length: Number.MAX_SAFE_INTEGER }, 1);",
    ENDLESS,
    "return /(x+x+)+y/.test('x'.repeat(5000));",
];

#[test]
fn endless_loops_inside_the_engine_are_ended_with_the_call_before_them() {
    for native in NATIVE {
        let why = Host::new(&format!("await script('before');\n    {native}")).fails();
        let is_timed = why.contains("it computed for") || why.contains("of memory");
        assert!(is_timed && why.contains("(flow.ts:"), "{native}: {why}");
    }
}

#[test]
fn an_endless_loop_before_any_call_is_placed_at_execute() {
    let why = Host::new(ENDLESS).fails();
    assert!(
        why.contains("too long without giving way (flow.ts:4:"),
        "{why}"
    );
}

/// The same, that also allocate.
const ALLOCATING: &[&str] = &[
    "return new Array(1e9).fill(0).length;",
    "return Array.prototype.fill.call({ length: Number.MAX_SAFE_INTEGER }, 0);",
    "return Array.prototype.join.call({ length: 2 ** 40 }, 'abc').length;",
    "return 'x'.repeat(2 ** 29).split('');",
    "return Array.from({ length: 2 ** 40 });",
    "let text = 'x'; while (true) text += text;",
    "const all = []; while (true) all.push(new Uint8Array(1 << 20));",
    "return JSON.stringify(Array.from({ length: 3e6 }, (_, i) => ({ i })));",
];

#[test]
fn loops_that_allocate_are_ended_with_their_place() {
    for body in ALLOCATING {
        let why = Host::new(&format!("await script('before');\n    {body}")).fails();
        let is_bounded = ["it computed for", "of memory", "invalid", "too long"];
        assert!(
            is_bounded.iter().any(|words| why.contains(words)) && why.contains("flow.ts:"),
            "{body}: {why}"
        );
    }
}

#[test]
fn an_endless_top_level_is_an_error_of_the_definition() {
    let dir = tempfile::tempdir().unwrap();
    let pool = pool(&dir.path().join("pids"), "", 500);
    let source = |text: &str| Source {
        project: dir.path().to_owned(),
        key: "flow".into(),
        path: "flow.ts".into(),
        text: Some(format!("{text}\n{}", flow("return 1;"))),
    };
    let loops = pool.compile(source("while (true) {}")).unwrap();
    assert!(loops.bundle.is_none() && !loops.diagnostics.is_empty());
    let native = source("'a'.repeat(2e7).indexOf('a'.repeat(1e6) + 'b');");
    let why = pool.compile(native).unwrap_err();
    assert!(why.to_string().contains("too long"), "{why}");
    let fine = pool.compile(source("")).unwrap();
    assert!(fine.bundle.is_some(), "and the next one compiles");
}
