// Every page with rich data, at 1440 and 390 px, light and dark, for looking at: `node e2e/gallery.mjs [words]` puts
// them into web/.shots/gallery. Words pick pages by parts of their names.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";
import { settled } from "./harness.mjs";
import { baton, until, World } from "./world.mjs";

const out = fileURLToPath(new URL("../.shots/gallery", import.meta.url));
mkdirSync(out, { recursive: true });
const picked = process.argv.slice(2);
const wants = (name) => picked.length === 0 || picked.some((part) => name.includes(part));

const world = new World();
world.write("src/limit.ts", "export {};\n");
world.write(".agent/workflows/definitions/many.yaml", many());
world.write(".agent/workflows/definitions/nightly.yaml", "name: Nightly report\ndescription: By the clock and by a push\nphases: [collect]\ntriggers:\n  schedule: {cron: \"0 6 * * 1-5\", tz: Europe/Berlin}\n  webhook: {secret_env: HOOK_SECRET}\nsteps:\n  - {id: collect, phase: collect, type: script, command: echo hello}\n");
world.env.HOOK_SECRET = "a secret of the gallery";
const big = 'awk \'BEGIN { while (n < 10000000) { i++; s = sprintf("\\033[32m✓\\033[0m %04d packages/service-%d/src/handlers/request-%d.test.ts \\033[2m(%d tests) %d ms\\033[0m", i, i % 40, i * 7 % 999, i % 13, i * 13 % 900); if (i % 61 == 0) s = "\\033[33mwarning\\033[0m deprecated option in service-" i; if (i % 997 == 0) s = "\\033[31;1m✗ failed\\033[0m expected 200, got 503"; n += length(s) + 1; print s } }\'';
world.write(".agent/workflows/definitions/loud.yaml", `name: Whole test suite\ndescription: Writes ten megabytes\nphases: [test]\nsteps:\n  - id: suite\n    name: Run every test of every service\n    phase: test\n    type: script\n    command: |\n      ${big}\n`);

/** A release of 200 steps in eight phases: some parallel, some of which fail or wait. */
function many() {
  const names = ["Fetch the sources", "Lint", "Compile", "Unit tests", "Integration tests", "Package", "Deploy to staging", "Smoke test"];
  const steps = [];
  for (let phase = 0; phase < 8; phase += 1) {
    for (let n = 0; n < 25; n += 1) {
      const needs = phase === 0 ? [] : [`p${phase - 1}-${n}`, ...(n % 5 === 0 && n > 0 ? [`p${phase - 1}-${n - 1}`] : [])];
      const type = phase === 6 && n === 3 ? "type: wait, for: 2h" : phase === 5 && n % 9 === 7 ? 'type: script, command: "exit 1", continue_on_error: true' : n % 4 === 0 ? 'type: script, command: "sleep 0.3; echo ok"' : `type: wait, for: ${50 + ((n * 37 + phase * 91) % 900)}ms`;
      steps.push(`  - {id: p${phase}-${n}, name: "${names[phase]} of service ${n + 1}${n === 7 ? " with a name that is quite a bit longer than the others" : ""}", phase: stage-${phase}, ${type}, needs: [${needs.join(", ")}]}`);
    }
  }
  return `name: Release train\ndescription: Two hundred steps\nphases: [${Array.from({ length: 8 }, (_, n) => `{id: stage-${n}, label: ${names[n]}}`).join(", ")}]\nsteps:\n${steps.join("\n")}\n`;
}

const sizes = [["light", 1440, 900], ["dark", 1440, 900], ["light", 390, 844], ["dark", 390, 844]];
await world.serve();
const browser = await launch();
try {
  const start = (key, name, ...words) => world.baton("run", key, "--detach", "--name", name, ...words);
  const feature = (name) => start("implement-feature", name, "--arg", `featureName=${name}`);
  const status = (run, wanted) => until(`run ${run} to be ${wanted}`, () => world.baton("show", String(run)).status === wanted, 120_000);
  const approval = (run) => until(`run ${run} to ask`, () => world.baton("show", String(run)).waiting?.reason === "approval", 120_000);

  const first = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  const page = await first.newPage();
  const shootEmpty = async (name) => {
    if (!wants(name)) return;
    for (const [theme, width, height] of sizes) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await page.waitForTimeout(250);
      await page.screenshot({ path: join(out, `${name}-${width}-${theme}.png`) });
    }
  };
  await page.goto(`${world.url}/`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await shootEmpty("login");
  await page.goto(world.link);
  await page.getByRole("heading", { name: "Board" }).waitFor();
  await page.getByText(/are ready/).waitFor();
  await shootEmpty("board-empty");

  feature("Cache the tariff lookup for ten minutes"); // 1
  feature("Audit log for permission changes"); // 2
  for (const run of [1, 2]) {
    await approval(run);
    world.sh(baton, ["approve", String(run)]);
  }
  await status(1, "completed");
  feature("Rotate refresh tokens and detect reuse"); // 3
  feature("Passwordless sign-in with one-time email codes, for every tenant and in every region"); // 4
  start("working", "Rate limit per API key with burst allowance"); // 5
  start("waits", "Weekly dependency report"); // 6
  start("flaky", "Upgrade the date library and drop the shim"); // 7
  start("asks", "Split out invoices"); // 8
  start("many", "Release 2026.11 of all services"); // 9
  start("loud", "Nightly: the whole test suite"); // 10
  await status(7, "failed");
  await approval(3);
  await until("the question", () => world.baton("show", "8").waiting?.reason, 60_000);
  await status(10, "completed");
  await until("the train to wait", () => world.baton("show", "9").progress.ended > 150, 120_000);

  const cookie = (await first.cookies()).map((each) => `${each.name}=${each.value}`).join("; ");
  const headers = { cookie, origin: world.url, "content-type": "application/json" };
  const post = async (path, body) => {
    const answer = await fetch(world.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) console.error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const id = world.baton("show", "5").id;
  const say = (content, action_type = "comment") => post(`/api/workflows/${id}/messages`, { content, action_type });
  await say("Please keep the **fixed window** as a fallback:\n\n- `X-RateLimit-Remaining` must stay\n- the header names of [RFC 9331](https://example.com/rfc) too\n\n```ts\nexport const limit = (key: string) => window(key, { per: 60, burst: 20 });\n```\n\n| Plan | Per minute | Burst |\n|---|---:|---:|\n| Free | 60 | 10 |\n| Team | 600 | 100 |");
  await say("Note: tokens are in httpOnly cookies, not in the header", "instruction");
  for (let n = 0; n < 200; n += 1) await say(`Checked case ${n + 1}: a burst of ${n * 3} at the edge of the minute ${n % 3 ? "goes through once" : "is refused with 429"}`);
  await post("/api/users", { username: "ann", password: "a long enough word", role: "viewer" });
  await post("/api/users", { username: "benedikt.von.hohenfels@example.com", password: "a long enough word", role: "operator" });
  await post("/api/tokens", { name: "Build server", role: "operator" });
  await post("/api/webhooks", { url: "https://hooks.example.com/baton/with/a/rather/long/path/that-goes-on", events: ["workflow.run.waiting"] });

  const pages = {
    board: "/", "board-definition": "/?definition=implement-feature", "board-none": "/?q=nothing+like+this",
    "new-pick": "/?new=pick", "new-form": "/?new=implement-feature",
    templates: "/workflows", "template-open": "/workflows?open=implement-feature", "template-errors": "/workflows?open=build-and-deploy",
    tasks: "/tasks", features: "/features", insights: "/insights",
    ...Object.fromEntries(["browser", "projects", "agents", "users", "tokens", "webhooks", "triggers", "audit", "budgets", "providers"].map((section) => [`settings-${section}`, `/settings?section=${section}`])),
    "run-conversation": "/runs/2/conversation", "run-ask": "/runs/3/conversation", "run-question": "/runs/8/conversation", "run-thread": "/runs/5/conversation", "run-failed": "/runs/7/conversation",
    "run-overview": "/runs/2/overview", "run-overview-failed": "/runs/7/overview", "run-timeline": "/runs/2/timeline", "run-graph": "/runs/2/graph", "run-logs": "/runs/7/logs", "run-log-big": "/runs/10/logs",
    "run-changes": "/runs/2/changes", "run-artifacts": "/runs/2/artifacts", "run-result": "/runs/2/result", "run-result-failed": "/runs/7/result",
    "step-agent": "/runs/2/overview?step=build", "step-script": "/runs/7/overview?step=tests", "step-approval": "/runs/3/overview?step=ok",
    "many-overview": "/runs/9/overview", "many-timeline": "/runs/9/timeline", "many-graph": "/runs/9/graph", "run-missing": "/runs/99/overview", 
  };
  let sizeNow = 1440;
  const deeds = {
    palette: ["/", async () => { await page.locator("article").first().waitFor(); await page.keyboard.press("Control+k"); await page.getByRole("option").first().waitFor(); }],
    help: ["/", async () => { await page.locator("article").first().waitFor(); await page.keyboard.press("?"); await page.getByRole("dialog", { name: "Keys" }).waitFor(); }],
    "card-menu": ["/", async () => { await page.locator("article").first().getByRole("button", { name: /More for/ }).click(); await page.getByRole("menu").waitFor(); }],
    "new-errors": ["/?new=implement-feature", async () => { await page.getByRole("button", { name: "Start run" }).click(); await page.waitForTimeout(300); }],
    rewind: ["/runs/2/changes", async () => { await page.locator("details:not([open]) > summary").filter({ hasText: "Checkpoints" }).click({ timeout: 500 }).catch(() => undefined); await page.getByRole("button", { name: /rewind to here/ }).last().click(); await page.waitForTimeout(800); }],
    fork: ["/runs/2/changes", async () => { await (sizeNow < 721 ? page.getByRole("button", { name: "More to do with this run" }).click().then(() => page.getByRole("menuitem", { name: "Fork…" }).click()) : page.getByRole("button", { name: "Fork" }).first().click()); await page.waitForTimeout(600); }],
    "step-session": ["/runs/2/overview?step=build", async () => { await page.getByRole("tab", { name: /Session/ }).click(); await page.waitForTimeout(500); }],
    "step-output": ["/runs/7/overview?step=tests", async () => { await page.getByRole("tab", { name: "Output" }).click(); await page.waitForTimeout(500); }],
    "log-search": ["/runs/10/logs", async () => { await page.locator(".log-line").first().waitFor(); await page.locator(".logv .log").focus(); await page.keyboard.press("/"); await page.getByLabel("Search the log").fill("got 503"); await page.locator(".log-line.cur").waitFor(); await page.waitForTimeout(500); }],
    "graph-found": ["/runs/9/graph", async () => { await page.getByLabel("Find a step").fill("deploy service 1"); await page.waitForTimeout(600); }],
    "timeline-found": ["/runs/9/timeline", async () => { if (sizeNow > 721) await page.getByLabel("Find a step").fill("service 8"); await page.waitForTimeout(300); }],
    cancel: ["/runs/5/conversation", async () => { await page.keyboard.press("x"); await page.getByRole("dialog").waitFor(); }],
  };
  const all = [...Object.entries(pages).map(([name, address]) => [name, address, async () => undefined]), ...Object.entries(deeds).map(([name, [address, act]]) => [name, address, act])].filter(([name]) => wants(name));
  for (const [theme, width, height] of sizes) {
    sizeNow = width;
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    for (const [name, address, act] of all) {
      try {
        await page.goto(world.url + address);
        await page.locator("main").first().waitFor();
        await settled(page);
        await page.waitForTimeout(name.includes("graph") ? 1200 : 350);
        page.setDefaultTimeout(8000);
        await act();
      } catch (error) {
        console.log(`${name} ${width} ${theme}: ${error.message.split("\n")[0]}`);
      }
      await page.screenshot({ path: join(out, `${name}-${width}-${theme}.png`) });
    }
  }
  if (wants("offline")) {
    await page.goto(`${world.url}/runs/2/conversation`);
    await page.getByRole("log", { name: "Conversation" }).waitFor();
    await world.kill("SIGKILL");
    await page.getByText("The server does not answer").waitFor();
    await shootEmpty("offline");
  }
} finally {
  await browser.close();
  await world.close();
}
