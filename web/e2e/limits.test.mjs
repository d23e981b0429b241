import { test } from "./harness.mjs";
import { until } from "./world.mjs";

const DEAR = `name: Dear
budget: {tokens: 30000, minutes: 90}
worktree: stay
steps:
  - id: work
    name: Spend it
    type: agent
    agent: claude
    permission: bypassPermissions
    prompt: |
      @spend 31000 900 0.4
      @answer Done
  - {id: after, name: Afterwards, type: script, command: "echo after"}
`;

test("a budget of tokens and minutes is set in the form and shown with what is used; a run that reaches it waits, and is resumed", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["quick.yaml"] }, before: (world) => world.write(".agent/workflows/definitions/dear.yaml", DEAR) });
  world.baton("run", "dear", "--detach", "--name", "Dear run");
  const card = page.getByRole("article", { name: "Dear run" });
  await card.getByText("Budget reached").waitFor();
  await card.getByText("31.9k/30k").waitFor();
  await card.getByRole("link").click();
  await page.getByText("31.9k of 30k tokens").waitFor();
  await page.getByText(/^\d+ of 90 min$/).waitFor();
  await page.getByText("its budget is used up; resuming grants it once more").waitFor();
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await page.getByText("Done", { exact: true }).first().waitFor();

  await page.goto(`${world.url}/?new=quick`);
  const form = page.getByRole("dialog", { name: /New run/ });
  await form.getByLabel("Tokens at which it pauses").fill("250000");
  await form.getByLabel("Minutes at which it pauses").fill("15");
  await form.getByRole("button", { name: "Start run" }).click();
  await page.getByText("0 of 250k tokens").waitFor();
  await page.getByText("0 of 15 min").waitFor();
});

const MERGES = `name: Merges
worktree: {mode: worktree, finish: merge}
steps:
  - {id: edit, name: Edit, type: script, command: "echo theirs > src/store.ts"}
  - {id: ok, name: Approve it, type: approval, message: "Merge it?"}
`;

test("the files that kept a branch from being merged are named in its result", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/merges.yaml", MERGES) });
  world.baton("run", "merges", "--detach", "--name", "Merge me");
  await until("the run to ask", () => world.baton("show", "1").waiting?.reason === "approval");
  world.write("src/store.ts", "ours\n");
  world.sh("git", ["commit", "-qam", "Otherwise"]);
  await page.getByRole("article", { name: "Merge me" }).getByRole("button", { name: "Look and decide" }).click();
  await page.getByRole("button", { name: "Approve", exact: true }).click();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Result" }).click();

  await page.getByRole("list", { name: "Files in conflict" }).getByText("src/store.ts").waitFor();
});
