// What is ordered from the board: by the card's buttons, its menu, and keys.
import { same, test } from "./harness.mjs";
import { until } from "./world.mjs";

test("a failed run is retried from its card, and fails anew after attempts of its own", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["flaky.yaml"] } });
  world.baton("run", "flaky", "--detach", "--name", "Upgrade the date library");
  const card = page.getByRole("article", { name: "Upgrade the date library" });
  await card.getByText("Failed", { exact: true }).waitFor();
  const before = world.baton("show", "1").steps[1].attempt;
  same(before, 3, "attempts of the step that fails");
  await card.getByRole("button", { name: "Retry" }).click();
  await until("attempts after the retry, and its end", () => {
    const run = world.baton("show", "1");
    return run.steps[1].attempt > before && run.status === "failed";
  });
  const { attempt } = world.baton("show", "1").steps[1];
  await card.getByText("Failed", { exact: true }).waitFor();
  await card.getByRole("link", { name: "Upgrade the date library" }).click();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Overview" }).click();
  await page.getByText(`${attempt} attempts`, { exact: true }).first().waitFor();
  await page.getByText(`Attempt ${attempt}`).first().waitFor();
});

/** Says when it is at work, and does not end before it is let go, also when it is told to. */
const STUBBORN = `name: Stubborn
steps:
  - id: work
    name: Hold on
    type: script
    command: |
      trap 'while [ -e hold ]; do sleep 0.05; done; exit 1' INT TERM
      touch ready
      while [ ! -e go ]; do sleep 0.05; done
  - {id: after, name: Afterwards, type: script, command: "echo after"}
`;

async function stubborn(open) {
  const { world, page } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/stubborn.yaml", STUBBORN) });
  const start = async (name) => {
    world.remove("ready");
    world.baton("run", "stubborn", "--detach", "--worktree", "stay", "--name", name);
    await until("its script to be at work", () => world.has("ready"));
    await page.getByRole("article", { name }).waitFor();
    return page.getByRole("article", { name });
  };
  return { world, page, start };
}

test("with keys a run on the board is paused, resumed, replied to and cancelled: asked first, and cancelled only when it is", async ({ open }) => {
  const { world, page, start } = await stubborn(open);
  const card = await start("Under my fingers");
  world.write("hold", "");
  await page.keyboard.press("j");
  await page.keyboard.press("p");
  await card.getByText("Pausing", { exact: true }).waitFor();
  await page.keyboard.press("p");
  await card.getByText("Pausing", { exact: true }).waitFor({ state: "detached" });

  await page.keyboard.press("r");
  await page.waitForURL(/\/runs\/1\/conversation/);
  await until("the message box to have the focus", () => page.getByLabel("Message this run").evaluate((box) => box === document.activeElement));
  await page.keyboard.press("Escape");
  for (const [keys, heading] of [["gw", "Templates"], ["gt", "Tasks"], ["gf", "Features"], ["gi", "Insights"], ["gs", "Settings"], ["gb", "Board"]]) {
    for (const key of keys) await page.keyboard.press(key);
    await page.getByRole("heading", { name: heading, exact: true }).first().waitFor();
  }

  await card.waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  const question = page.getByRole("dialog", { name: "Cancel run 1?" });
  await question.waitFor();
  await page.keyboard.press("Escape");
  await question.waitFor({ state: "detached" });
  same(world.baton("show", "1").status, "running", "the run that was not cancelled after all");
  await page.keyboard.press("x");
  await question.getByRole("button", { name: "Cancel run" }).waitFor();
  await page.keyboard.press("Enter");
  await card.getByText("Cancelling", { exact: true }).waitFor();
  same(world.baton("show", "1").status, "running", "the status while its script holds on");
  world.remove("hold");
  await page.getByRole("region", { name: "Finished" }).getByRole("article", { name: "Under my fingers" }).getByText("Cancelled").waitFor();
});

test("from the card's menu a run is paused, resumed and cancelled; what cannot be done says why", async ({ open }) => {
  const { world, page, start } = await stubborn(open);
  const card = await start("By its menu");
  const choose = async (name) => {
    await card.getByRole("button", { name: /^More for/ }).click();
    await page.getByRole("menuitem", { name }).click();
  };
  await card.getByRole("button", { name: /^More for/ }).click();
  await page.getByRole("menuitem", { name: /Retry/ }).getByText("Only a failed or cancelled run is retried").waitFor();
  await page.keyboard.press("Escape");
  await choose(/Pause/);
  await card.getByText("Pausing", { exact: true }).waitFor();
  world.write("go", "");
  await card.getByText("Paused", { exact: true }).waitFor();
  same(world.baton("show", "1").steps.map((step) => step.status), ["completed", "pending"], "the steps of the paused run");
  await choose(/Resume/);
  await card.getByText("Done", { exact: true }).waitFor();

  world.remove("go");
  const other = await start("Not wanted");
  await other.getByRole("button", { name: /^More for/ }).click();
  await page.getByRole("menuitem", { name: "Cancel…" }).click();
  await page.getByRole("dialog", { name: "Cancel run 2?" }).getByRole("button", { name: "Cancel run" }).click();
  await page.getByRole("region", { name: "Finished" }).getByRole("article", { name: "Not wanted" }).getByText("Cancelled").waitFor();
});
