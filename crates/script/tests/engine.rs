//! Programs under the real engine: what they say is journaled many commits at a time, and a crash, or
//! a disk that refuses, at any of them changes nothing.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod sim;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use baton_core::ids::RunId;
use baton_core::run::{Run, Status};
use baton_engine::ports::{ArgsReply, Asked, Clock, Programs, Reports};
use baton_script::{Direct, Limits};
use baton_testkit::{Fault, Life, World, settle};
use serde_json::{Value, json};

const RUN: RunId = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0001);

const FLOW: &str = "import { defineWorkflow } from \"baton\";
export default defineWorkflow({
  name: \"Flow\",
  async execute(ctx) {
    let sum = 0;
    const add = async (n) => {
      const { data } = await ctx.step(\"add\", { type: \"function\", fn: () => sum + n + Math.random() });
      sum = data;
    };
    for (let i = 0; i < 40; i += 1) await add(i);
    await ctx.step(\"script\", { type: \"script\", command: [\"true\"] });
    await Promise.all([add(1), ctx.wait(\"pause\", \"10s\"), ctx.wait(\"none\", \"0\"), add(2)]);
    await ctx.comment(`the sum is ${sum}`);
    for (let i = 0; i < 5; i += 1) await add(i);
    return sum;
  },
});
";

/// Programs in isolates of one thread, which answers at once.
struct OnThread {
    orders: Mutex<mpsc::Sender<Order>>,
}

/// A run that is to go on, and where to say what it asks for.
type Order = (Box<Run>, mpsc::Sender<Vec<Asked>>);

fn on_thread() -> Arc<dyn Programs> {
    let (orders, inbox) = mpsc::channel::<Order>();
    std::thread::spawn(move || {
        let mut isolates: HashMap<RunId, Direct> = HashMap::new();
        while let Ok((run, reply)) = inbox.recv() {
            let _gone = reply.send(go_on(&mut isolates, &run));
        }
    });
    Arc::new(OnThread {
        orders: Mutex::new(orders),
    })
}

fn go_on(isolates: &mut HashMap<RunId, Direct>, run: &Run) -> Vec<Asked> {
    let program = run.program.as_ref().unwrap();
    let id = run.created.run;
    if program.end.is_some() || !matches!(run.status, Status::Running(_)) {
        isolates.remove(&id);
        return vec![];
    }
    match isolates.get_mut(&id) {
        Some(isolate) if isolate.epoch() == program.epoch => isolate.hear(run),
        _ if !run.program_may_go_on() => vec![],
        _ => {
            let (isolate, asked) = Direct::open(run, &Limits::default()).unwrap().unwrap();
            isolates.insert(id, isolate);
            asked
        }
    }
}

impl Programs for OnThread {
    fn go_on(&self, run: &Run, reports: Arc<dyn Reports>) {
        let (reply, answer) = mpsc::channel();
        let order = (Box::new(run.clone()), reply);
        self.orders.lock().unwrap().send(order).unwrap();
        for asked in answer.recv().unwrap() {
            reports.asked(run.created.run, asked);
        }
    }

    fn read_args(&self, _: &Arc<str>, args: Value, reply: ArgsReply) {
        let _gone = reply.send(Ok(args));
    }
}

/// What the run came to, and how many commits there were.
fn with_fault(bundle: &str, at: u64, fault: Fault) -> (String, usize) {
    let mut world = World::new(7, BTreeMap::new(), |_, _| true);
    world.programs = on_thread;
    world
        .journal
        .plan(move |count| (count == at).then_some(fault));
    for _ in 0..50 {
        let done = world.live(async |life: &Life| to_its_end(&world, life, bundle).await);
        if done {
            assert_eq!(world.runners.violations(), Vec::<String>::new());
            let run = world.folded(RUN).unwrap().run;
            return (sim::story(&run, &[]), world.journal.commits());
        }
    }
    panic!("it does not end");
}

async fn to_its_end(world: &World, life: &Life, bundle: &str) -> bool {
    for _ in 0..200 {
        if world.journal.commits() == 0 {
            let start = life.start(RUN, "flow", bundle, json!({}));
            let _refused = tokio::time::timeout(Duration::from_secs(1), start).await;
        }
        settle().await;
        if world.journal.is_dead() {
            return false;
        }
        let run = world.folded(RUN);
        if run.is_some_and(|folded| folded.run.status.is_ended()) {
            return true;
        }
        match world.runners.living().first() {
            Some(attempt) => world.runners.finish(*attempt),
            None => {
                let later = world.clock.now().plus(Duration::from_secs(1));
                world.clock.advance_to(later);
            }
        }
    }
    panic!(
        "it does not end: {:?}",
        world.folded(RUN).map(|f| f.run.status)
    );
}

fn survives(fault: Fault) {
    let bundle = sim::bundle(FLOW);
    let (expected, commits) = with_fault(&bundle, u64::MAX, fault);
    assert!(expected.starts_with("completed"), "{expected}");
    assert!(
        commits > 45,
        "each end of a function is a commit: {commits}"
    );
    for at in 1..=commits as u64 {
        let (came_to, _) = with_fault(&bundle, at, fault);
        assert_eq!(came_to, expected, "{fault:?} at commit {at}");
    }
}

#[test]
fn a_crash_before_any_commit_changes_no_outcome() {
    survives(Fault::DieBefore);
}

#[test]
fn a_crash_after_any_commit_changes_no_outcome() {
    survives(Fault::DieAfter);
}

#[test]
fn a_disk_that_refuses_any_commit_changes_no_outcome() {
    survives(Fault::Refuse);
}

#[test]
fn a_commit_that_lasts_though_its_sync_failed_changes_no_outcome() {
    survives(Fault::RefuseAfter);
}
