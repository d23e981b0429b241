// Figures, not tests: what the first paint, scrolling, a large log, a large graph and a long time of live updates cost.
// `npm run measure [board thread log graph memory]` prints one line of JSON for each; without words all but memory,
// which takes MINUTES (10). RUNS, MESSAGES, LOG_MB and STEPS say how many.
import { launch } from "./browser.mjs";
import { until, World } from "./world.mjs";

const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const [runs, messages, megabytes, steps, minutes] = [number("RUNS", 1000), number("MESSAGES", 10_000), number("LOG_MB", 100), number("STEPS", 200), number("MINUTES", 10)];
const picked = process.argv.slice(2);
const wants = (name) => (picked.length === 0 ? name !== "memory" : picked.includes(name));
const say = (name, figures) => console.log(JSON.stringify({ name, ...figures }));

const world = new World({ definitions: [] });
const define = (key, text) => world.write(`.agent/workflows/definitions/${key}.yaml`, text);
// Runs that ask at once: they cost no process each.
define("park", "name: Park\nphases: [ask, go]\nsteps:\n  - {id: ok, phase: ask, type: approval, message: Go on?}\n  - {id: go, phase: go, type: script, command: echo gone}\n");
define("log", `name: Log\nsteps:\n  - id: out\n    type: script\n    command: awk 'BEGIN { while (n < ${megabytes} * 1000000) { i++; s = sprintf("\\033[32m✓\\033[0m line %d of it, with \\033[1mwords\\033[0m and the numbers %d %d", i, i * 7, i * 13); n += length(s) + 1; print s }; print "the needle at the end" }'\n`);
define("tick", "name: Tick\nsteps:\n  - id: tick\n    type: script\n    command: i=0; while [ ! -e stop ]; do i=$((i + 1)); echo tick $i with some words; sleep 0.05; done\n");
define("graph", graph(steps));

/** Layers of steps, each of which needs some of the layer before. */
function graph(count) {
  const wide = 10;
  const phase = (n) => `layer-${Math.floor(n / (wide * 4))}`;
  const lines = Array.from({ length: count }, (_, n) => {
    const layer = Math.floor(n / wide);
    const needs = layer === 0 ? [] : [(layer - 1) * wide + (n % wide), (layer - 1) * wide + ((n * 3 + 1) % wide)];
    return `  - {id: step-${n}, name: "Check part ${n} of the whole", phase: ${phase(n)}, type: wait, for: ${n % 7}ms, needs: [${[...new Set(needs)].map((each) => `step-${each}`).join(", ")}]}`;
  });
  const phases = [...new Set(Array.from({ length: count }, (_, n) => phase(n)))];
  return `name: Graph\nphases: [${phases.join(", ")}]\nsteps:\n${lines.join("\n")}\n  - {id: ok, phase: ${phases.at(-1)}, type: approval, message: All good?, needs: [step-${count - 1}]}\n`;
}

await world.serve();
const browser = await launch();

/** Scrolls there and back, and says what each frame took. */
const scroll = (page, selector, times = 240, by = -160) =>
  page.evaluate(
    async ([selector, times, by]) => {
      const long = [];
      const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map((entry) => entry.duration)));
      observer.observe({ type: "longtask" });
      const box = document.querySelector(selector);
      const frames = [];
      let last = performance.now();
      for (let n = 0; n < times; n += 1) {
        box.scrollTop += n < times / 2 ? by : -by;
        await new Promise((next) => requestAnimationFrame(next));
        const now = performance.now();
        frames.push(now - last);
        last = now;
      }
      observer.disconnect();
      frames.sort((a, b) => a - b);
      const round = (n) => Math.round(n * 10) / 10;
      return { frames: frames.length, frame_p50_ms: round(frames[frames.length >> 1]), frame_p99_ms: round(frames[Math.floor(frames.length * 0.99)]), long_tasks: long.length, longest_ms: Math.max(0, ...long) };
    },
    [selector, times, by],
  );

try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(world.link);
  await page.getByRole("heading", { name: "Board" }).waitFor();
  const cookie = (await context.cookies()).map((each) => `${each.name}=${each.value}`).join("; ");
  const headers = { cookie, origin: world.url, "content-type": "application/json" };
  const post = async (path, body) => {
    const answer = await fetch(world.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const [project] = (await (await fetch(`${world.url}/api/projects`, { headers })).json()).data;
  const start = async (definition, name) => (await post("/api/workflow-executions", { project_id: project.id, definition, name })).data;
  const many = async (count, width, make) => {
    for (let n = 0; n < count; n += width) await Promise.all(Array.from({ length: Math.min(width, count - n) }, (_, index) => make(n + index)));
  };
  const opened = async (name, address, ready) => {
    const fresh = await context.newPage();
    await fresh.goto(world.url + address);
    await fresh.locator(ready).first().waitFor();
    const figures = await fresh.evaluate(() => ({
      first_paint_ms: Math.round(performance.getEntriesByName("first-contentful-paint")[0]?.startTime),
      script_kb: Math.round(performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith(".js")).reduce((sum, entry) => sum + entry.encodedBodySize, 0) / 1024),
      content_ms: Math.round(performance.now()),
    }));
    say(`${name}: opened`, figures);
    await fresh.close();
  };

  if (wants("log")) {
    const run = await start("log", "A large log");
    await until("the log to be written", () => world.baton("show", String(run.number)).status === "completed", 300_000);
    await opened(`log of ${megabytes} MB`, `/runs/${run.number}/logs`, ".log-line");
    await page.goto(`${world.url}/runs/${run.number}/logs`);
    await page.getByText("the needle at the end").waitFor();
    say(`log of ${megabytes} MB: scrolled`, await scroll(page, ".logv .log"));
    const began = Date.now();
    await page.locator(".logv .log").focus();
    await page.keyboard.press("/");
    await page.getByLabel("Search the log").fill("needle at the end");
    await page.getByRole("status").getByText("1 of 1", { exact: true }).waitFor({ timeout: 120_000 });
    await page.locator(".log-line.cur mark").waitFor();
    say(`log of ${megabytes} MB: searched`, { ms: Date.now() - began, heap_mb: Math.round((await page.evaluate(() => performance.memory.usedJSHeapSize)) / 1e6) });
  }
  if (wants("graph")) {
    const run = await start("graph", "A large graph");
    await until("the graph to ask", () => world.baton("show", String(run.number)).waiting?.reason === "approval", 300_000);
    for (const [tab, ready] of [["graph", ".node"], ["timeline", ".tlx"], ["overview", ".overview"]]) {
      await opened(`${steps} steps, ${tab}`, `/runs/${run.number}/${tab}`, ready);
    }
  }
  if (wants("board")) {
    await many(runs, 20, (n) => start("park", `Run number ${n} with a name of some length`));
    await opened(`board of ${runs} runs`, "/", ".card");
    await page.goto(world.url);
    await page.locator(".card").first().waitFor();
    await page.waitForTimeout(1500);
    await page.evaluate(() => document.querySelectorAll(".col-list").forEach((list) => (list.scrollTop = list.scrollHeight / 2)));
    say(`board of ${runs} runs: scrolled`, await scroll(page, '.col[aria-label="Running"] .col-list'));
  }
  if (wants("thread")) {
    const run = await start("park", "A long thread");
    await many(messages, 40, (n) => post(`/api/workflows/${run.id}/messages`, { content: `Message ${n}: **what** was done and why, in \`a\` line or two of words`, action_type: "comment" }));
    await opened(`thread of ${messages} messages`, `/runs/${run.number}/conversation`, ".msg");
    await page.goto(`${world.url}/runs/${run.number}/conversation`);
    await page.locator(".msg").first().waitFor();
    await page.waitForTimeout(1500);
    say(`thread of ${messages} messages: scrolled`, await scroll(page, ".thread"));
  }
  if (wants("memory")) {
    const run = await start("tick", "Ticks");
    await page.goto(`${world.url}/runs/${run.number}/conversation`);
    await page.getByText(/tick \d+ with/).first().waitFor();
    const session = await context.newCDPSession(page);
    const heap = async () => {
      await session.send("HeapProfiler.collectGarbage");
      return Math.round((await session.send("Runtime.getHeapUsage")).usedSize / 1e5) / 10;
    };
    const heaps = [await heap()];
    const end = Date.now() + minutes * 60_000;
    while (Date.now() < end) {
      await post(`/api/workflows/${run.id}/messages`, { content: "Still here", action_type: "comment" });
      await page.waitForTimeout(2000);
      if (Date.now() > end - minutes * 60_000 + heaps.length * 60_000) heaps.push(await heap());
    }
    say(`${minutes} minutes of live updates`, { heap_mb: heaps });
    world.write("stop", "");
  }
} finally {
  await browser.close();
  await world.close();
}
