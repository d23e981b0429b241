import { readFileSync } from "node:fs";
import { expect, same, test } from "./harness.mjs";
import { baton, until } from "./world.mjs";

const TRIES = "name: Tries\nsteps:\n  - id: tests\n    name: Unit tests\n    type: script\n    command: 'echo x >> tries; echo try number $(wc -l < tries); [ $(wc -l < tries) -ge 3 ]'\n    retry: {attempts: 3, backoff: 1ms}\n";

test("of a step every attempt is shown, and what it wrote is copied, downloaded, commented and added to", async ({ open, watch, browser }) => {
  const { world, page, context } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/tries.yaml", TRIES) });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  world.baton("run", "tries", "--detach", "--name", "Third time lucky");
  await until("the run to be done", () => world.baton("show", "1").status === "completed");
  await page.goto(`${world.url}/runs/1/overview?step=tests`);
  const step = page.getByRole("dialog");
  await step.getByText("after retry").first().waitFor();

  const summary = page.waitForEvent("download");
  await step.getByRole("button", { name: "Download the summary" }).click();
  const kept = await summary;
  same(kept.suggestedFilename(), "tests.summary.md", "the name of the summary");
  expect(/Unit tests/.test(readFileSync(await kept.path(), "utf8")), "the summary to name the step");

  await step.getByRole("tab", { name: "Output" }).click();
  await step.getByText("try number 3").waitFor();
  await step.getByRole("button", { name: /^Attempt/ }).click();
  await page.getByRole("menuitem", { name: "Attempt 1 of 3" }).click();
  await step.getByText("try number 1").waitFor();
  same(await step.getByText("try number 3").count(), 0, "lines of another attempt");
  await step.getByRole("button", { name: "Copy it" }).click();
  await page.getByText("Copied", { exact: true }).first().waitFor();
  same(await page.evaluate(() => navigator.clipboard.readText()), "try number 1\n", "what is copied");
  const log = page.waitForEvent("download");
  await step.getByRole("button", { name: "Download all of it" }).click();
  same((await log).suggestedFilename(), "tests.attempt-1.output.log", "the name of the log");
  same(readFileSync(await (await log).path(), "utf8"), "try number 1\n", "the log of the first attempt");

  // The choice holds for the other views.
  await step.getByRole("tab", { name: "Input" }).click();
  await step.getByText("Attempt 1 of 3").waitFor();
  await step.getByText(/echo try number/).first().waitFor();

  await step.getByRole("tab", { name: "Summary" }).click();
  await step.getByLabel("Files to upload").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("of this step") });
  await step.getByRole("link", { name: /notes.txt/ }).waitFor();

  await step.getByRole("tab", { name: "Comments" }).click();
  await step.getByRole("textbox", { name: "Comment" }).fill("Why three times?");
  await step.getByRole("button", { name: "Comment" }).click();
  await step.getByText("Why three times?").first().waitFor();

  // Who may only look is told why.
  const send = (method, path, data) => context.request.fetch(world.url + path, { method, headers: { origin: world.url }, data });
  await send("POST", "/api/users", { username: "ann", password: "a long enough word", role: "viewer" });
  const hers = await (await watch.context(browser, world)).newPage();
  await hers.goto(world.url);
  await hers.getByRole("button", { name: /name and password/i }).click();
  await hers.getByLabel("Name", { exact: true }).fill("ann");
  await hers.getByLabel("Password").fill("a long enough word");
  await hers.getByRole("button", { name: "Sign in" }).click();
  await hers.getByRole("heading", { name: "Board" }).waitFor();
  await hers.goto(`${world.url}/runs/1/overview?step=tests`);
  await hers.getByRole("tab", { name: "Comments" }).click();
  await hers.getByRole("textbox", { name: "Comment" }).fill("May I?");
  same(await hers.getByRole("button", { name: "Comment" }).getAttribute("aria-disabled"), "true", "the button of somebody who may only look");
});

test("an agent's todos stand below its step in the overview while it works, and are unfolded afterwards", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["working.yaml"] } });
  world.write("src/limit.ts", "export {};\n");
  world.baton("run", "working", "--detach", "--name", "Rate limit");
  await until("the second todo to be begun", () => (world.baton("show", "1").steps[0].session?.todos ?? [])[1]?.status === "in_progress");
  await page.goto(`${world.url}/runs/1/overview`);
  const todos = page.getByRole("list", { name: /Todos of Write the sliding window/ });
  await todos.getByText("Write the counter").waitFor();
  same(await todos.getByRole("listitem").allTextContents(), ["Read the limiter", "Write the counter", "Test it with bursts"], "todos of the step");
  world.write("go", "");
  await page.getByText("Done", { exact: true }).first().waitFor();
  await page.reload();
  await page.getByText("2 of 2", { exact: true }).first().waitFor();
  same(await todos.count(), 0, "todos of a step that is over, before it is unfolded");
  await page.getByRole("button", { name: /More of Write the sliding window/ }).click();
  await todos.getByText("Test it with bursts").waitFor();
});

test("the timeline marks checkpoints, and from a step that is selected one goes back or forks", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["quick.yaml"] } });
  world.baton("run", "quick", "--detach", "--name", "Back to it");
  await until("the run to ask", () => world.baton("show", "1").waiting?.reason === "approval");
  await page.goto(`${world.url}/runs/1/timeline`);
  const line = page.getByRole("region", { name: "Timeline" });
  await line.getByRole("button", { name: /Check it/ }).waitFor();
  same(await line.locator(".cpm").count(), 2, "checkpoints that are marked");
  const selected = page.getByRole("region", { name: "The step that is selected" });
  await page.keyboard.press("j");
  await selected.getByText("Selected: Say hello").waitFor();
  await page.keyboard.press("j");
  await selected.getByText("Selected: Check it").waitFor();
  same(await selected.getByRole("button", { name: "Rewind to before" }).getAttribute("aria-disabled"), "true", "going back while it runs");

  world.sh(baton, ["approve", "1"]);
  await page.getByText("Done", { exact: true }).first().waitFor();
  await selected.getByRole("button", { name: "Fork" }).click();
  same(await page.getByLabel("From").inputValue(), "check", "the step that is forked from");
  await page.keyboard.press("Escape");
  await selected.getByRole("button", { name: "Rewind to before" }).click();
  const dialog = page.getByRole("dialog", { name: "Rewind to before Check it" });
  await dialog.getByText(/3 steps run again/).waitFor();
  await dialog.getByRole("button", { name: "Rewind and run" }).click();
  await dialog.waitFor({ state: "detached" });
  await until("the run to ask again", () => world.baton("show", "1").waiting?.reason === "approval");
});
