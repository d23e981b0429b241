import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, fits, same, test } from "./harness.mjs";
import { until } from "./world.mjs";

test("from a template to a finished run: the form, the board, the card, a comment, pause, resume, approval", async ({ open }) => {
  const { world, page } = await open();
  world.write("hold", "");
  await page.getByRole("link", { name: /Templates/ }).first().click();
  const row = page.getByRole("row", { name: /Quick check/ });
  await row.getByRole("button", { name: "Run" }).click();
  const form = page.getByRole("dialog", { name: /New run/ });
  same(await form.getByLabel(/^Who/).inputValue(), "world", "the default of an argument");
  await form.getByLabel(/^Who/).fill("the fleet");
  await form.getByRole("radio", { name: "careful" }).click();
  await form.getByLabel("Name of the run").fill("Ship to the fleet");
  await form.getByText("baton run quick --arg").waitFor();
  await form.getByLabel("Work in").or(form.getByRole("radiogroup", { name: "Work in" })).getByRole("radio", { name: "Here" }).click();
  await form.getByRole("button", { name: "Start run" }).click();

  await page.getByRole("heading", { name: "Ship to the fleet" }).waitFor();
  await page.getByRole("link", { name: "Board", exact: true }).first().click();
  await page.getByRole("button", { name: /Definition/ }).click();
  await page.getByRole("menuitem", { name: "Quick check" }).click();
  // It stands in the column of its phase, moves by itself, and ends in the last.
  const column = (name) => page.getByRole("region", { name, exact: true });
  const card = (name) => column(name).getByRole("article", { name: "Ship to the fleet" });
  await card("Check").waitFor();
  await card("Check").getByText("1/4").waitFor();
  await card("Check").getByRole("link", { name: "Ship to the fleet" }).click();

  await page.getByRole("button", { name: /What the message does/ }).click();
  await page.getByRole("menuitem", { name: "Comment" }).click();
  await page.getByLabel("Message this run").fill("Looks **good** so far");
  await page.getByLabel("Message this run").press("Control+Enter");
  await page.getByRole("log", { name: "Conversation" }).getByText("good", { exact: true }).waitFor();
  same(await page.getByLabel("Message this run").inputValue(), "", "the message box after sending");

  await page.locator("input[type=file]").setInputFiles({ name: "spec <b>.md", mimeType: "text/markdown", buffer: Buffer.from("# A spec") });
  await page.getByLabel("Message this run").fill("See the spec");
  await page.getByLabel("Message this run").press("Control+Enter");
  await page.getByRole("log", { name: "Conversation" }).getByText(/spec .b.\.md/).waitFor();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Artifacts" }).click();
  await page.getByRole("heading", { name: "A spec" }).waitFor();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Conversation" }).click();

  // Asked for is not yet true: it says pausing until nothing runs.
  await page.getByRole("button", { name: "Pause", exact: true }).first().click();
  await page.getByText("Pausing at the next safe point").first().waitFor();
  await page.getByRole("button", { name: "Do not pause" }).waitFor();
  world.remove("hold");
  await page.getByText(/^Paused/).first().waitFor();
  await page.getByRole("button", { name: "Resume", exact: true }).first().click();

  const ask = page.getByRole("group", { name: "Approval" });
  await ask.getByText("Ship it to the fleet?").waitFor();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Overview" }).click();
  await page.getByRole("button", { name: "Look and decide" }).click();
  await ask.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Done").first().waitFor();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Result" }).click();
  await page.getByText("hello the fleet").first().waitFor();
  await page.getByRole("link", { name: "Board", exact: true }).first().click();
  await page.getByRole("region", { name: "Finished" }).getByRole("article", { name: "Ship to the fleet" }).waitFor();
  await fits(page);
});

test("the form says what is wrong by field, before and after the server has looked", async ({ open }) => {
  const { page } = await open();
  await page.goto(`${new URL(page.url()).origin}/?new=implement-feature`);
  const form = page.getByRole("dialog", { name: /New run/ });
  await form.getByLabel(/^Feature name/).fill("x");
  await form.getByLabel(/^Requirements/).fill("By line item");
  await form.getByRole("button", { name: "Start run" }).click();
  await form.getByRole("alert").getByText("3 fields need a change.").waitFor();
  await form.getByText("At least 3 characters. This has 1.").waitFor();
  await form.getByText("At least 40 characters. This has 12.").waitFor();
  same(await form.getByLabel(/^Feature name/).getAttribute("aria-invalid"), "true", "the field that is wrong");
  expect(await form.getByLabel(/^Feature name/).evaluate((field) => field === document.activeElement), "the first field that is wrong to have the focus");
  await form.getByLabel(/^Region/).fill("eu");
  await form.getByLabel(/^Feature name/).fill("Refund partial orders");
  await form.getByLabel(/^Requirements/).fill("Refund each line item of an order on its own, and never more than was paid.");
  await form.getByRole("button", { name: "Add" }).click();
  await form.getByLabel(/Entry of labels/).nth(1).fill("orders");
  await form.getByRole("button", { name: "Start run" }).click();
  await page.getByRole("heading", { name: "Implement feature" }).waitFor();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Overview" }).click();
  await page.getByText('["backend","orders"]').waitFor();
});

test("a definition with errors shows each where it is, cannot be run, and is checked again when it is mended", async ({ open }) => {
  const { world, page } = await open();
  await page.getByRole("link", { name: /Templates/ }).first().click();
  await page.getByText("did you mean").first().waitFor();
  await page.getByText("line 20, column 5").waitFor();
  const row = page.getByRole("row", { name: /build-and-deploy/ });
  same(await row.getByRole("button", { name: "Run" }).getAttribute("aria-disabled"), "true", "the button of a definition with errors");
  // Its text follows its file by itself, as its row does.
  world.write(".agent/workflows/definitions/build-and-deploy.yaml", "name: Mended\nsteps:\n  - {id: a, type: script, command: echo a}\n");
  await page.getByRole("row", { name: /Mended/ }).waitFor();
  await page.getByText("echo a", { exact: false }).first().waitFor();
  await page.getByText("did you mean").first().waitFor({ state: "detached" });
  world.write(".agent/workflows/definitions/build-and-deploy.yaml", "name: Mended\nsteps:\n  - {id: a, type: script, command: echo b}\n");
  await page.getByText("echo b", { exact: false }).first().waitFor();
  await page.getByRole("button", { name: "Read the folder again" }).click();
  same(await page.getByRole("row", { name: /Mended/ }).getByRole("button", { name: "Run" }).getAttribute("aria-disabled"), null, "the button of the definition that was mended");
});

test("of more definitions than a page has each is found, and begun", async ({ open }) => {
  const numbers = Array.from({ length: 205 }, (_, n) => String(n).padStart(3, "0"));
  const { page } = await open({
    world: { definitions: [] },
    before: (world) => numbers.forEach((n) => world.write(`.agent/workflows/definitions/job-${n}.yaml`, `name: Job ${n}\nsteps:\n  - {id: a, type: script, command: echo ${n}}\n`)),
  });
  await page.getByRole("link", { name: "Templates 205" }).click();
  for (const name of ["Job 000", "Job 204"]) {
    await page.getByLabel("Search templates").fill(name);
    await page.getByRole("row", { name: new RegExp(name) }).getByRole("button", { name: "Run" }).waitFor();
    same(await page.getByRole("row").count(), 2, `rows with the heads, for ${name}`);
  }
  await page.keyboard.press("Escape");
  await page.getByRole("row", { name: /Job 204/ }).getByRole("button", { name: "Run" }).click();
  await page.getByRole("dialog", { name: "New run" }).getByText("baton run job-204").waitFor();
});

test("a run of another project that needs somebody is told of, counted beside its project, and led to", async ({ open }) => {
  const { world, page, context } = await open({ world: { definitions: ["quick.yaml"] } });
  const other = join(world.dir, "harbour");
  mkdirSync(join(other, ".agent/workflows/definitions"), { recursive: true });
  writeFileSync(join(other, ".agent/workflows/definitions/gate.yaml"), "name: Gate\nsteps:\n  - {id: wait, type: script, command: \"while [ ! -e open ]; do sleep 0.1; done\"}\n  - {id: ok, name: Open the gate, type: approval, message: Open it?}\n");
  const send = (path, data) => context.request.fetch(world.url + path, { method: "POST", headers: { origin: world.url }, data });
  const project = (await (await send("/api/projects", { path: other })).json()).data;
  await page.reload();
  const menu = page.getByRole("button", { name: /^Project: quayside/ });
  await menu.waitFor();
  const started = await send("/api/workflow-executions", { project_id: project.id, definition: "gate", name: "Night gate", args: {} });
  expect(started.ok(), `the run to be started, not ${started.status()} ${await started.text()}`);
  await page.getByRole("button", { name: "Project: quayside", exact: true }).waitFor();
  writeFileSync(join(other, "open"), "");
  await page.getByText("harbour: Night gate").first().waitFor();
  await page.getByRole("button", { name: "Project: quayside, 1 need you in other projects" }).click();
  await page.getByRole("menuitem", { name: /harbour.*1/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Look", exact: true }).click();
  await page.getByRole("group", { name: "Approval" }).getByRole("button", { name: "Approve" }).click();
  await page.getByText("Done", { exact: true }).first().waitFor();
  await page.getByRole("link", { name: /^Board/ }).first().click();
  await page.getByRole("button", { name: "Project: quayside", exact: true }).waitFor();
});

test("a program that fails before its first step says so where its steps would be", async ({ open }) => {
  const early = 'import { defineWorkflow } from "baton";\nexport default defineWorkflow({\n  name: "Early",\n  async execute() {\n    throw new Error("no dates are left");\n  },\n});\n';
  const { world, page } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/early.ts", early) });
  world.baton("run", "early", "--detach", "--name", "Too early");
  await until("the run to fail", () => world.baton("show", "1").status === "failed");
  for (const tab of ["overview", "timeline", "graph"]) {
    await page.goto(`${world.url}/runs/1/${tab}`);
    await page.getByRole("heading", { name: "No step has begun" }).waitFor();
    await page.locator(".nothing").getByText("no dates are left").waitFor();
  }
});

test("a run is rewound with its price said before, and forked with another name and other arguments", async ({ open }) => {
  const { world, page } = await open();
  world.baton("run", "implement-feature", "--detach", "--arg", "featureName=Rotate tokens", "--name", "Rotate tokens");
  await page.getByRole("button", { name: "Look and decide" }).waitFor();
  await page.getByRole("button", { name: "Look and decide" }).click();
  await page.getByRole("group", { name: "Approval" }).getByRole("button", { name: "Approve" }).click();
  await page.getByText("Done", { exact: true }).first().waitFor();
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Changes" }).click();
  await page.getByRole("region", { name: "What changed" }).getByText("revokeFamily").waitFor();
  await page.getByRole("radio", { name: "Split" }).click();
  await page.getByRole("region", { name: "What changed" }).getByText("revokeFamily").waitFor();
  await page.getByRole("button", { name: /rewind to here, .* Write the spec/ }).click();
  await page.getByText(/steps? runs? again/).waitFor();
  await page.getByText(/files? goe?s? back/).waitFor();
  await page.getByLabel("What should be different this time?").fill("Say which device came second");
  await page.getByRole("button", { name: "Rewind and run" }).click();
  await until("the run to go on from the plan", () => world.baton("show", "1").status === "running");
  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Conversation" }).click();
  await page.getByRole("group", { name: "Approval" }).waitFor();
  await page.getByRole("button", { name: "Fork" }).click();
  await page.getByLabel("From").selectOption({ label: "Approve the plan" });
  // With another name and other arguments; what does not fit is said before.
  await page.getByLabel("Name of the run").fill("Rotate them otherwise");
  await page.getByText("Other arguments").click();
  await page.getByLabel(/^Feature name/).fill("x");
  await page.getByText("At least 3 characters. This has 1.").waitFor();
  same(await page.getByRole("button", { name: "Fork and run" }).getAttribute("aria-disabled"), "true", "the button while an argument is wrong");
  await page.getByLabel(/^Feature name/).fill("Rotate on every use");
  await page.getByRole("button", { name: "Fork and run" }).click();
  await page.waitForURL(/\/runs\/2\//);
  await page.getByRole("heading", { name: "Rotate them otherwise" }).waitFor();
  const fork = world.baton("show", "2");
  same([fork.args.featureName, fork.args.environment], ["Rotate on every use", "dev"], "the arguments of the fork");
});
