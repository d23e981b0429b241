//! Programs go on after a crash as if it had not been.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod sim;

use proptest::prelude::*;
use sim::{World, bundle, story};

/// A workflow of these statements, with what they need.
fn flow(body: &str) -> String {
    format!(
        "import {{ defineWorkflow, StepError }} from \"@repo/workflow-engine\";
export default defineWorkflow({{
  name: \"Flow\",
  async execute(ctx) {{
    const seen: unknown[] = [];
    const script = (id: string) => ctx.step(id, {{ type: \"script\", command: [\"run\", id] }}).then((r) => seen.push(r.result));
    const risky = (id: string) => ctx.step(id, {{
      type: \"function\",
      fn: () => {{ if (Math.random() < 0.6) throw new Error(\"unlucky\"); return id; }},
      retry: {{ attempts: 3, backoff: \"1m\" }},
    }}).then((r) => seen.push(r.data));
    const compute = (id: string) => ctx.step(id, {{ type: \"function\", fn: () => Math.random() }}).then((r) => seen.push(r.data));
    {body}
    seen.push(Math.random(), crypto.randomUUID(), Date.now() > 0);
    return seen;
  }},
}});
"
    )
}

/// A run that is never interrupted, and the same run crashed once at every commit; with each end of a function
/// a commit of its own, and with as many in one as the engine takes. Gives what both came to: that is not
/// always the same, since how long a retry waits is drawn for each commit.
fn survives_every_crash(text: &str) -> [String; 2] {
    let bundle = bundle(text);
    let args = serde_json::json!({});
    [1, 16].map(|together| {
        let begin = || {
            let mut world = World::new(&bundle, &args);
            world.together = together;
            world
        };
        let mut whole = begin();
        whole.live(5000);
        let expected = story(&whole.run, &whole.journal);
        assert!(whole.run.status.is_ended(), "{expected}\n{text}");
        assert!(!expected.contains("Nondeterministic"), "{expected}\n{text}");
        for keep in 1..whole.journal.len() {
            let mut crashed = begin();
            crashed.live(keep);
            crashed.crash(keep.min(crashed.journal.len()));
            crashed.live(5000);
            let came_to = story(&crashed.run, &crashed.journal);
            assert_eq!(
                came_to, expected,
                "crashed after commit {keep}, {together} together, of\n{text}"
            );
        }
        expected
    })
}

#[test]
fn functions_whose_ends_are_one_commit_run_again_with_the_same_randomness() {
    let [alone, together] = survives_every_crash(&flow(
        "for (let i = 0; i < 40; i += 1) await compute(`f${i}`);
    await script('a');
    await Promise.all(Array.from({ length: 20 }, (_, i) => compute(`g${i}`)));",
    ));
    assert_eq!(alone, together);
}

#[test]
fn a_workflow_of_everything_survives_a_crash_at_every_commit() {
    survives_every_crash(&flow(
        "
    await script('a');
    await Promise.all([script('b'), script('bb'), compute('f')]);
    await Promise.race([script('ccc'), script('dddd'), ctx.wait('w', '1h')]);
    for (let i = 0; i < 4; i += 1) { await compute('loop'); await script('again'); }
    try { await script('fail-1'); } catch (error) {
      if (!(error instanceof StepError)) throw error;
      seen.push(error.message, error.stepId);
    }
    const one = await Promise.any([script('fail-2'), script('good')]);
    seen.push(one);
    await ctx.comment('half way');
    ctx.log('a log', { with: 'values' });
    await ctx.checkpoint();
    const yes = await ctx.approval('ok', { message: 'Go on?' });
    seen.push(yes.approved);
    await ctx.wait('2d');
    const { exitCode, stdout } = await ctx.exec('ls');
    seen.push(exitCode, stdout, ctx.getStepResult('a')?.result);
    await ctx.step('flaky', { type: 'script', command: 'x', retry: { attempts: 3, backoff: '1s' } });
    seen.push(await ctx.parallel({ p: () => compute('p'), q: () => script('q') }, { max_parallel: 1 }));",
    ));
}

#[test]
fn functions_that_end_in_another_order_than_they_began_replay_alike() {
    survives_every_crash(&flow(
        "
    const slow = ctx.step('slow', { type: 'function', fn: async () => { await null; await null; await null; return 1; } });
    const fast = ctx.step('fast', { type: 'function', fn: () => 2 });
    await Promise.all([slow.then(() => seen.push('slow')), fast.then(() => seen.push('fast'))]);
    await Promise.race([script('x'), compute('y')]);
    await script('z');",
    ));
}

#[test]
fn a_function_that_throws_is_tried_again_after_its_backoff() {
    survives_every_crash(&flow(
        "
    let tries = 0;
    const flaky = ctx.step('f', {
      type: 'function',
      fn: () => { if (Math.random() < 2) throw new Error('no luck'); },
      retry: { attempts: 3, backoff: '10m', factor: 3, jitter: false },
    });
    await Promise.all([flaky.catch((e) => seen.push(e.message)), script('a'), risky('g').catch(() => 0)]);
    await Promise.race([risky('h').catch(() => 0), script('b')]);
    await compute('c');",
    ));
    let body = "await ctx.step('f', { type: 'function', fn: () => { throw new Error('no luck'); }, retry: { attempts: 3, backoff: '1m', factor: 3, jitter: false } });";
    let bundle = bundle(&flow(body));
    let mut world = World::new(&bundle, &serde_json::json!({}));
    world.live(100);
    let story = story(&world.run, &world.journal);
    assert!(
        story.starts_with("failed step `f` failed: Error: no luck (flow.ts:"),
        "{story}"
    );
    let began = world.journal.first().unwrap().0;
    let waited = world.journal.last().unwrap().0.since(began).as_secs();
    assert_eq!(waited, 4 * 60, "a minute, then three times as long");
    assert_eq!(world.run.steps[0].failures.len(), 2);
}

#[test]
fn a_failure_that_nobody_catches_fails_the_run_with_its_line() {
    let bundle = bundle(&flow("\n    await script('fail-here');"));
    let mut world = World::new(&bundle, &serde_json::json!({}));
    world.live(100);
    let story = story(&world.run, &world.journal);
    assert!(
        story.starts_with("failed step `fail-here` failed: fail-here failed (flow.ts:6:"),
        "{story}"
    );
}

/// A random workflow. The depth bounds its size.
fn statements(depth: u32) -> BoxedStrategy<String> {
    let id = "(s|t|fail|flaky)[a-c]{1,2}";
    let leaf = prop_oneof![
        id.prop_map(|id| format!("await script('{id}').catch((e) => seen.push(String(e)));")),
        "[f-h]{1,2}".prop_map(|id| format!("await compute('{id}');")),
        "r[f-h]".prop_map(|id| format!("await risky('{id}').catch((e) => seen.push(String(e)));")),
        Just("await ctx.wait('1h');".to_owned()),
        Just("await ctx.comment(`at ${seen.length}`);".to_owned()),
        Just("ctx.log(seen.length);".to_owned()),
        Just("seen.push(Math.random());".to_owned()),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || statements(depth - 1);
    let many = || prop::collection::vec(inner(), 1..3).prop_map(|all| all.join("\n"));
    let branches = || {
        prop::collection::vec(many(), 1..4).prop_map(|all| {
            let all = all
                .iter()
                .map(|body| format!("(async () => {{ {body} }})()"));
            all.collect::<Vec<_>>().join(", ")
        })
    };
    prop_oneof![
        3 => leaf,
        2 => many(),
        1 => branches().prop_map(|all| format!("await Promise.all([{all}]);")),
        1 => branches().prop_map(|all| format!("await Promise.race([{all}]);")),
        1 => branches().prop_map(|all| format!("await Promise.any([{all}]).catch((e) => seen.push(String(e)));")),
        1 => (1..4u32, many()).prop_map(|(n, body)| format!("for (let i = 0; i < {n}; i += 1) {{ {body} }}")),
        1 => (many(), many()).prop_map(|(a, b)| format!("if (Math.random() < 0.5) {{ {a} }} else {{ {b} }}")),
        1 => many().prop_map(|body| format!("try {{ {body} await script('failx'); }} catch (error) {{ seen.push(String(error)); }}")),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn any_workflow_survives_a_crash_at_every_commit(
        body in prop::collection::vec(statements(2), 1..5)
    ) {
        survives_every_crash(&flow(&body.join("\n    ")));
    }
}
