//! One engine serves many runs, of many definitions: whatever a program leaves in it, the next run finds an
//! engine as good as new. By what hosts and workers say to each other.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod sim;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use baton_script::{Limits, carry_out_here};
use serde_json::{Value, json};
use sim::bundle;

/// Walks all that can be reached from the global object and the built-in prototypes, and tells of each thing
/// what it is; and all else that a run before could have left.
const PROBE: &str = r#"import { defineWorkflow, sh } from "baton";
let begun = 0;
begun += 1;
const pattern = /a/g;
const tag = (texts: any) => texts;
export default defineWorkflow({
  name: "Probe",
  async execute(ctx: any) {
    const seen = new Set<any>();
    const lines: string[] = [];
    const open: any[] = [["globalThis", globalThis]];
    const syntax = [function* () {}, async () => {}, async function* () {}, [][Symbol.iterator](), new Map().entries(),
      new Set().values(), ""[Symbol.iterator](), "a".matchAll(/a/g), (function* () {})(), (async function* () {})(),
      new Proxy({}, {}), new Error("e"), tag`a`, Symbol.for("mark"), 1n, import.meta];
    syntax.forEach((one, i) => open.push([`syntax ${i}`, one]));
    while (open.length > 0) {
      const [path, value] = open.pop();
      lines.push(`${path} ${typeof value} ${typeof value === "symbol" ? String(value) : ""}`);
      if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue;
      seen.add(value);
      if (typeof value === "function") lines.push(`${path} ${Function.prototype.toString.call(value)}`);
      lines.push(`${path} ${Object.isExtensible(value)}`);
      open.push([`${path}.[[Prototype]]`, Object.getPrototypeOf(value)]);
      for (const key of Reflect.ownKeys(value)) {
        const found: any = Object.getOwnPropertyDescriptor(value, key);
        const name = `${path}.${String(key)}`;
        lines.push(`${name} ${found.writable} ${found.enumerable} ${found.configurable}`);
        if (typeof found.value === "number" || typeof found.value === "string") lines.push(`${name} ${found.value}`);
        if (key !== "stack") open.push([name, found.value], [`${name} get`, found.get], [`${name} set`, found.set]);
      }
    }
    let hash = 0;
    for (const line of lines) for (let i = 0; i < line.length; i += 1) hash = (Math.imul(hash, 31) + line.charCodeAt(i)) | 0;
    const refused = [
      () => eval("1"),
      () => new Function("return 1")(),
      () => (0, eval)("1"),
      () => (async () => {}).constructor("1")(),
      () => (function* () {}).constructor("1")(),
      () => (async function* () {}).constructor("1")(),
      () => setTimeout(() => {}, 1),
      () => fetch("x"),
    ].map((ask: any) => { try { return `gave ${typeof ask()}`; } catch (error: any) { return error.message; } });
    const { data } = await ctx.step("f", { type: "function", fn: () => [Math.random(), new Date().getTime()] });
    const again = await ctx.step("f", { type: "function", fn: () => Math.random() });
    const caught = await Promise.reject(7).catch((value) => value + 1);
    ctx.log("here", { caught });
    return {
      begun, hash, lines: lines.length, seen: seen.size, refused, data, again, random: Math.random(), id: crypto.randomUUID(),
      now: Date.now(), last: pattern.lastIndex, found: pattern.test("a"), args: ctx.args, run: ctx.run, word: sh`a ${"b c"}`,
      weak: typeof (globalThis as any).WeakRef, stack: new Error("here").stack, missing: ctx.getStepResult("left"),
    };
  },
});
"#;

/// What programs leave behind. Each ends by itself, returning or throwing.
const LEFT: &[(&str, &str)] = &[
    ("nothing", "return 1;"),
    (
        "patched prototypes",
        "for (const one of [Object, Array, String, Promise, Map, Set, RegExp, Date, Error, Function, Number] as any[]) {
      one.prototype.mark = ctx;
      one.mark = ctx;
    }
    Array.prototype.map = Array.prototype.push = (() => [ctx]) as any;
    Map.prototype.get = (() => undefined) as any;
    String.prototype.split = (() => []) as any;
    (Array.prototype as any)[Symbol.iterator] = function* () { yield ctx; };
    Object.defineProperty(Object.prototype, 'then', { get() { return undefined; }, configurable: true });
    (Error as any).prepareStackTrace = () => 'no stack';
    return 1;",
    ),
    (
        "promises and jobs",
        "const then = Promise.prototype.then;
    Promise.prototype.then = function (...given: any[]) { return then.apply(this, given as any); } as any;
    void new Promise(() => {}).then(() => ctx);
    for (let i = 0; i < 50; i += 1) void (async () => { await new Promise(() => {}); })();
    void Promise.resolve().then(() => { (globalThis as any).late = 1; });
    return 1;",
    ),
    (
        "globals and symbols",
        "const all = globalThis as any;
    all.mark = ctx;
    all[Symbol.for('mark')] = 1;
    Object.prototype[Symbol.for('mark') as any] = ctx;
    all.undefinedMark = undefined;
    all.eval = () => 1;
    all.Function = all.setTimeout = () => () => 1;
    Object.defineProperty(all, 'fixed', { value: 1 });
    Object.preventExtensions(all);
    return 1;",
    ),
    (
        "constructors of code",
        "for (const one of [async () => {}, function* () {}, async function* () {}, () => {}] as any[]) {
      try { Object.defineProperty(Object.getPrototypeOf(one), 'constructor', { value: () => () => 1 }); } catch {}
      try { Object.getPrototypeOf(one).constructor = () => () => 1; } catch {}
    }
    return 1;",
    ),
    (
        "frozen and deleted",
        "const all = globalThis as any;
    for (const name of Object.getOwnPropertyNames(all)) {
      if (typeof all[name] === 'function' && all[name].prototype) Object.freeze(all[name].prototype);
    }
    for (const name of Object.getOwnPropertyNames(all)) {
      if (name !== 'JSON' && name !== 'Promise') try { delete all[name]; } catch {}
    }
    return 1;",
    ),
    (
        "proxies",
        "const all = globalThis as any;
    Object.setPrototypeOf(all, new Proxy({}, { has: () => true, get: () => ctx, set: () => false }));
    all.Date = new Proxy(Date, { construct: () => ({ getTime: () => 1 }) as any });
    Object.setPrototypeOf(Array.prototype, new Proxy(Object.prototype, { get: (_, name) => name === 'mark' ? ctx : undefined }));
    return 1;",
    ),
    (
        "generators and iterators",
        "const all = globalThis as any;
    const open = function* () { try { yield 1; yield 2; } finally { all.closed = ctx; } };
    all.kept = [open(), open(), open()];
    all.kept[0].next();
    all.kept[1].next();
    const later = (async function* () { try { yield await new Promise(() => {}); } finally { all.closed = ctx; } })();
    void later.next();
    for (const _ of open()) break;
    const left = open();
    left.next();
    return 1;",
    ),
    (
        "memory beyond the piece",
        "let big: any = new Uint8Array(8 << 20).fill(7);
    big = null;
    let many: any = Array.from({ length: 30_000 }, (_, i) => ({ i }));
    many = null;
    let long: any = 'x'.repeat(4 << 20) + 'é';
    long = long.slice(1);
    long = null;
    const grown = new Map<any, any>();
    for (let i = 0; i < 20_000; i += 1) grown.set(i, { i });
    grown.clear();
    return 1;",
    ),
    (
        "cycles that nobody collected",
        "(globalThis as any).mark = 1;
    for (let i = 0; i < 2000; i += 1) { const one: any = { i }; one.self = one; one.f = () => one; }
    return 1;",
    ),
    (
        "memory that ran out",
        "(globalThis as any).mark = 1;
    try { const all: any[] = []; for (;;) all.push(new Array(1000).fill({})); } catch {}
    try { let text = 'x'; for (;;) text += text; } catch {}
    try { new ArrayBuffer(1 << 30); } catch {}
    return 1;",
    ),
    (
        "memory that ran out within the piece",
        "(globalThis as any).mark = 1;
    try { new Uint8Array(1 << 29); } catch {}
    try { new Array(2 ** 32 - 1).fill(0); } catch {}
    return 1;",
    ),
    (
        "calls that nested too deeply",
        "const deep = (n: number): number => deep(n + 1) + 1;
    try { deep(0); } catch {}
    try { JSON.parse('['.repeat(100_000)); } catch {}
    let nested: any = [];
    for (let i = 0; i < 50_000; i += 1) nested = [nested];
    try { JSON.stringify(nested); } catch {}
    return 1;",
    ),
    (
        "numbers, buffers, patterns",
        "const all = globalThis as any;
    all.big = 3n ** 5000n;
    all.shared = new SharedArrayBuffer(64);
    Atomics.add(new Int32Array(all.shared), 0, 5);
    try { Atomics.wait(new Int32Array(all.shared), 0, 5, 1); } catch {}
    Atomics.notify(new Int32Array(all.shared), 0);
    all.resized = new ArrayBuffer(8, { maxByteLength: 4096 });
    all.resized.resize(4096);
    all.moved = all.resized.transfer(16);
    all.pattern = /(a+)(?<b>b)*/gy;
    all.pattern.exec('aab');
    (RegExp.prototype as any).exec = () => null;
    return 1;",
    ),
    (
        "time and chance",
        "Math.random = () => 4;
    Date.now = () => 4;
    (Date.prototype as any).getTime = () => 4;
    (crypto as any).randomUUID = () => 'no';
    (console as any).log = () => 4;
    return 1;",
    ),
    (
        "steps and results",
        "await ctx.step('f', { type: 'function', fn: () => 1 });
    await ctx.step('left', { type: 'function', fn: () => 1 });
    await ctx.step('f', { type: 'function', retry: { attempts: 1 }, fn: () => { throw null; }, continue_on_error: true });
    ctx.log('left');
    try { ctx.run.id = 'other'; ctx.args.left = true; } catch {}
    return 1;",
    ),
    ("an error", "throw new Error('left');"),
    ("no error", "throw null;"),
    (
        "a rejection",
        "void Promise.reject(new Error('left'));
    void Promise.reject(null);
    return 1;",
    ),
    (
        "an error whose words are the program's",
        "throw Object.defineProperty(new Error('x'), 'message', { get() { (globalThis as any).mark = 1; return 'y'; } });",
    ),
    (
        "a value whose words are the program's",
        "(Object.prototype as any).toJSON = function () { (globalThis as any).mark = 1; return 'changed'; };
    return { a: 1 };",
    ),
    (
        "what the SDK has given",
        "const all = globalThis as any;
    for (const name of ['__baton', '__baton_thrown']) {
      try { all[name].mark = 1; } catch {}
      try { delete all[name]; } catch {}
      try { all[name] = 1; } catch {}
    }
    (defineWorkflow as any).mark = 1;
    (defineWorkflow as any).prototype = null;
    return 1;",
    ),
];

const NUMBER: &str = "0198000000007000800000000000";

fn flow(body: &str) -> String {
    format!(
        "import {{ defineWorkflow }} from \"baton\";
let begun = 0;
begun += 1;
export default defineWorkflow({{
  name: \"Flow\",
  async execute(ctx: any) {{
    if (begun > 1) throw new Error('it finds itself');
    {body}
  }},
}});
"
    )
}

fn know(hash: &str, text: &str) -> Value {
    json!({"know": {"hash": hash, "bundle": bundle(text)}})
}

fn open(run: u16, hash: &str) -> Value {
    let id = format!("run_{NUMBER}{run:04x}");
    json!({"open": {"run": id, "epoch": 0, "bundle": hash, "opening": {
        "run": {"id": "run_1", "number": 1, "project": {"name": "p"}}, "args": {"a": [1]}, "at": 5,
        "seed": [1, 2, 3, 4], "calls": [], "functions": [], "outcomes": [],
    }}})
}

/// What a worker answers to these orders.
fn answers(orders: &[Value], limits: &Limits) -> Vec<Value> {
    parted(&carry_out_here(&mut &*frames(orders), limits).unwrap())
}

/// The same of a worker with a process of its own, and whether it died of them.
fn answers_of_a_process(orders: &[Value], limits: &Limits) -> (Vec<Value>, bool) {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_worker-for-tests"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let orders = [&[json!({ "limits": limits })], orders].concat();
    let mut to = worker.stdin.take().unwrap();
    // One that has died takes no more.
    let writer = thread::spawn(move || drop(to.write_all(&frames(&orders))));
    let ended = worker.wait_with_output().unwrap();
    writer.join().unwrap();
    (parted(&ended.stdout).split_off(1), !ended.status.success())
}

fn frames(orders: &[Value]) -> Vec<u8> {
    let mut frames = Vec::new();
    for order in orders {
        let text = order.to_string();
        frames.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        frames.extend(text.as_bytes());
    }
    frames
}

fn parted(mut rest: &[u8]) -> Vec<Value> {
    let mut answers = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (frame, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        answers.push(serde_json::from_slice(frame).unwrap());
        rest = after;
    }
    answers
}

fn limits() -> Limits {
    Limits {
        memory: 32 << 20,
        cpu_ms: 60_000,
        ..Limits::default()
    }
}

#[test]
fn whatever_a_run_leaves_in_its_engine_the_next_one_does_not_find() {
    // The engine gives the texts of a template that it has read from its own code a `length` that can be
    // written: so nothing is compared with the run that compiled the module.
    let first = [know("probe", PROBE), open(1, "probe"), open(2, "probe")];
    let fresh = answers(&first, &limits());
    let fresh = &fresh[2];
    let said = fresh.to_string();
    assert!(
        said.contains("is not allowed in a workflow") && !said.contains("gave"),
        "{said}"
    );
    for (what, body) in LEFT {
        let orders = [
            know("probe", PROBE),
            know("left", &flow(body)),
            open(1, "probe"),
            open(2, "left"),
            open(3, "probe"),
            open(4, "left"),
            open(5, "left"),
            open(6, "probe"),
        ];
        let told = &answers(&orders, &limits())[1..];
        let end = &told[2]["turned"]["turned"]["end"];
        assert!(end.is_object(), "{what}: {}", told[2]);
        assert!(!told[2].to_string().contains("finds itself"), "{what}");
        assert_eq!((&told[4], &told[5]), (&told[2], &told[2]), "{what}");
        assert_eq!(&told[3], fresh, "after {what}");
        assert_eq!(&told[6], fresh, "after {what}, twice");
    }
}

#[test]
fn memory_may_run_out_anywhere() {
    // Throws, catches, awaits, and needs all that it can get.
    let greedy = flow(
        "const all: any[] = [];
    const one = async (n: number) => { try { all.push(new Array(n).fill({ n })); await null; } finally { all.push(`${n}`); } };
    for (let i = 1; i < 400; i += 1) { try { await one(i); } catch (error) { all.push(error); } }
    await ctx.step('f', { type: 'function', fn: () => all.length });
    return /(a|b)*c/.test('ab'.repeat(all.length));",
    );
    let known = [know("probe", PROBE), know("greedy", &greedy)];
    for kilobytes in (300..2_000).step_by(23) {
        let limits = Limits {
            memory: kilobytes << 10,
            ..limits()
        };
        let orders = [
            known[0].clone(),
            known[1].clone(),
            open(1, "greedy"),
            open(2, "probe"),
            open(3, "greedy"),
        ];
        let (told, died) = answers_of_a_process(&orders, &limits);
        let of = |answer: &Value| answer["turned"]["turned"]["end"]["threw"].clone();
        let is_memory = |answer: &Value| of(answer)["code"] == "memory";
        for answer in &told[2..] {
            let is_fine = is_memory(answer) || of(answer).is_null();
            assert!(is_fine, "{kilobytes} KB: {answer}");
        }
        // The engine may lose an object when there is no memory, and ends the process when it goes. By then all
        // has been told, and hosts ask nothing more of such a process.
        match died {
            true => assert!(
                told.last().is_some_and(is_memory),
                "{kilobytes} KB: {told:?}"
            ),
            false => assert!(told.len() >= orders.len(), "{kilobytes} KB: {told:?}"),
        }
    }
}

/// Their text is hashed, and the hash is compared with that of runs which a version before has recorded.
#[test]
fn options_are_said_in_the_order_in_which_they_always_were() {
    for (config, said) in [
        (
            "{ type: undefined, continue_on_error: true, fn: () => 1 }",
            r#"{"type":"function","continue_on_error":true,"id":"f"}"#,
        ),
        (
            "{ fn: () => 1, phase: undefined, continue_on_error: true, id: 'other' }",
            r#"{"continue_on_error":true,"id":"f","type":"function"}"#,
        ),
        (
            "{ command: ['true'], type: 'script', cwd: undefined }",
            r#"{"command":["true"],"type":"script","id":"f"}"#,
        ),
    ] {
        let orders = [
            know("f", &flow(&format!("await ctx.step('f', {config});"))),
            open(1, "f"),
        ];
        let told = answers(&orders, &limits());
        let turned = &told[1]["turned"]["turned"];
        assert_eq!(turned["asks"][0]["options"], said, "{config}: {turned}");
    }
}
