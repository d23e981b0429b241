import { expect, same, test } from "./harness.mjs";

test("the printed link signs in, once, and leaves no token in the address", async ({ open, watch, browser }) => {
  const { world, page } = await open();
  same(new URL(page.url()).hash, "", "the address after signing in");
  const cookies = await page.context().cookies();
  const session = cookies.find((cookie) => cookie.httpOnly);
  expect(session && session.sameSite === "Strict", "a session cookie that no script and no other site can use");
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(!stored.includes(new URL(world.link).hash.slice(6)), "nothing secret in the browser's storage");

  const other = await (await watch.context(browser, world)).newPage();
  await other.goto(world.link);
  await other.getByRole("heading", { name: "Sign in" }).waitFor();
  await other.getByText("used already").waitFor();
  await other.getByLabel("Token").fill("nonsense");
  await other.getByRole("button", { name: "Sign in" }).click();
  await other.getByText("does not fit").waitFor();
});

test("a session that ends while a page is shown asks to sign in, and another tab's sign-in lets it go on", async ({ open }) => {
  const { world, context, page } = await open();
  await page.getByRole("link", { name: /Templates/ }).first().click();
  await page.getByRole("heading", { name: "Templates" }).waitFor();
  await context.clearCookies();
  // Whatever the page asks next finds it out: this, or something that it asks by itself before.
  const asked = page.getByRole("heading", { name: "Sign in" }).waitFor();
  await Promise.any([asked, page.getByRole("button", { name: "Read the folder again" }).click()]);
  await asked;
  await world.kill("SIGTERM");
  await world.serve({ port: world.port });
  const tab = await context.newPage();
  await tab.goto(world.link);
  await tab.getByRole("heading", { name: "Board" }).waitFor();
  await page.bringToFront();
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.getByRole("heading", { name: "Templates" }).waitFor();
});

test("the project that the server was started in is the one that is shown, whatever was looked at before", async ({ open }) => {
  const { world, context, page } = await open({ world: { definitions: ["quick.yaml"] } });
  await page.getByText("1 definition", { exact: true }).waitFor();
  same(new URL(page.url()).search, "", "the address after signing in");
  await world.kill("SIGTERM");
  await world.serve({ inProject: false });
  await page.goto(world.link);
  await page.getByText("1 definition", { exact: true }).waitFor();
  await page.evaluate(() => localStorage.setItem("baton.project", "prj_00000000000000000000000000000000"));
  await world.kill("SIGTERM");
  await world.serve();
  await page.goto(world.link);
  await page.getByRole("heading", { name: "Board" }).waitFor();
  const [shown] = (await (await context.request.get(`${world.url}/api/projects`)).json()).data;
  same(await page.evaluate(() => localStorage.getItem("baton.project")), shown.id, "the project that is remembered");
});

test("an empty board says what is there and what is not, and one click runs a sample to its end", async ({ open }) => {
  const { page } = await open({ world: { definitions: ["quick.yaml", "build-and-deploy.yaml"] } });
  await page.getByRole("heading", { name: "Nothing is running yet" }).waitFor();
  await page.getByText("2 definitions").waitFor();
  await page.getByText(/Claude Code and Codex are ready/).waitFor();
  await page.getByRole("button", { name: "Run the sample" }).click();
  await page.getByRole("heading", { name: "Quick check" }).waitFor();
  await page.getByText("Waiting for you").waitFor();
});

test("a project without definitions is given the samples, and one of them runs", async ({ open }) => {
  const { page } = await open({ world: { definitions: [] } });
  await page.getByText("No definitions yet").waitFor();
  await page.getByRole("button", { name: "Add the samples and run one" }).click();
  await page.getByRole("heading", { name: "Tour" }).waitFor();
  await page.getByRole("link", { name: "Board", exact: true }).first().click();
  await page.getByRole("article", { name: "Tour" }).waitFor();
});

test("a board without a project says the next command, takes a directory, and shows what is in it", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["quick.yaml"] }, inProject: false });
  await page.getByText("No project yet").waitFor();
  await page.getByText("baton init").first().waitFor();
  await page.getByLabel("Directory of a project").fill("/nowhere/at/all");
  await page.getByRole("button", { name: "Add project" }).click();
  await page.getByText("The project was not added", { exact: true }).waitFor();
  await page.getByLabel("Directory of a project").fill(world.project);
  await page.getByRole("button", { name: "Add project" }).click();
  await page.getByText("1 definition", { exact: true }).waitFor();
});
