// Figures, not tests: first paint, and what scrolling a large board and a long thread costs.
// `npm run measure` prints one line of JSON for each. RUNS and MESSAGES say how many.
import { launch } from "./browser.mjs";
import { World } from "./world.mjs";

const runs = Number(process.env.RUNS ?? 1000);
const messages = Number(process.env.MESSAGES ?? 10_000);
const world = new World({ definitions: [] });
// Runs that ask at once: they cost no process each.
world.write(".agent/workflows/definitions/park.yaml", "name: Park\nphases: [ask, go]\nsteps:\n  - {id: ok, phase: ask, type: approval, message: Go on?}\n  - {id: go, phase: go, type: script, command: echo gone}\n");
await world.serve();
const browser = await launch();
const say = (name, figures) => console.log(JSON.stringify({ name, ...figures }));

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
  const make = async (n) => post("/api/workflow-executions", { project_id: project.id, definition: "park", name: `Run number ${n} with a name of some length` });
  for (let n = 0; n < runs; n += 20) await Promise.all(Array.from({ length: Math.min(20, runs - n) }, (_, index) => make(n + index)));
  const first = 1;
  for (let n = 0; n < messages; n += 40) {
    await Promise.all(
      Array.from({ length: Math.min(40, messages - n) }, (_, index) =>
        post(`/api/workflows/${first}/messages`, { content: `Message ${n + index}: **what** was done and why, in \`a\` line or two of words`, action_type: "comment" }),
      ),
    );
  }

  const scroll = async (selector, times) =>
    page.evaluate(
      async ([selector, times]) => {
        const long = [];
        const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map((entry) => entry.duration)));
        observer.observe({ type: "longtask" });
        const box = document.querySelector(selector);
        const frames = [];
        let last = performance.now();
        for (let n = 0; n < times; n += 1) {
          box.scrollTop += n < times / 2 ? -160 : 160;
          await new Promise((next) => requestAnimationFrame(next));
          const now = performance.now();
          frames.push(now - last);
          last = now;
        }
        observer.disconnect();
        frames.sort((a, b) => a - b);
        return { frames: frames.length, frame_p50_ms: frames[frames.length >> 1], frame_p99_ms: frames[Math.floor(frames.length * 0.99)], long_tasks: long.length, longest_ms: Math.max(0, ...long) };
      },
      [selector, times],
    );

  for (const [name, address, ready] of [
    ["board", "/", ".card"],
    ["thread", `/runs/${first}/conversation`, ".msg"],
  ]) {
    const fresh = await context.newPage();
    await fresh.goto(world.url + address);
    await fresh.locator(ready).first().waitFor();
    const paint = await fresh.evaluate(() => ({
      first_paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
      script_kb: Math.round(performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith(".js")).reduce((sum, entry) => sum + entry.encodedBodySize, 0) / 1024),
    }));
    const shown = await fresh.evaluate(() => performance.now());
    say(`${name}: opened`, { ...paint, content_ms: Math.round(shown) });
    await fresh.close();
  }
  await page.goto(world.url);
  await page.locator(".card").first().waitFor();
  await page.waitForTimeout(1500);
  await page.evaluate(() => document.querySelectorAll(".col-list").forEach((list) => (list.scrollTop = list.scrollHeight / 2)));
  say(`board of ${runs} runs: scrolled`, await scroll('.col[aria-label="Running"] .col-list', 240));
  await page.goto(`${world.url}/runs/${first}/conversation`);
  await page.locator(".msg").first().waitFor();
  await page.waitForTimeout(1500);
  say(`thread of ${messages} messages: scrolled`, await scroll(".thread", 240));
} finally {
  await browser.close();
  await world.close();
}
