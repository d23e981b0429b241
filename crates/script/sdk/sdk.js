// The side of `ctx` that lives in the isolate. It turns calls into words for the host and settles
// promises when the host says so; it decides nothing. Evaluated once, before the definition.
//
// `host` has: call(kind, id, options, stack) -> the call's number doubled, plus 1 when it is a function
// whose end is known; after it the step's key when that is not its id: "7 build~2"; -1 when there is no
// stack and the journal does not have it: it is to say where it stands;
// done(n, returned, JSON or words, stack, last) for functions, of which one that threw is tried
// again unless it is the last; line(n) -> where a call stands; zod() -> the namespace of zod.
export default (host) => {
  const { stringify, parse } = JSON;
  const loadZod = host.zod;
  let zod;
  host.zod = () => (zod ??= loadZod());
  const plain = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const describe = (value) =>
    value === null ? "null" : Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : typeof value;

  // ---- what is not there, and what is recorded ----

  let now = 0;
  let random = [1, 2, 3, 4];
  // A function's randomness is its own: made of the program's and this, when it first asks for some.
  let mixed = 0;
  const next = () => {
    if (mixed !== 0) mix();
    // xoshiro128**
    const rotate = (x, k) => (x << k) | (x >>> (32 - k));
    const s = random;
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return result;
  };
  const mix = () => {
    random = [random[0] ^ mixed, random[1], random[2] ^ 0x9e3779b9, random[3] | 1];
    mixed = 0;
    for (let i = 0; i < 8; i += 1) next();
  };
  Math.random = () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;

  const RealDate = Date;
  const RecordedDate = function Date(...given) {
    if (new.target === undefined) return new RealDate(now).toString();
    return given.length === 0
      ? Reflect.construct(RealDate, [now], new.target)
      : Reflect.construct(RealDate, given, new.target);
  };
  Object.defineProperties(RecordedDate, Object.getOwnPropertyDescriptors(RealDate));
  RecordedDate.now = () => now;
  RecordedDate.prototype.constructor = RecordedDate;
  globalThis.Date = RecordedDate;
  globalThis.performance = { now: () => now, timeOrigin: 0 };

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  globalThis.crypto = {
    randomUUID() {
      const bytes = Array.from({ length: 16 }, () => next() & 255);
      bytes[6] = (bytes[6] & 15) | 64;
      bytes[8] = (bytes[8] & 63) | 128;
      const text = hex(bytes);
      return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
    },
    getRandomValues(array) {
      for (let i = 0; i < array.length; i += 1) array[i] = next();
      return array;
    },
  };

  const missing = (name, instead) => {
    const refuse = () => {
      throw new Error(`there is no \`${name}\` in a workflow: ${instead}`);
    };
    Object.defineProperty(globalThis, name, { value: refuse, configurable: true, writable: true });
  };
  const inStep = "do it in a script step, `ctx.step(id, {type: \"script\", command: …})`";
  missing("fetch", inStep);
  missing("require", "use `import`");
  missing("setTimeout", "wait with `ctx.wait(\"10s\")`, which is durable");
  missing("setInterval", "use a loop with `ctx.wait(\"10s\")`");
  missing("setImmediate", "use `await`");
  const noEval = (name) => {
    const refuse = function () {
      throw new Error(`\`${name}\` is not allowed in a workflow: write the code in the definition or in a file it imports`);
    };
    return refuse;
  };
  globalThis.eval = noEval("eval");
  for (const [name, kind] of [
    ["Function", Function],
    ["AsyncFunction", (async () => {}).constructor],
    ["GeneratorFunction", function* () {}.constructor],
    ["AsyncGeneratorFunction", async function* () {}.constructor],
  ]) {
    const refuse = noEval(`new ${name}`);
    refuse.prototype = kind.prototype;
    Object.defineProperty(kind.prototype, "constructor", { value: refuse });
    if (name === "Function") globalThis.Function = refuse;
  }
  // What the garbage collector does cannot be replayed.
  delete globalThis.WeakRef;
  delete globalThis.FinalizationRegistry;
  // Stacks are texts that say where: Baton places errors by them.
  delete Error.prepareStackTrace;

  // ---- what is thrown ----

  const stackOf = () => new Error().stack ?? "";
  const isError = (value) => {
    try {
      return value instanceof Error;
    } catch {
      return false;
    }
  };
  // What is no error has no stack. The compiler lets each `throw` say it here, and the engine says what it
  // rejects with while nobody handles that.
  let noted;
  Object.defineProperty(globalThis, "__baton_thrown", {
    value: (value) => {
      if (!isError(value)) noted = { value, how: "it threw", stack: stackOf() };
      return value;
    },
  });
  const textOf = (error, name) => {
    try {
      const text = error[name];
      return typeof text === "string" ? text : undefined;
    } catch {
      return undefined;
    }
  };
  const shown = (value) => {
    let text;
    try {
      text = value === null || (typeof value !== "object" && typeof value !== "string") ? String(value) : stringify(value);
    } catch {
      text = describe(value);
    }
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  };
  // What is said of what was thrown, and its stack: whatever the value is, this does not throw.
  const told = (value) => {
    const note = noted;
    if (isError(value)) {
      const message = textOf(value, "message") ?? "it has no message that can be read";
      return [`${textOf(value, "name") || "Error"}: ${message}`, textOf(value, "stack") ?? ""];
    }
    if (note === undefined || !Object.is(note.value, value)) return [`it threw or rejected with ${shown(value)}`, ""];
    return [`${note.how} ${shown(value)}`, note.stack];
  };
  host.told = told;

  // Rejections that nobody has handled yet, in their order: what is said of them, by their promises.
  const lost = new Map();
  host.rejected = (promise, reason, isHandled) => {
    if (isHandled) {
      lost.delete(promise);
      return;
    }
    if (!isError(reason)) noteRejection(reason);
    lost.set(promise, told(reason));
  };
  // The innermost frame of a definition: those of ours and of the engine have no lines.
  const frameIn = (stack) => stack.split("\n").find((line) => /:\d+:\d+\)$/.test(line));
  // A rejection that comes of a `throw`, or of another rejection, happened there and not where it is now.
  const noteRejection = (value) => {
    const stack = stackOf();
    const frame = frameIn(stack);
    const isNoted = noted !== undefined && Object.is(noted.value, value);
    if (isNoted && (frame === undefined || noted.stack.includes(frame))) return;
    noted = { value, how: "it rejected a promise with", stack };
  };
  host.lost = () => {
    for (const told of lost.values()) return told;
    return undefined;
  };

  // ---- calls ----

  const waiting = new Map();
  const results = new Map();
  let functions = 0;
  let phase;
  let phases = [];

  // Where a call stands is only asked for when the journal does not say it.
  let isNew = false;
  // Gives the call's number; the rest stands in `made` until the next call.
  const made = { ended: false, key: "" };
  const call = (kind, id, options) => {
    if (functions > 0) {
      throw new Error(
        `a function step cannot use \`ctx\` to ${kind === "step" || kind === "function" ? "ask for a step" : kind}: it computes and returns`,
      );
    }
    const text = stringify(options);
    let told = isNew ? -1 : host.call(kind, id, text, "");
    if (told === -1) {
      isNew = true;
      told = host.call(kind, id, text, new Error().stack || "-");
    }
    made.key = id;
    if (typeof told !== "number") {
      const [number, key] = told.split(" ");
      made.key = key;
      told = Number(number);
    }
    made.ended = (told & 1) === 1;
    return told >>> 1;
  };
  // What waits for a step has its key, whether a failure is thrown, and the function that is to run; what else
  // waits is told all as it is.
  const outcome = (n) => new Promise((resolve) => waiting.set(n, { resolve }));

  class StepError extends Error {
    constructor(result, code, line) {
      super(result.error);
      this.name = "StepError";
      this.stepId = result.stepId;
      this.code = code;
      this.result = result;
      this.line = line;
    }
  }

  const options = (id, config, type) => {
    if (typeof id !== "string") {
      throw new TypeError(`a step's id is a text such as "build", this is ${describe(id)}`);
    }
    if (!plain(config)) {
      throw new TypeError(`step "${id}": its config is an object such as {type: "script", command: "…"}, this is ${describe(config)}`);
    }
    // What a program passes may have a key `__proto__` of its own.
    const all = { __proto__: null };
    for (const name of Object.keys(config)) {
      if (name === "id" || name === "fn") continue;
      const value = config[name];
      if (value !== undefined || name === "type") all[name] = value;
    }
    all.id = id;
    if (type !== undefined) all.type ??= type;
    if (all.type === undefined) {
      if (config.fn !== undefined) all.type = "function";
      else delete all.type;
    }
    if (typeof all.prompt === "function") {
      const prompt = all.prompt.call({ ...all }, ctx);
      if (typeof prompt !== "string") {
        throw new TypeError(`step "${id}": its \`prompt\` gave ${describe(prompt)}: a function of \`ctx\` that returns the text, and is not async`);
      }
      all.prompt = prompt;
    }
    if (isZod(all.output)) all.output = schemaOf(all.output, "output");
    if (all.phase !== undefined) phase = all.phase;
    else if (phase !== undefined) all.phase = phase;
    return all;
  };

  const runFunction = (id, all, fn) => {
    if (typeof fn !== "function") {
      throw new TypeError(`step "${id}": a function step has \`fn\`, a function`);
    }
    const n = call("function", id, all);
    return settleStep(n, all, made.ended ? undefined : fn);
  };
  const finished = (n, value) => {
    let text;
    try {
      text = stringify(value === undefined ? null : value);
      if (text === undefined) throw new TypeError(`${describe(value)} is no JSON value`);
    } catch (error) {
      failed(n, new TypeError(`what it returned cannot be journaled: ${told(error)[0]}`), true);
      return;
    }
    host.done(n, true, text, "", true);
  };
  // It takes little memory: there may be none.
  const failed = (n, error, last) => {
    const said = told(error);
    host.done(n, false, said[0], said[1], last);
  };
  const attempt = (n, fn) => {
    let value;
    try {
      value = fn(ctx);
      // What is no promise needs none.
      if (value === null || (typeof value !== "object" && typeof value !== "function") || typeof value.then !== "function") {
        finished(n, value);
        return;
      }
    } catch (error) {
      failed(n, error, false);
      return;
    }
    Promise.resolve(value).then(
      (value) => finished(n, value),
      (error) => failed(n, error, false),
    );
  };

  const settleStep = (n, all, fn) => {
    const throws = all.continue_on_error !== true && all.continueOnError !== true;
    const one = { key: made.key, throws, fn };
    const promise = new Promise((resolve, reject) => {
      one.resolve = resolve;
      one.reject = reject;
    });
    waiting.set(n, one);
    return promise;
  };
  // What a step has come to, as `ctx.step` gives it.
  const settled = (n, one, result, code) => {
    results.set(one.key, result);
    if (result.status === "failed" && one.throws) one.reject(new StepError(result, code, host.line(n)));
    else one.resolve(result);
  };

  const askStep = (id, config, type) => {
    const all = options(id, config, type);
    if (all.type === "function") return runFunction(id, all, config.fn);
    if (config.fn !== undefined) {
      throw new TypeError(`step "${id}": \`fn\` is for steps of type "function"`);
    }
    return settleStep(call("step", id, all), all);
  };
  // An error in the options is a rejection, as everything of a step is; but it is known at once.
  const asking = (id, config, type) => {
    try {
      return askStep(id, config, type);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  const ctx = {
    step: (id, config) => asking(id, config),
    approval(id, config) {
      return asking(id, typeof config === "string" ? { message: config } : config, "approval");
    },
    wait(id, config) {
      const [name, what] = config === undefined && !/^[A-Za-z]/.test(String(id)) ? ["wait", id] : [id, config];
      const time = what instanceof RealDate ? { until: what.toISOString() } : typeof what === "string" ? { for: what } : what;
      if (plain(time) && time.until instanceof RealDate) {
        return asking(name, { ...time, until: time.until.toISOString() }, "wait");
      }
      return asking(name, time, "wait");
    },
    remote: (id, config) => asking(id, config, "remote"),
    workflow: (id, config) => asking(id, typeof config === "string" ? { workflow: config } : config, "workflow"),
    async exec(command, cwd) {
      const all = options("exec", { type: "script", command, cwd }, "script");
      const n = call("step", "exec", all);
      const stepId = made.key;
      const told = await outcome(n);
      if (told.exitCode === undefined || told.exitCode === null) {
        if (told.status === "failed") throw new StepError({ stepId, ...told }, told.code, host.line(n));
      }
      return { exitCode: told.exitCode ?? 0, stdout: told.result ?? "", stderr: told.stderr ?? "" };
    },
    async checkpoint() {
      await outcome(call("checkpoint", "", {}));
    },
    async comment(text, stepId) {
      if (typeof text !== "string") throw new TypeError(`a comment is a text, this is ${describe(text)}`);
      await outcome(call("comment", stepId ?? "", { content: text }));
    },
    log(...values) {
      const text = values.map((value) => (typeof value === "string" ? value : stringify(value) ?? String(value))).join(" ");
      if (functions === 0 && text !== "") call("log", "", { content: text });
    },
    getStepResult: (id) => results.get(id),
    phase(name) {
      if (!phases.includes(name)) {
        throw new Error(`phase \`${name}\` is not declared: ${phases.length > 0 ? `it is one of ${phases.join(", ")}` : "declare `phases`"}`);
      }
      phase = name;
    },
    async parallel(work, limits) {
      const named = !Array.isArray(work);
      if (named && !plain(work)) {
        throw new TypeError(`ctx.parallel takes a list or an object of functions, this is ${describe(work)}`);
      }
      const names = Object.keys(work);
      const max = Math.max(1, limits?.max_parallel ?? names.length);
      const found = named ? {} : new Array(names.length);
      let at = 0;
      const one = async () => {
        while (at < names.length) {
          const name = names[at];
          at += 1;
          const value = work[name];
          found[name] = await (typeof value === "function" ? value() : value);
        }
      };
      await Promise.all(Array.from({ length: Math.min(max, names.length) }, one));
      return found;
    },
  };
  const print = (...values) => ctx.log(...values);
  globalThis.console = { log: print, info: print, warn: print, error: print, debug: print, trace: print };

  // ---- the definition ----

  const isZod = (value) => value !== null && typeof value === "object" && "_zod" in value;
  const schemaOf = (schema, io) => {
    const { $schema: _, ...rest } = host.zod().toJSONSchema(schema, { io, unrepresentable: "any" });
    return rest;
  };
  const defined = Symbol("workflow");
  const defineWorkflow = (config) => {
    if (!plain(config)) {
      throw new TypeError(`defineWorkflow takes an object with \`name\` and \`execute\`, this is ${describe(config)}`);
    }
    return { [defined]: config };
  };
  const configOf = (module) => {
    const config = module.default?.[defined];
    if (config === undefined) {
      throw new Error("a definition ends with `export default defineWorkflow({…})`");
    }
    return config;
  };
  // The compiler wraps the schema in a function, so that a run does not pay for it.
  const schemaIn = (config) => {
    const schema = config.argsSchema ?? config.args_schema;
    return typeof schema === "function" ? schema() : schema;
  };

  const quote = (value) => `'${String(value).replaceAll("'", "'\\''")}'`;
  const sh = (texts, ...values) =>
    texts.reduce((text, part, i) => text + (Array.isArray(values[i - 1]) ? values[i - 1].map(quote).join(" ") : quote(values[i - 1])) + part);
  const secret = (name) => ({ $secret: name });

  // All that modules of ours take from here: whatever a program does with it, they find it as it is.
  const exports = Object.freeze({ defineWorkflow, sh, secret, StepError });
  Object.defineProperty(globalThis, "__baton", { value: Object.freeze({ exports, zod: host.zod }) });

  host.head = (module) => {
    const config = configOf(module);
    const { execute, ...head } = config;
    if (typeof execute !== "function") {
      throw new Error("`execute` is missing: `async execute(ctx) { … }`");
    }
    const schema = schemaIn(config);
    delete head.argsSchema;
    delete head.args_schema;
    let reads = false;
    if (isZod(schema)) {
      reads = true;
      head.argsSchema = schemaOf(schema, "input");
    } else if (schema !== undefined) {
      head.argsSchema = schema;
    }
    return stringify({ head, reads });
  };

  host.args = (module, text) => {
    const schema = schemaIn(configOf(module));
    if (!isZod(schema)) return stringify({ args: parse(text) });
    const read = schema.safeParse(parse(text));
    if (read.success) return stringify({ args: read.data === undefined ? {} : read.data });
    const pointer = (path) => path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
    const errors = read.error.issues.map((issue) => ({ pointer: pointer(issue.path), detail: issue.message }));
    return stringify({ errors });
  };

  host.begin = (module, text) => {
    const { run, args, seed, at } = parse(text);
    const config = configOf(module);
    now = at;
    random = seed;
    phases = (config.phases ?? []).map((one) => (typeof one === "string" ? one : one.id));
    phase = phases[0];
    const { project, ...own } = run;
    Object.assign(ctx, { runId: run.id, projectPath: run.path, args, run: own, project });
    Object.freeze(ctx);
    const ended = (value) => {
      let json;
      try {
        json = stringify(value === undefined ? null : value);
        if (json === undefined) throw new TypeError(`${describe(value)} is no JSON value`);
      } catch (error) {
        threw(new TypeError(`what \`execute\` returned cannot be journaled: ${told(error)[0]}`));
        return;
      }
      host.ended(json);
    };
    const threw = (error) => {
      const [words, stack] = told(error);
      if (!isError(error) || !(error instanceof StepError)) {
        host.threw(words, stack, "", "");
        return;
      }
      host.threw(textOf(error, "message") ?? "", stack, error.stepId, error.line || "");
    };
    const { fileName, lineNumber, columnNumber } = config.execute;
    host.begins(String(fileName), Number(lineNumber) || 1, Number(columnNumber) || 1);
    (async () => config.execute(ctx))().then(ended, threw);
  };

  const heard = (n) => {
    if (functions > 0) ran();
    const one = waiting.get(n);
    waiting.delete(n);
    return one;
  };
  host.settle = (n, text, at) => {
    if (at > now) now = at;
    const one = heard(n);
    if (one === undefined) return;
    if (one.key === undefined) {
      one.resolve(parse(text));
      return;
    }
    const { code, ...told } = parse(text);
    settled(n, one, { stepId: one.key, ...told }, code);
  };
  // The same of a function that has returned this.
  host.returned = (n, text) => {
    const one = heard(n);
    if (one !== undefined) settled(n, one, { stepId: one.key, status: "completed", data: parse(text) });
  };
  // A function runs alone, with randomness of its own: a replay that does not run it is no different.
  let kept = random;
  host.run = (n, _, current) => {
    functions = 1;
    kept = random;
    mixed = current + 1;
    attempt(n, waiting.get(n)?.fn);
  };
  const ran = () => {
    functions = 0;
    random = kept;
    mixed = 0;
  };
  host.ran = ran;
  host.seed = (at) => {
    now = at;
  };
};
