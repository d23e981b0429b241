import { expect, fits, same, test } from "./harness.mjs";
import { until } from "./world.mjs";

const INSTANT = "name: Instant\nsteps:\n  - {id: rest, type: wait, for: 1ms}\n";

test("runs that finished long ago are shown when asked for, found by their name, and counted", async ({ open }) => {
  const { world, page, context } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/instant.yaml", INSTANT) });
  const ask = async (method, path, data) => (await context.request.fetch(world.url + path, { method, headers: { origin: world.url }, data })).json();
  const project = (await ask("GET", "/api/projects")).data[0].id;
  const start = (name) => ask("POST", "/api/workflow-executions", { project_id: project, definition: "instant", name });
  await start("The very first");
  await start("The second");
  for (let n = 0; n < 10; n += 1) await Promise.all(Array.from({ length: 10 }, (_, m) => start(`Later ${n * 10 + m}`)));
  const over = () => ask("GET", `/api/workflow-executions?project_id=${project}&status=pending,running`);
  await until("all to be over", async () => (await over()).data.length === 0, 120_000);

  await page.reload();
  const finished = page.getByRole("region", { name: "Finished" });
  await finished.getByText("100+", { exact: true }).waitFor();
  await page.getByText("102 runs").waitFor();
  await page.getByText("100 %").waitFor();
  // Beyond what is loaded, by a word of its name.
  await page.getByLabel("Search runs").fill("very first");
  await finished.getByRole("article", { name: "The very first" }).waitFor();
  same(await finished.getByRole("article").count(), 1, "runs that fit");
  await page.getByLabel("Search runs").fill("");
  await finished.getByRole("article", { name: "Later 99" }).or(finished.getByRole("article", { name: /Later/ })).first().waitFor();

  await finished.getByRole("button", { name: "Show older" }).click();
  await finished.getByText("102", { exact: true }).waitFor();
  same(await page.getByRole("button", { name: "Show older" }).count(), 0, "buttons for still older ones");
});

const CHILD = "name: Part\nphases: [make, check]\nsteps:\n  - {id: rest, phase: make, type: wait, for: 1ms}\n  - {id: ok, name: Approve it, phase: check, type: approval, message: Good?}\n";
const PARENT = "name: Whole\nphases: [begin, parts]\nsteps:\n  - {id: rest, phase: begin, type: wait, for: 1ms}\n  - {id: part, phase: parts, type: workflow, workflow: part}\n";

test("a child run names its parent on its card and page, and is hidden when asked; on a phone phases are chosen", async ({ open }) => {
  const { world, page } = await open({
    world: { definitions: ["flaky.yaml"] },
    context: { viewport: { width: 390, height: 844 } },
    before: (world) => {
      world.write(".agent/workflows/definitions/part.yaml", CHILD);
      world.write(".agent/workflows/definitions/whole.yaml", PARENT);
    },
  });
  world.baton("run", "whole", "--detach", "--name", "The whole");
  await until("the child to ask", () => world.baton("show", "2").waiting?.reason === "approval");
  world.baton("run", "flaky", "--detach", "--name", "Beside it");
  const child = page.getByRole("article").filter({ hasText: "in #1" });
  await child.waitFor();
  await page.getByRole("article", { name: "Beside it" }).getByRole("button", { name: "Retry" }).waitFor();
  await page.getByRole("button", { name: /^Child runs/ }).click();
  await child.waitFor({ state: "detached" });
  await page.getByRole("button", { name: /^Child runs/ }).click();
  await child.waitFor();

  await page.getByRole("button", { name: /^Definition/ }).click();
  await page.getByRole("menuitem", { name: "Whole" }).click();
  await page.getByRole("article", { name: "Beside it" }).waitFor({ state: "detached" });
  await page.getByRole("heading", { name: "Parts" }).waitFor();
  await page.getByRole("button", { name: "To Parts, 1" }).click();
  await page.getByRole("article", { name: "The whole" }).waitFor();
  await fits(page);

  await page.goto(`${world.url}/runs/2/overview`);
  await page.getByRole("link", { name: "#1 The whole" }).click();
  await page.waitForURL(/\/runs\/run_[0-9a-f]+\/overview/);
  await page.getByRole("heading", { name: "The whole" }).waitFor();
  await page.goto(`${world.url}/runs/1/overview?step=part`);
  await page.getByRole("dialog").getByRole("heading", { name: "Child run" }).waitFor();
});

test("a template shows how its runs went and what starts it, on a phone too, and is found by name", async ({ open }) => {
  const nightly = 'name: Nightly\ntriggers:\n  schedule: {cron: "0 6 * * 1-5", tz: Europe/Berlin}\nsteps:\n  - {id: rest, type: wait, for: 1ms}\n';
  const { world, page, context } = await open({
    world: { definitions: ["flaky.yaml"] },
    context: { viewport: { width: 390, height: 844 } },
    before: (world) => world.write(".agent/workflows/definitions/nightly.yaml", nightly),
  });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  world.baton("run", "nightly", "--detach", "--name", "By hand");
  await until("the run to be done", () => world.baton("show", "1").status === "completed");
  await page.getByRole("link", { name: "Templates" }).last().click();
  await page.getByLabel("Search templates").fill("night");
  const row = page.getByRole("button", { name: /Nightly/ });
  await row.getByText(/100 % done/).waitFor();
  same(await page.getByRole("button", { name: /Upgrade the date/ }).count(), 0, "templates that do not fit");
  await row.click();
  await page.getByText("0 6 * * 1-5").first().waitFor();
  await page.getByRole("button", { name: "Copy the path" }).click();
  expect((await page.evaluate(() => navigator.clipboard.readText())).endsWith("nightly.yaml"), "the path to be copied");
  await fits(page);
  await page.getByRole("list", { name: "Last runs" }).getByRole("link", { name: "By hand" }).click();
  await page.waitForURL(/\/runs\/1\/overview/);
});
