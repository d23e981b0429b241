// Makes the README's pictures anew: `node e2e/pictures.mjs`, with a binary that has the web app in it.
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";
import { until, World } from "./world.mjs";

const to = (name) => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
const world = await new World().serve();
world.write("src/limit.ts", "export {};\n");
const browser = await launch();
try {
  const start = (key, name, ...words) => world.baton("run", key, "--detach", "--name", name, ...words);
  const feature = (name) => start("implement-feature", name, "--arg", `featureName=${name}`);
  for (const name of ["Cache the tariff lookup for ten minutes", "Audit log for permission changes"]) feature(name);
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 860 }, reducedMotion: "reduce" })).newPage();
  await page.goto(world.link);
  for (const run of ["1", "2"]) {
    await until("it to ask", () => world.baton("show", run).waiting?.reason === "approval");
    world.sh(process.env.BATON_BIN ?? fileURLToPath(new URL("../../target/debug/baton", import.meta.url)), ["approve", run]);
  }
  feature("Rotate refresh tokens and detect reuse");
  feature("Passwordless sign-in with one-time email codes");
  start("working", "Rate limit per API key with burst allowance");
  start("waits", "Weekly dependency report");
  start("flaky", "Upgrade the date library and drop the shim");
  start("asks", "Split out invoices");
  await page.getByRole("button", { name: "Look and decide" }).nth(2).waitFor();
  await page.waitForTimeout(4000);
  await page.screenshot({ path: to("board.png") });
  await page.goto(`${world.url}/runs/3/conversation`);
  await page.getByRole("group", { name: "Approval" }).waitFor();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: to("run.png") });
} finally {
  await browser.close();
  await world.close();
}
