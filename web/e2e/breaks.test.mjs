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

test("a run that is deleted while it is shown says so, and the board forgets it", async ({ open }) => {
  const { world, context, page } = await open({ world: { definitions: ["flaky.yaml"] } });
  world.baton("run", "flaky", "--detach", "--name", "Gone soon");
  await until("the run to fail", () => world.baton("show", "1").status === "failed");
  await page.getByRole("article", { name: "Gone soon" }).getByRole("link", { name: "Gone soon" }).click();
  await page.getByRole("heading", { name: "Gone soon" }).waitFor();
  const other = await context.newPage();
  await other.goto(world.url);
  await other.getByRole("article", { name: "Gone soon" }).getByRole("button", { name: /More for/ }).click();
  await other.getByRole("menuitem", { name: "Delete…" }).click();
  await other.getByRole("button", { name: "Delete run" }).click();
  await other.getByRole("article", { name: "Gone soon" }).waitFor({ state: "detached" });
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Changes" }).click();
  await page.reload();
  await page.getByText(/There is no such run|has been deleted/).waitFor();
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
  const press = (button) => button.click();
  await Promise.all([first, second].map((ask) => ask.getByRole("button", { name: "Approve" }).evaluate(press)));
  await page.getByText("Done", { exact: true }).first().waitFor();
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

const LONG = `name: Long
steps:
  - id: out
    type: script
    command: |
      i=1; while [ $i -le 20000 ]; do printf '\\033[32m✓\\033[0m line %s of it\\n' $i; i=$((i + 1)); done
      while [ ! -e go ]; do sleep 0.1; done
      echo written after all
`;
