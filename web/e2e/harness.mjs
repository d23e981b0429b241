// What the end-to-end tests share: a list of them, pages that are watched, and words for what is expected.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const tests = [];
const shots = fileURLToPath(new URL("../.shots", import.meta.url));

/** A promise of the web app. */
export function test(name, body) {
  tests.push({ name, body });
}

export function all() {
  return tests;
}

/** What must hold of everything that was opened: nothing left the origin, nothing was refused by the policy. */
export class Watch {
  constructor() {
    this.faults = [];
    this.contexts = [];
  }

  async context(browser, world, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", acceptDownloads: true, ...options });
    // Generous: two busy cores are enough.
    context.setDefaultTimeout(60_000);
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (!["data:", "blob:"].includes(url.protocol) && url.hostname !== "127.0.0.1") this.faults.push(`a request left the origin: ${request.url()}`);
    });
    context.on("page", (page) => {
      page.on("pageerror", (error) => this.faults.push(`a fault in the page: ${error.message}`));
      page.on("dialog", (dialog) => {
        this.faults.push(`a script of somebody else opened a dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on("console", (message) => {
        if (/Content.Security.Policy|Refused to/i.test(message.text())) this.faults.push(`the policy refused something: ${message.text()}`);
      });
    });
    this.contexts.push(context);
    context.world = world;
    return context;
  }

  async close() {
    for (const context of this.contexts) await context.close().catch(() => undefined);
  }
}

export async function shoot(page, name) {
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`) }).catch(() => undefined);
}

export function expect(value, what) {
  if (!value) throw new Error(`expected ${what}`);
}

export function same(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: expected ${b}, found ${a}`);
}

/** Nothing sticks out of the window. */
export async function fits(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) throw new Error(`the page is ${wide} px wider than the window at ${page.url()}`);
}

/** Nothing is being fetched any more that the page waits for. */
export async function settled(page) {
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true], .skel"));
}
