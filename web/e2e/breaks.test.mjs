import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, same, test } from "./harness.mjs";
import { until } from "./world.mjs";

test("a run is followed after its tab was closed and opened again, and after the server was killed and started again", async ({ open, watch, browser }) => {
  const { world, context, page } = await open({ world: { definitions: ["working.yaml"] } });
  world.write("src/limit.ts", "export {};\n");
  world.baton("run", "working", "--detach", "--name", "Rate limit");
  await page.getByRole("article", { name: "Rate limit" }).getByRole("link").click();
  await page.getByRole("log", { name: "Conversation" }).getByText("I have read the limiter.").waitFor();
  const address = page.url();
  await page.close();

  const again = await context.newPage();
  await again.goto(address);
  await again.getByRole("log", { name: "Conversation" }).getByText("I have read the limiter.").waitFor();
  await again.getByText("Running").first().waitFor();

  await world.kill("SIGKILL");
  await again.getByText("The server does not answer").waitFor();
  expect(await again.getByText("I have read the limiter.").first().isVisible(), "what was shown to stay");
  await world.serve({ port: world.port });
  // It goes on by itself; where the server has forgotten who was signed in, the new link in any tab is enough.
  const signIn = again.getByRole("heading", { name: "Sign in" });
  const header = again.getByRole("heading", { name: "Rate limit" });
  await until("the page to go on, or to ask", async () => (await signIn.isVisible()) || !(await again.getByText("The server does not answer").isVisible()));
  if (await signIn.isVisible()) {
    const tab = await context.newPage();
    await tab.goto(world.link);
    await tab.getByRole("heading", { name: "Board" }).waitFor();
    await tab.close();
    await again.bringToFront();
    await again.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await header.waitFor();
  }
  await again.getByText("The server does not answer").waitFor({ state: "detached" });
  world.write("go", "");
  await again.getByText("Done", { exact: true }).first().waitFor();
  void watch;
  void browser;
});

test("what an agent says while the server is away stands in the thread afterwards, without a reload", async ({ open }) => {
  const definition = `name: Talker
steps:
  - id: talk
    type: agent
    agent: claude
    permission: bypassPermissions
    prompt: |
      @say Before the break
      @wait {{ project.path }}/go
      @say While the server was away
      @run touch {{ project.path }}/said
      @wait {{ project.path }}/end
      @say After the break
      @answer Done
`;
  const { world, page } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/talker.yaml", definition) });
  world.baton("run", "talker", "--detach", "--name", "Talker");
  await page.getByRole("article", { name: "Talker" }).getByRole("link").click();
  const thread = page.getByRole("log", { name: "Conversation" });
  await thread.getByText("Before the break").waitFor();
  await world.kill("SIGKILL");
  await page.getByText("The server does not answer").waitFor();
  world.write("go", "");
  await until("the agent to say something", () => existsSync(join(world.project, "said")));
  await world.serve({ port: world.port });
  await thread.getByText("While the server was away").waitFor();
  world.write("end", "");
  await thread.getByText("After the break").waitFor();
  same(await thread.getByText("While the server was away").count(), 1, "times it is said");
});

test("a run that is deleted while it is shown says so, and the board forgets it", async ({ open, browser }) => {
  const { world, context, page } = await open({ world: { definitions: ["flaky.yaml"] } });
  world.baton("run", "flaky", "--detach", "--name", "Gone soon");
  await until("the run to fail", () => world.baton("show", "1").status === "failed");
  await page.getByRole("article", { name: "Gone soon" }).getByRole("link", { name: "Gone soon" }).click();
  await page.getByRole("heading", { name: "Gone soon" }).waitFor();
  // Another browser, not another tab.
  const elsewhere = await browser.newContext({ storageState: await context.storageState() });
  const board = await elsewhere.newPage();
  await board.goto(world.url);
  await board.getByRole("article", { name: "Gone soon" }).waitFor();
  const other = await context.newPage();
  await other.goto(world.url);
  await other.getByRole("article", { name: "Gone soon" }).getByRole("button", { name: /More for/ }).click();
  await other.getByRole("menuitem", { name: "Delete…" }).click();
  await other.getByRole("button", { name: "Delete run" }).click();
  await other.getByRole("article", { name: "Gone soon" }).waitFor({ state: "detached" });
  // The page that shows it says so by itself, and what it can still do leads on.
  await page.getByText("Run 1 has been deleted").waitFor();
  await board.getByRole("article", { name: "Gone soon" }).waitFor({ state: "detached" });
  await elsewhere.close();
  await page.reload();
  await page.getByText("There is no such run").waitFor();
  await page.getByRole("link", { name: "To the board", exact: true }).click();
  await page.getByRole("heading", { name: "Board" }).waitFor();
  same(await page.getByRole("article", { name: "Gone soon" }).count(), 0, "cards of the deleted run");
});

test("of two people who answer at once one is told that it is answered, and both see how it went on", async ({ open }) => {
  const { world, context, page } = await open({ world: { definitions: ["quick.yaml"] } });
  world.baton("run", "quick", "--detach", "--name", "Both");
  await page.getByRole("button", { name: "Look and decide" }).click();
  const first = page.getByRole("group", { name: "Approval" });
  await first.waitFor();
  const other = await context.newPage();
  await other.goto(page.url());
  const second = other.getByRole("group", { name: "Approval" });
  await second.waitFor();
  // The second pressed before the first was heard, and arrives after it.
  let arrive;
  const firstDone = new Promise((done) => (arrive = done));
  await other.route("**/*", async (route) => {
    if (route.request().method() === "POST") await firstDone;
    await route.continue();
  });
  const late = other.waitForResponse((response) => response.request().method() === "POST");
  await second.getByRole("button", { name: "Approve" }).click();
  await first.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Done", { exact: true }).first().waitFor();
  arrive();
  same((await late).status(), 409, "the second answer");
  await other.getByText("The answer was not taken", { exact: true }).waitFor();
  await other.getByText("Done", { exact: true }).first().waitFor();
});

test("a log is followed while it is written, searched, and coloured", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/long.yaml", LONG) });
  world.baton("run", "long", "--detach", "--name", "Long log");
  await page.getByRole("article", { name: "Long log" }).getByRole("link", { name: "Long log" }).click();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Logs" }).click();
  const log = page.getByRole("log", { name: /Output of/ });
  await log.getByText("line 20000 of it").waitFor();
  same(await log.locator(".g", { hasText: "✓" }).count() > 0, true, "green ticks");
  world.write("go", "");
  await log.getByText("written after all").waitFor();
  await log.focus();
  await page.keyboard.press("/");
  await page.getByLabel("Search the log").fill("line 4321 of");
  await page.getByRole("status").getByText("1 of 1", { exact: true }).waitFor();
  await log.locator(".cur mark", { hasText: "line 4321 of" }).waitFor();
});

test("of a large log only what is looked at is fetched, and any place of it is reached", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/large.yaml", LARGE) });
  world.baton("run", "large", "--detach", "--name", "Large log");
  await until("the log to be written", () => world.baton("show", "1").status === "completed", 120_000);
  let fetched = 0;
  page.on("response", async (response) => {
    if (!/\/logs?\b/.test(new URL(response.url()).pathname) || !/json/.test(response.headers()["content-type"] ?? "")) return;
    fetched += (await response.body().catch(() => "")).length;
  });
  await page.goto(`${world.url}/runs/1/logs`);
  const log = page.getByRole("log", { name: /Output of/ });
  await log.getByText("the last line of all").waitFor();
  expect(fetched > 0 && fetched < 3_000_000, `some of 24 MB to be fetched, not ${fetched} bytes`);
  const drawn = await log.locator(".log-line").count();
  expect(drawn > 20 && drawn < 250, `the lines that are seen and some more to be drawn, not ${drawn}`);

  // Upwards it goes on without a jump: the line that is seen stays where it is while more comes in above it.
  await log.focus();
  for (let n = 0; n < 4; n += 1) await page.keyboard.press("PageUp");
  const top = await log.evaluate((box) => {
    const edge = box.getBoundingClientRect().top;
    return [...box.querySelectorAll(".log-line")].find((line) => line.getBoundingClientRect().top >= edge)?.textContent;
  });
  expect(/line \d+ of it/.test(top ?? ""), `a line to stand at the top, not “${top}”`);
  const number = Number(/line (\d+)/.exec(top)[1]);
  await page.getByLabel("Place in the log").fill("0");
  await log.getByText("line 1 of it", { exact: false }).first().waitFor();
  expect(number > 300_000, "the place before to have been near the end");

  await page.keyboard.press("Escape");
  await log.focus();
  await page.keyboard.press("/");
  await page.getByLabel("Search the log").fill("needle in");
  await page.getByRole("status").getByText("1 of 1", { exact: true }).waitFor();
  const found = log.locator(".log-line.cur");
  await found.getByText("needle in").waitFor();
  same(await found.locator(".r", { hasText: "the haystack" }).count(), 1, "the colour beside what was found");
  await page.getByLabel("Search the log").press("Escape");
  await page.keyboard.press("f");
  await log.getByText("the last line of all").waitFor();
});

test("two hundred steps are folded by phase, found by name with the keyboard, and begun at what is going on", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/train.yaml", train()) });
  world.baton("run", "train", "--detach", "--name", "Release train");
  await until("the train to ask", () => world.baton("show", "1").waiting?.reason === "approval", 120_000);
  await page.goto(`${world.url}/runs/1/timeline`);
  const line = page.getByRole("region", { name: "Timeline" });
  await line.getByRole("button", { name: /All good/ }).waitFor();
  await line.focus();
  await page.keyboard.press("Home");
  const built = line.getByRole("button", { name: /Build 100 of 100/ });
  same(await built.getAttribute("aria-expanded"), "false", "a phase that is over, unfolded");
  same(await line.getByRole("button", { name: /Build part 7\b/ }).count(), 0, "steps of a folded phase that are shown");
  await built.focus();
  await page.keyboard.press("Enter");
  await line.getByRole("button", { name: /Build part 1\b/ }).first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("ship part 77");
  await line.getByRole("button", { name: /Ship part 77/ }).waitFor();
  same(await line.locator(".tlx-step").count(), 1, "steps that are found");
  await page.keyboard.press("Escape");

  await page.goto(`${world.url}/runs/1/graph`);
  const asking = page.getByRole("button", { name: /All good/ });
  await asking.waitFor();
  const box = await asking.boundingBox();
  expect(box.width > 120 && box.y > 100 && box.y < 850, "the step that asks to stand where it is seen, readable");
  await page.keyboard.press("/");
  await page.keyboard.type("build part 42");
  await page.getByRole("status").getByText("1 of 1", { exact: true }).waitFor();
  await page.getByRole("button", { name: /Build part 42/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /Build part 42/ }).click();
  await page.getByRole("dialog").getByText("Build part 42").first().waitFor();
});

test("somebody who is kept out while a page is shown is asked to sign in", async ({ open, watch, browser }) => {
  const { world, page, context } = await open({ world: { definitions: ["quick.yaml"] } });
  const send = (method, path, data) => context.request.fetch(world.url + path, { method, headers: { origin: world.url }, data });
  const ann = (await (await send("POST", "/api/users", { username: "ann", password: "a long enough word", role: "operator" })).json()).data;
  world.baton("run", "quick", "--detach", "--name", "Seen by both");
  const hers = await (await watch.context(browser, world)).newPage();
  await hers.goto(world.url);
  await hers.getByRole("button", { name: /name and password/i }).click();
  await hers.getByLabel("Name", { exact: true }).fill("ann");
  await hers.getByLabel("Password").fill("a long enough word");
  await hers.getByRole("button", { name: "Sign in" }).click();
  await hers.getByRole("article", { name: "Seen by both" }).getByRole("link", { name: "Seen by both" }).click();
  await hers.getByRole("group", { name: "Approval" }).waitFor();
  await send("PATCH", `/api/users/${ann.id}`, { disabled: true });
  // At the latest when she does something.
  const asked = hers.getByRole("heading", { name: "Sign in" }).waitFor();
  await Promise.any([asked, hers.getByRole("button", { name: "Approve", exact: true }).click()]);
  await asked;
  await page.getByRole("article", { name: "Seen by both" }).getByRole("button", { name: "Look and decide" }).waitFor();
});

const LARGE = `name: Large
steps:
  - id: out
    type: script
    command: |
      awk 'BEGIN { for (i = 1; i <= 400000; i++) { if (i == 200000) printf "\\033[31mneedle in the haystack\\033[0m\\n"; else printf "\\033[32m✓\\033[0m line %d of it, with some words and numbers %d\\n", i, i * 7 } print "the last line of all" }'
`;

/** Two hundred steps in two phases, and one that asks. */
function train() {
  const step = (phase, n, needs) => `  - {id: ${phase}-${n}, name: ${phase === "build" ? "Build" : "Ship"} part ${n}, phase: ${phase}, type: wait, for: 1ms, needs: [${needs}]}`;
  const parts = Array.from({ length: 100 }, (_, n) => n);
  const last = parts.map((n) => `ship-${n}`).slice(-20).join(", ");
  return `name: Train\nphases: [build, ship]\nsteps:\n${[...parts.map((n) => step("build", n, n < 10 ? "" : `build-${n - 10}`)), ...parts.map((n) => step("ship", n, `build-${n}`))].join("\n")}\n  - {id: ok, name: All good?, phase: ship, type: approval, message: All good?, needs: [${last}]}\n`;
}

const LONG = `name: Long
steps:
  - id: out
    type: script
    command: |
      i=1; while [ $i -le 20000 ]; do printf '\\033[32m✓\\033[0m line %s of it\\n' $i; i=$((i + 1)); done
      while [ ! -e go ]; do sleep 0.1; done
      echo written after all
`;
