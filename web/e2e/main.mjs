// Runs the end-to-end tests in Chromium against the real binary. Arguments pick tests by parts of their names.
// Closes with a plain line: `N passed, N failed`.
import { launch } from "./browser.mjs";
import { all, shoot, Watch } from "./harness.mjs";
import { baton, isBuilt, World } from "./world.mjs";
import "./signing-in.test.mjs";
import "./flow.test.mjs";
import "./board.test.mjs";
import "./thread.test.mjs";
import "./orders.test.mjs";
import "./files.test.mjs";
import "./limits.test.mjs";
import "./steps.test.mjs";
import "./breaks.test.mjs";
import "./keyboard.test.mjs";
import "./hostile.test.mjs";
import "./settings.test.mjs";
import "./access.test.mjs";

const picked = process.argv.slice(2);
const LONGEST = Number(process.env.E2E_LONGEST ?? 300_000);

if (!isBuilt()) {
  console.error(`${baton} is missing: cargo build --workspace`);
  process.exit(1);
}

const browser = await launch();
const failed = [];
let passed = 0;
for (const { name, body } of all()) {
  if (picked.length > 0 && !picked.some((part) => name.includes(part))) continue;
  const watch = new Watch();
  const worlds = [];
  const began = Date.now();
  let timer;
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${LONGEST / 1000} s`)), LONGEST);
    });
    const tools = {
      watch,
      /** A served world and a page that is signed in. */
      open: async (options = {}) => {
        const world = new World(options.world);
        worlds.push(world);
        if (options.before) await options.before(world);
        await world.serve({ inProject: options.inProject ?? true });
        const context = await watch.context(browser, world, options.context);
        const page = await context.newPage();
        await page.goto(world.link);
        await page.getByRole("heading", { name: "Board" }).waitFor();
        return { world, context, page };
      },
      world: (options) => {
        const world = new World(options);
        worlds.push(world);
        return world;
      },
      browser,
    };
    await Promise.race([body(tools), late]);
    if (watch.faults.length > 0) throw new Error(watch.faults.slice(0, 5).join("\n"));
    passed += 1;
    console.log(`ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed.push(name);
    console.log(`FAIL  ${name}\n      ${String(error?.stack ?? error).split("\n").slice(0, 14).join("\n      ")}`);
    for (const fault of watch.faults) console.log(`      ${fault}`);
    for (const context of watch.contexts) for (const page of context.pages()) await shoot(page, `failed-${name.replaceAll(/\W+/g, "-").slice(0, 60)}`);
  } finally {
    clearTimeout(timer);
    await watch.close();
    for (const world of worlds) await world.close();
  }
}
await browser.close();
console.log(`\n${passed} passed, ${failed.length} failed`);
process.exit(failed.length > 0 || passed === 0 ? 1 : 0);
