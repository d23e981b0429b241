// Document 4's three examples, with a fake agent that works until it is let go.
import { expect, same, test } from "./harness.mjs";
import { until } from "./world.mjs";

async function working(open) {
  const { world, page } = await open({ world: { definitions: ["working.yaml"] } });
  world.write("src/limit.ts", "export {};\n");
  world.baton("run", "working", "--detach", "--name", "Rate limit");
  await page.getByRole("article", { name: "Rate limit" }).getByRole("link").click();
  const thread = page.getByRole("log", { name: "Conversation" });
  await thread.getByText(/Starting work agent/).waitFor();
  await thread.getByText("I have read the limiter.").waitFor();
  return { world, page, thread };
}

const say = async (page, action, words) => {
  await page.getByRole("button", { name: /What the message does/ }).click();
  await page.getByRole("menuitem", { name: new RegExp(`^${action}`) }).click();
  await page.getByLabel("Message this run").fill(words);
  await page.getByLabel("Message this run").press("Control+Enter");
};

test("a person pauses in the thread, says more, and resumes; thread and header say each", async ({ open }) => {
  const { world, page, thread } = await working(open);
  await say(page, "Pause", "Please pause - I need to add something to the requirements");
  await thread.getByText("Please pause - I need to add something").waitFor();
  await page.getByText("Pausing at the next safe point").first().waitFor();
  world.write("go", "");
  await page.getByText(/^Paused/).first().waitFor();
  await thread.getByText(/paused/i).last().waitFor();
  await say(page, "Resume", "Resume - I have updated the requirements");
  await thread.getByText("Resume - I have updated the requirements").waitFor();
  await thread.getByText(/paused.*, resumed [\d:.]+( s)? later/).waitFor();
  await page.getByText("Done", { exact: true }).first().waitFor();
});

test("a person redirects; the thread names the new run and leads to it", async ({ open }) => {
  const { world, page, thread } = await working(open);
  await say(page, "Redirect", "Actually, make this a dropdown menu instead of a button");
  const link = thread.getByRole("link", { name: /#2/ });
  await link.waitFor();
  await until("the first run to be cancelled", () => world.baton("show", "1").status === "cancelled");
  await page.getByText("Cancelled", { exact: true }).first().waitFor();
  await link.click();
  await page.waitForURL(/\/runs\/2\//);
  world.write("go", "");
  await page.getByText("Done", { exact: true }).first().waitFor();
});

test("an instruction reaches the agent while it works, and how far it got is said below it", async ({ open }) => {
  const { world, page, thread } = await working(open);
  await page.getByText("Reaches Claude while at work").waitFor();
  await say(page, "Instruction", "Note: The authentication system uses JWT tokens stored in httpOnly cookies");
  const said = thread.locator(".msg", { hasText: "Note: The authentication system" });
  await said.locator('.ack[data-status="acknowledged"], .ack[data-status="processed"]').waitFor();
  world.write("go", "");
  await thread.getByText(/work agent completed/).waitFor();
  expect((await said.count()) === 1, "the message to stand in the thread once");
});

test("an agent's question and its wish to act are answered in the thread", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["asks.yaml"] } });
  world.baton("run", "asks", "--detach", "--name", "Sign-in");
  await page.getByRole("article", { name: "Sign-in" }).getByRole("button", { name: "Look and decide" }).click();
  const question = page.getByRole("group", { name: "Question" });
  await question.getByText("Should a code work on a second device?").first().waitFor();
  await question.getByRole("radio", { name: /No, only where/ }).check();
  await question.getByRole("button", { name: "Send answer" }).click();
  await question.getByRole("button", { name: "Allow", exact: true }).waitFor();
  await question.getByText("auth.txt").first().waitFor();
  await question.getByRole("button", { name: "Deny with a reason" }).click();
  await question.getByLabel("Reason").fill("Not into this file");
  await question.getByRole("button", { name: "Deny", exact: true }).click();
  await question.waitFor({ state: "detached" });
  // Both stay in the thread, with what was asked.
  const log = page.getByRole("log");
  await log.getByText("Should a code work on a second device?").first().waitFor();
  await log.getByText("No, only where", { exact: false }).first().waitFor();
  await log.getByText("Rejected: Not into this file").waitFor();
});

test("what an agent said in an attempt that failed stays in the thread, before what it said in the next", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: [] }, before: (world) => world.write(".agent/workflows/definitions/again.yaml", AGAIN) });
  world.baton("run", "again", "--detach", "--name", "Again");
  await until("the run to be done", () => world.baton("show", "1").status === "completed");
  await page.getByRole("article", { name: "Again" }).getByRole("link").click();
  const thread = page.getByRole("log", { name: "Conversation" });
  await thread.getByText("The first attempt reads the limiter").waitFor();
  const said = await thread.locator(".msg").allInnerTexts();
  const at = (words) => said.findIndex((text) => text.includes(words));
  expect(at("The first attempt") < at("The second attempt"), `the attempts in order in ${JSON.stringify(said)}`);
});

test("what somebody else says is unread on the board until it is looked at, and then in every tab", async ({ open, watch, browser }) => {
  const { world, page, context } = await open({ world: { definitions: ["quick.yaml"] } });
  await context.request.fetch(`${world.url}/api/users`, { method: "POST", headers: { origin: world.url }, data: { username: "ann", password: "a long enough word", role: "operator" } });
  world.baton("run", "quick", "--detach", "--name", "Between us");
  const card = page.getByRole("article", { name: "Between us" });
  await card.getByRole("button", { name: "Look and decide" }).waitFor();
  const read = () => page.waitForResponse((response) => response.request().method() === "PUT" && response.url().endsWith("/read"));
  if ((await card.locator(".unread").count()) > 0) {
    const told = read();
    await card.getByRole("link").click();
    await told;
    await page.getByRole("link", { name: "Board" }).first().click();
  }
  await until("nothing to be unread", async () => (await card.locator(".unread").count()) === 0);

  const hers = await (await watch.context(browser, world)).newPage();
  await hers.goto(world.url);
  await hers.getByRole("button", { name: /name and password/i }).click();
  await hers.getByLabel("Name", { exact: true }).fill("ann");
  await hers.getByLabel("Password").fill("a long enough word");
  await hers.getByRole("button", { name: "Sign in" }).click();
  await hers.getByRole("article", { name: "Between us" }).getByRole("link").click();
  await hers.getByLabel("Message this run").fill("Looks fine to me");
  await hers.getByLabel("Message this run").press("Control+Enter");
  await hers.getByRole("log", { name: "Conversation" }).getByText("Looks fine to me").waitFor();
  await card.getByTitle("1 unread").waitFor();

  const told = read();
  await card.getByRole("link").click();
  await page.getByRole("log", { name: "Conversation" }).getByText("Looks fine to me").waitFor();
  await told;
  await hers.getByLabel("Message this run").fill("And it is Friday");
  const toldAgain = read();
  await hers.getByLabel("Message this run").press("Control+Enter");
  await page.getByRole("log", { name: "Conversation" }).getByText("And it is Friday").waitFor();
  await toldAgain;
  await page.getByRole("link", { name: "Board" }).first().click();
  await card.waitFor();
  same(await card.locator(".unread").count(), 0, "badges after it was looked at");
  await page.reload();
  await card.waitFor();
  same(await card.locator(".unread").count(), 0, "badges after the page was loaded anew");
  // What she said herself was never unread to her.
  await hers.getByRole("link", { name: "Board" }).first().click();
  same(await hers.getByRole("article", { name: "Between us" }).locator(".unread").count(), 0, "badges of her own words");
});

const AGAIN = `name: Again
steps:
  - id: work
    type: agent
    agent: claude
    permission: bypassPermissions
    retry: {attempts: 2, backoff: 100ms}
    prompt: |
      @once {{ project.path }}/begun @say The first attempt reads the limiter
      @once {{ project.path }}/failed @fail api
      @say The second attempt writes it
      @answer Done
`;
