//! What a definition must not do ends its run with a clear error, and its line.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod sim;

use baton_script::Limits;
use sim::{World, bundle};

/// How a run of this body fails.
fn fails(body: &str) -> String {
    let text = format!(
        "import {{ defineWorkflow }} from \"baton\";
export default defineWorkflow({{
  name: \"Flow\",
  async execute(ctx: any) {{
    {body}
  }},
}});
"
    );
    let mut world = World::new(&bundle(&text), &serde_json::json!({}));
    world.limits = Limits {
        cpu_ms: 300,
        memory: 32 << 20,
        ..Limits::default()
    };
    world.live(500);
    let story = sim::story(&world.run, &world.journal);
    story.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn an_endless_loop_is_ended_with_its_line() {
    let why = fails("let n = 0;\n    while (true) n += 1;");
    assert!(
        why.contains("it computed for more than 0.3 s without waiting (flow.ts:"),
        "{why}"
    );
}

#[test]
fn an_endless_loop_that_allocates_is_ended() {
    let why =
        fails("const all = [];\n    while (true) all.push(new Array(1000).fill(all.length));");
    assert!(
        why.contains("more than 32 MB of memory") || why.contains("it computed for more"),
        "{why}"
    );
    assert!(why.contains("flow.ts:"), "{why}");
}

#[test]
fn an_endless_chain_of_promises_is_ended() {
    let why = fails("while (true) await null;");
    assert!(
        why.contains("it computed for more than 0.3 s without waiting"),
        "{why}"
    );
}

#[test]
fn a_bomb_of_a_pattern_is_ended() {
    let why = fails("return /^(a+)+$/.test('a'.repeat(40) + '!');");
    assert!(
        why.contains("it computed for more than 0.3 s") && why.contains("flow.ts:5"),
        "{why}"
    );
}

#[test]
fn calls_that_nest_too_deeply_are_ended_with_their_line() {
    let why = fails("const deep = (n: number): number => deep(n + 1) + 1;\n    return deep(0);");
    assert!(
        why.contains("its calls are nested too deeply (flow.ts:"),
        "{why}"
    );
}

#[test]
fn a_promise_that_nothing_settles_is_named_with_the_last_call() {
    let why = fails(
        "await ctx.step('a', { type: 'script', command: 'x' });\n    await new Promise(() => {});",
    );
    assert!(
        why.contains("it waits for a promise that nothing will settle (flow.ts:5:"),
        "{why}"
    );
}

#[test]
fn a_rejection_that_nobody_handles_fails_the_run() {
    let why = fails(
        "void Promise.reject(new Error('lost')); \n    await ctx.step('a', { type: 'script', command: 'x' });",
    );
    assert!(
        why.contains("lost") && why.contains("nobody handled") && why.contains("flow.ts:5:"),
        "{why}"
    );
}

#[test]
fn code_from_text_is_refused_with_its_line() {
    let why = fails("return eval('1 + 1');");
    assert!(
        why.contains("`eval` is not allowed") && why.contains("flow.ts:5:"),
        "{why}"
    );
    let why = fails("return new Function('return 1')();");
    assert!(why.contains("`new Function` is not allowed"), "{why}");
    let why = fails("return (async () => {}).constructor('return 1')();");
    assert!(why.contains("is not allowed"), "{why}");
}

#[test]
fn what_is_not_there_says_what_is_instead() {
    let why = fails("await fetch('https://example.com');");
    assert!(
        why.contains("there is no `fetch` in a workflow") && why.contains("script step"),
        "{why}"
    );
    let why = fails("setTimeout(() => {}, 10);");
    assert!(why.contains("ctx.wait"), "{why}");
}

#[test]
fn options_are_checked_where_they_stand() {
    let why = fails("await ctx.step('build', { type: 'script', comand: 'make' });");
    assert!(
        why.contains("did you mean `command`?") && why.contains("flow.ts:5:"),
        "{why}"
    );
    let why = fails("await ctx.step('bad id', { type: 'script', command: 'make' });");
    assert!(why.contains("is not a step id"), "{why}");
    let why =
        fails("await ctx.step('a', { type: 'script', command: 'x', timeout: '10 parsecs' });");
    assert!(why.contains("10 parsecs"), "{why}");
}

#[test]
fn a_value_that_is_too_large_is_refused() {
    let why = fails("await ctx.step('a', { type: 'script', command: 'x'.repeat(2_000_000) });");
    assert!(why.contains("at most 1048576 can be journaled"), "{why}");
    let why = fails("return 'x'.repeat(2_000_000);");
    assert!(why.contains("at most 1048576 can be journaled"), "{why}");
}

#[test]
fn a_function_that_asks_for_a_step_or_waits_says_so() {
    let why = fails(
        "await ctx.step('f', { type: 'function', fn: async (c: any) => { await c.step('x', { type: 'script', command: 'x' }); } });",
    );
    assert!(why.contains("a function step cannot use `ctx`"), "{why}");
    let why = fails("await ctx.step('f', { type: 'function', fn: () => new Promise(() => {}) });");
    assert!(why.contains("the function of step `f` waits"), "{why}");
}

#[test]
fn a_replay_that_asks_for_something_else_names_both_sides() {
    let flow = |id: &str, command: &str| {
        bundle(&format!(
            "import {{ defineWorkflow }} from \"baton\";
export default defineWorkflow({{
  name: \"Flow\",
  async execute(ctx) {{
    await ctx.step(\"first\", {{ type: \"script\", command: \"x\" }});
    await ctx.step(\"{id}\", {{ type: \"script\", command: \"{command}\" }});
    await ctx.step(\"last\", {{ type: \"script\", command: \"x\" }});
  }},
}});
"
        ))
    };
    let divergence = |other: &str| {
        let mut world = World::new(&flow("build", "make"), &serde_json::json!({}));
        world.live(7);
        world.becomes(other);
        world.live(500);
        sim::story(&world.run, &world.journal)
    };
    let why = divergence(&flow("compile", "make"));
    assert!(
        why.contains("Nondeterministic: the recorded run asked for step `build` at flow.ts:6:")
            && why.contains("the replay asks for step `compile` at flow.ts:6:"),
        "{why}"
    );
    let why = divergence(&flow("build", "make all"));
    assert!(
        why.contains("with other options than the replay at flow.ts:6:"),
        "{why}"
    );
    let why = divergence(&flow("build", "make"));
    assert!(why.starts_with("completed"), "{why}");
}

#[test]
fn whatever_is_thrown_is_said_with_the_place_that_threw_it() {
    for (thrown, said) in [
        ("null", "it threw null"),
        ("undefined", "it threw undefined"),
        ("42", "it threw 42"),
        ("'no luck'", "it threw \"no luck\""),
        ("Symbol('s')", "it threw Symbol(s)"),
        ("Object.freeze({ code: 7 })", "it threw {\"code\":7}"),
        ("{ toJSON() { throw null; } }", "it threw an object"),
        (
            "Object.defineProperty(new Error('x'), 'message', { get() { throw 1; } })",
            "Error: it has no message that can be read",
        ),
        (
            "Object.defineProperty(new Error('x'), 'stack', { value: 1 })",
            "Error: x",
        ),
        (
            "new Proxy({}, { getPrototypeOf() { throw 1; } })",
            "it threw {}",
        ),
        ("'x'.repeat(10_000)", "it threw \"xxx"),
    ] {
        let why = fails(&format!(
            "await ctx.step('a', {{ type: 'script', command: 'x' }});\n    throw {thrown};"
        ));
        assert!(
            why.starts_with(&format!("failed {said}")),
            "{thrown}: {why}"
        );
        let place = match said {
            // Its stack is what it says it is: the last call is known.
            "Error: x" => "(flow.ts:5:",
            _ => "(flow.ts:6:",
        };
        assert!(why.contains(place) && why.len() < 400, "{thrown}: {why}");
    }
}

#[test]
fn what_a_function_throws_is_said_in_the_same_words() {
    let step = |thrown: &str| {
        fails(&format!(
            "await ctx.step('f', {{ type: 'function', fn: () => {{\n      throw {thrown};\n    }} }});"
        ))
    };
    let why = step("null");
    assert!(
        why.contains("step `f` failed: it threw null (flow.ts:6:"),
        "{why}"
    );
    let why = step("{ code: 7 }");
    assert!(
        why.contains("step `f` failed: it threw {\"code\":7} (flow.ts:6:"),
        "{why}"
    );
}

#[test]
fn only_the_engine_says_that_memory_or_stack_are_used_up() {
    let why = fails("throw new Error('the disk says: out of memory');");
    assert!(
        why.starts_with("failed Error: the disk says: out of memory (flow.ts:5:"),
        "{why}"
    );
    let why = fails("throw new Error('stack overflow is a site');");
    assert!(
        why.starts_with("failed Error: stack overflow is a site (flow.ts:5:"),
        "{why}"
    );
    let why = fails("const all = [];\n    while (true) all.push('x'.repeat(1e6) + all.length);");
    assert!(why.contains("more than 32 MB of memory"), "{why}");
}

#[test]
fn a_rejection_with_no_error_is_told_for_what_it_is() {
    for (body, said) in [
        (
            "await Promise.reject(null);",
            "it rejected a promise with null (flow.ts:5:",
        ),
        (
            "await Promise.reject();",
            "it rejected a promise with undefined (flow.ts:5:",
        ),
        (
            "await new Promise((_, reject) => reject(null));",
            "it rejected a promise with null (flow.ts:5:",
        ),
        (
            "await null;\n    await Promise.all([1, Promise.reject(null)]);",
            "it rejected a promise with null (flow.ts:6:",
        ),
        (
            "const no = async () => { throw null; };\n    await null;\n    await no();",
            "it threw null (flow.ts:5:",
        ),
        (
            "const no = async () => {\n      await null;\n      throw null;\n    };\n    await no();",
            "it threw null (flow.ts:7:",
        ),
        (
            "const p = (async () => { throw 1; })();\n    try { throw 2; } catch {}\n    await p;",
            "it rejected a promise with 1 (flow.ts:4:",
        ),
        // Somebody waits for it already: where it happens cannot be known.
        (
            "let no: any;\n    const all = new Promise((_, reject) => { no = reject; }).then(() => 1);\n    no(null);\n    await all;",
            "it threw or rejected with null (flow.ts:4:",
        ),
        // Nobody handles it.
        (
            "void Promise.reject(null);\n    return 1;",
            "a rejection that nobody handled: it rejected a promise with null (flow.ts:5:",
        ),
        (
            "await ctx.step('a', { type: 'script', command: 'x' });\n    void (async () => { throw undefined; })();\n    return 1;",
            "a rejection that nobody handled: it threw undefined (flow.ts:6:",
        ),
        (
            "await ctx.step('f', { type: 'function', fn: () => Promise.reject(null) });",
            "step `f` failed: it rejected a promise with null (flow.ts:5:",
        ),
    ] {
        let why = fails(body);
        assert!(why.starts_with(&format!("failed {said}")), "{body}: {why}");
    }
}

#[test]
fn a_rejection_that_is_handled_in_the_end_is_none() {
    for body in [
        // What else is thrown meanwhile says nothing of it.
        "const p = (async () => { throw 1; })();\n    try { throw 2; } catch {}\n    try { await p; } catch {}\n    return 1;",
        // Its words are others each time.
        "let n = 0;\n    const words = { get() { n += 1; return String(n); } };\n    const p = Promise.reject(Object.defineProperty(new Error(), 'message', words));\n    await p.catch(() => {});\n    return 1;",
    ] {
        let why = fails(body);
        assert!(why.starts_with("completed"), "{body}: {why}");
    }
}

#[test]
fn memory_that_is_used_up_is_told_as_that_wherever_it_is_needed() {
    // So little is left that there is no error to throw either.
    let fill = "let list: any = null;\n    const fill = async () => { for (;;) list = { list }; };";
    for body in [
        "for (;;) list = { list };",
        "await fill();",
        "void fill();\n    return 1;",
        "await ctx.step('f', { type: 'function', fn: () => fill() });",
        "await new Promise((_, reject) => fill().catch(reject));",
    ] {
        let why = fails(&format!("{fill}\n    {body}"));
        assert!(why.contains("more than 32 MB of memory"), "{body}: {why}");
    }
}

#[test]
fn no_global_leads_to_the_host() {
    // Its functions believe what they are told: that a text is JSON, for one.
    let why = fails(
        "const { __baton } = globalThis as any;\n    try { __baton.ended('{'); } catch {}\n    return Object.keys(__baton);",
    );
    assert_eq!(why, r#"completed ["exports","zod"]"#);
}

#[test]
fn errors_are_placed_whatever_a_program_makes_of_stacks() {
    let why = fails(
        "(Error as any).prepareStackTrace = (_: any, sites: any) => sites;\n    throw new Error('no');",
    );
    assert!(why.starts_with("failed Error: no (flow.ts:6:"), "{why}");
}

#[test]
fn a_top_level_that_throws_no_error_is_an_error_of_the_definition() {
    let compiled = |line: &str| {
        let text = format!(
            "import {{ defineWorkflow }} from \"baton\";\n{line}\nexport default defineWorkflow({{ name: \"Flow\", async execute() {{}} }});\n"
        );
        let source = baton_script::Source {
            project: "/nonexistent".into(),
            key: "flow".into(),
            path: "flow.ts".into(),
            text: Some(text),
        };
        baton_script::compile_here(&source, &Limits::default())
    };
    for (line, said) in [
        ("throw null;", "it threw null"),
        ("throw 7;", "it threw 7"),
        ("throw new Error('no');", "no"),
    ] {
        let found = compiled(line)
            .diagnostics
            .into_iter()
            .map(baton_core::definition::Diagnostic::from);
        let found: Vec<_> = found.map(|found| (found.line, found.message)).collect();
        assert_eq!(found, [(2, said.to_owned())], "{line}");
    }
}
