import { expect, same, test } from "./harness.mjs";
import { until } from "./world.mjs";

test("with the keyboard alone a run is started, found, answered and left", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["quick.yaml", "flaky.yaml"] } });
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
  world.baton("run", "flaky", "--detach", "--name", "Another one");
  await page.getByRole("article", { name: "Another one" }).waitFor();

  await press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await press("c");
  await page.getByRole("dialog", { name: /New run/ }).waitFor();
  await until("a definition to have the focus", async () => {
    await press("Tab");
    return (await focused()).includes("Quick check");
  });
  await press("Enter");
  await page.getByLabel(/^Who/).waitFor();
  await page.keyboard.type(" ");
  await press("Control+Enter");
  await page.getByRole("heading", { name: "Quick check" }).waitFor();

  await press("g", "b");
  await page.getByRole("heading", { name: "Board" }).waitFor();
  await page.getByRole("article", { name: "Quick check" }).getByText("Look and decide").waitFor();
  await press("/");
  await page.keyboard.type("quick");
  await page.getByRole("article", { name: "Another one" }).waitFor({ state: "detached" });
  await press("Escape");
  await page.getByRole("article", { name: "Another one" }).waitFor();
  await press("j");
  await until("a card to have the focus", async () => (await focused()) === "Quick check" || (await press("h"), false));
  await press("l");
  same(await focused(), "Another one", "the card on the right");
  await press("h", "Enter");
  await page.waitForURL(/\/runs\/2\/conversation/);
  // Enter opens, Tab leads to Approve.
  await until("what is asked to have the focus", () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") === "Approval"));
  await press("Tab");
  same(await focused(), "Approve", "what Tab leads to");

  await press("r");
  expect(await page.getByLabel("Message this run").evaluate((box) => box === document.activeElement), "the message box to have the focus");
  await page.keyboard.type("On my way");
  await press("Control+Enter");
  await page.getByRole("log", { name: "Conversation" }).getByText("On my way").waitFor();
  await press("Escape");
  await until("Approve to have the focus", async () => {
    await press("Shift+Tab");
    return (await focused()) === "Approve";
  });
  await press("Enter");
  await page.getByText("Done", { exact: true }).first().waitFor();
  await press("8");
  await page.waitForURL(/\/result/);

  await press("Control+k");
  await page.keyboard.type("another one");
  await page.getByRole("option", { name: /Another one/, selected: true }).waitFor();
  await press("Enter");
  await page.getByRole("heading", { name: "Another one" }).waitFor();
});

test("the palette does what can be done with the run that is open, and asks before it cancels", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["quick.yaml", "waits.yaml"] } });
  world.baton("run", "waits", "--detach", "--name", "Weekly report");
  await page.getByRole("article", { name: "Weekly report" }).getByRole("link").click();
  await page.getByRole("heading", { name: "Weekly report" }).waitFor();
  const choose = async (words, name) => {
    await page.keyboard.press("Control+k");
    await page.getByPlaceholder("Find a run, go somewhere, do something").fill(words);
    await page.getByRole("option", { name, selected: true }).waitFor();
    await page.keyboard.press("Enter");
  };
  await choose("write a message", /Write a message/);
  await until("the message box to have the focus", () => page.getByLabel("Message this run").evaluate((box) => box === document.activeElement));
  await choose("fork", /Fork/);
  await page.getByRole("dialog", { name: "Fork run 1" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await choose("new run", /New run/);
  await page.getByRole("dialog", { name: /New run/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  world.write(".agent/workflows/definitions/late.yaml", "name: Late\nsteps:\n  - {id: a, type: script, command: echo a}\n");
  await choose("read the definitions", /Read the definitions again/);
  await choose("start late", /Start Late/);
  await page.getByRole("dialog", { name: "New run" }).getByText("baton run late").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await choose("cancel run", /Cancel run/);
  await page.getByRole("dialog", { name: "Cancel run 1?" }).waitFor();
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  same(world.baton("show", "1").status, "running", "the run that was kept");
  await choose("cancel run", /Cancel run/);
  await page.getByRole("dialog").getByRole("button", { name: "Cancel run" }).click();
  await page.getByText("Cancelled", { exact: true }).first().waitFor();
});

test("what is typed while the palette is being fetched is kept, and does nothing to the page", async ({ world: make, watch, browser }) => {
  const world = make({ definitions: ["quick.yaml", "flaky.yaml"] });
  await world.serve({ inProject: true });
  world.baton("run", "flaky", "--detach", "--name", "Another one");
  const context = await watch.context(browser, world);
  let release;
  const held = new Promise((done) => (release = done));
  await context.route(/\/palette-[^/]*\.js$/, async (route) => {
    await held;
    await route.continue();
  });
  const page = await context.newPage();
  await page.goto(world.link);
  await page.getByRole("article", { name: "Another one" }).waitFor();
  await page.keyboard.press("Control+k");
  // `c` and `?` would open something else, `/` the filter.
  await page.keyboard.type("c?/");
  same(await page.getByRole("dialog").count(), 1, "dialogs");
  same(await page.getByLabel("Find a run, go somewhere, do something").inputValue(), "c?/", "what is typed");
  for (let i = 0; i < 3; i += 1) await page.keyboard.press("Backspace");
  await page.keyboard.type("another");
  release();
  await page.getByRole("option", { name: /Another one/, selected: true }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Another one" }).waitFor();
});
