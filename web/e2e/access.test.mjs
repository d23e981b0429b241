import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, fits, settled, test } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

for (const [theme, width] of [["light", 1440], ["dark", 1440], ["light", 390], ["dark", 390]]) {
  test(`axe finds nothing serious on any page, ${theme}, ${width} px wide`, async ({ open }) => {
    const { world, page } = await open({ context: { viewport: { width, height: 900 }, colorScheme: theme } });
    world.baton("run", "implement-feature", "--detach", "--arg", "featureName=Rotate tokens", "--name", "Rotate tokens");
    world.baton("run", "flaky", "--detach");
    world.baton("run", "waits", "--detach");
    world.baton("run", "asks", "--detach");
    await page.getByRole("button", { name: "Look and decide" }).nth(1).waitFor();
    const views = ["conversation", "overview", "timeline", "graph", "logs", "changes", "artifacts", "result"];
    const sections = ["browser", "projects", "agents", "users", "tokens", "webhooks", "triggers", "audit", "budgets", "providers"];
    const addresses = [
      "/", "/?definition=implement-feature", "/?new=implement-feature", "/workflows", "/tasks", "/features", "/insights",
      ...sections.map((section) => `/settings?section=${section}`),
      ...views.map((view) => `/runs/1/${view}`),
      "/runs/2/overview", "/runs/4/conversation", "/runs/1/overview?step=research", "/runs/99/overview",
    ];
    const found = [];
    for (const address of addresses) {
      await page.goto(world.url + address);
      await page.locator("main").first().waitFor();
      await settled(page);
      await fits(page);
      // Through the protocol: the page's own policy allows no script of ours in it.
      const result = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`);
      for (const violation of result.violations) {
        if (violation.impact !== "serious" && violation.impact !== "critical") continue;
        found.push(`${address}: ${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
      }
    }
    expect(found.length === 0, `nothing serious:\n${[...new Set(found)].join("\n")}`);
  });
}

test("on a phone a button that is disabled says why when it is pressed", async ({ open }) => {
  const { world, page } = await open({ context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } });
  await page.goto(`${world.url}/workflows`);
  const item = page.getByRole("listitem").filter({ hasText: "build-and-deploy" });
  // It is there to be pressed, though not to do anything.
  await item.getByRole("button", { name: "Run" }).tap({ force: true });
  await page.getByText("It has errors: mend them, and it can run").first().waitFor();
  await fits(page);
});

test("the JavaScript that the first view needs is under 200 KB, compressed", async () => {
  const dist = fileURLToPath(new URL("../dist", import.meta.url));
  const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8"));
  const seen = new Set();
  const walk = (key) => {
    if (seen.has(key)) return;
    seen.add(key);
    for (const next of manifest[key].imports ?? []) walk(next);
  };
  walk("index.html");
  const size = [...seen].reduce((sum, key) => sum + gzipSync(readFileSync(join(dist, manifest[key].file))).length, 0);
  expect(size < 200 * 1024, `less than 204800 bytes, not ${size}`);
  const html = readFileSync(join(dist, "index.html"), "utf8");
  expect(!/<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=/.test(html), "no inline script and no inline style in the page");
});
