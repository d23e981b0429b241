import { same, test } from "./harness.mjs";
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
