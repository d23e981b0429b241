// The settings against the real server: each is made, used from outside, and taken back.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { expect, same, test } from "./harness.mjs";
import { until } from "./world.mjs";

const visit = async (page, world, section) => {
  await page.goto(`${world.url}/settings?section=${section}`);
  return page.getByRole("region").filter({ has: page.getByRole("heading", { level: 2 }) }).first();
};

test("a token is shown once, lets a program in with its role, and no longer when it is revoked", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["quick.yaml"] } });
  await visit(page, world, "tokens");
  await page.getByLabel("Name of the token").fill("Build server");
  await page.getByRole("button", { name: "Role of the token: admin" }).click();
  await page.getByRole("menuitem", { name: /^viewer/ }).click();
  await page.getByRole("button", { name: "Make a token" }).click();
  const once = page.getByRole("status").filter({ hasText: "not shown again" });
  const token = (await once.locator(".cmd").innerText()).trim();
  const row = page.getByRole("listitem").filter({ hasText: "Build server" });
  await row.getByText(/viewer, made now, ends/).waitFor();
  const ask = (path, init = {}) => fetch(world.url + path, { ...init, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } });
  same((await ask("/api/workflow-executions")).status, 200, "looking with the token");
  const [project] = (await (await ask("/api/projects")).json()).data;
  const start = { method: "POST", body: JSON.stringify({ project_id: project.id, definition: "quick" }) };
  same((await ask("/api/workflow-executions", start)).status, 403, "starting a run with a viewer's token");

  await page.reload();
  await row.waitFor();
  expect(!(await page.content()).includes(token), "the value to be nowhere after the page was left");
  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("button", { name: "Revoke token" }).click();
  await row.waitFor({ state: "detached" });
  same((await ask("/api/workflow-executions")).status, 401, "looking with the revoked token");
});

test("a user is added, signs in, may do what the role says and is told what not, and is kept out again", async ({ open, watch, browser }) => {
  const { world, page } = await open({ world: { definitions: ["quick.yaml"] } });
  world.baton("run", "quick", "--detach", "--name", "Hers to see");
  await visit(page, world, "users");
  await page.getByLabel("Username").fill("ann");
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Role: operator" }).click();
  await page.getByRole("menuitem", { name: /^viewer/ }).click();
  await page.getByRole("button", { name: "Add user" }).click();
  await page.getByRole("alert").getByText(/at least 10 characters/).waitFor();
  same(await page.getByLabel("Username").inputValue(), "ann", "what was typed, after it was refused");
  await page.getByLabel("Password").fill("a long enough word");
  await page.getByRole("button", { name: "Add user" }).click();
  const row = page.getByRole("listitem").filter({ hasText: "ann" });
  await row.waitFor();

  const hers = await (await watch.context(browser, world)).newPage();
  await hers.goto(world.url);
  await hers.getByRole("heading", { name: "Sign in" }).waitFor();
  await hers.getByRole("button", { name: /name and password/i }).click();
  await hers.getByLabel("Name", { exact: true }).fill("ann");
  await hers.getByLabel("Password").fill("not hers at all");
  await hers.getByRole("button", { name: "Sign in" }).click();
  await hers.getByText("does not fit").waitFor();
  await hers.getByLabel("Password").fill("a long enough word");
  await hers.getByRole("button", { name: "Sign in" }).click();
  await hers.getByRole("article", { name: "Hers to see" }).getByRole("button", { name: "Look and decide" }).click();
  const approve = hers.getByRole("group", { name: "Approval" }).getByRole("button", { name: "Approve" });
  same(await approve.getAttribute("aria-disabled"), "true", "approving as a viewer");
  await approve.hover();
  await hers.getByRole("tooltip").getByText(/viewer/).waitFor();
  await hers.goto(`${world.url}/settings?section=users`);
  await hers.getByText("Only an admin sees this").waitFor();
  await hers.getByText("You are signed in as ann, viewer.").waitFor();

  // As an operator she may.
  await row.getByRole("button", { name: "Role of ann: viewer" }).click();
  await page.getByRole("menuitem", { name: /^operator/ }).click();
  await row.getByRole("button", { name: "Role of ann: operator" }).waitFor();
  await hers.goto(`${world.url}/runs/1/conversation`);
  await approve.click();
  await hers.getByText("Done", { exact: true }).first().waitFor();
  // Her answer is hers in everybody's thread.
  await hers.getByRole("log").getByText("You", { exact: true }).waitFor();
  await page.goto(`${world.url}/runs/1/conversation`);
  await page.getByRole("log").getByText("ann", { exact: true }).waitFor();
  await page.getByRole("log").getByText("Approved", { exact: true }).waitFor();
  await visit(page, world, "users");

  await row.getByRole("button", { name: "More for ann" }).click();
  await page.getByRole("menuitem", { name: /Keep out/ }).click();
  await row.getByText("Kept out").waitFor();
  await hers.goto(world.url);
  await hers.getByRole("heading", { name: "Sign in" }).waitFor();

  // The trail tells both stories.
  await visit(page, world, "audit");
  await page.getByRole("listitem").filter({ hasText: "ann approved" }).waitFor();
  await page.getByRole("listitem").filter({ hasText: "local added a user" }).first().waitFor();
});

test("a project with members is theirs and the admins' alone", async ({ open }) => {
  const { world, page, context } = await open({ world: { definitions: ["quick.yaml"] } });
  await visit(page, world, "users");
  const tokens = {};
  for (const name of ["ben", "eve"]) {
    await page.getByLabel("Username").fill(name);
    await page.getByRole("button", { name: "Add user" }).click();
    await page.getByRole("listitem").filter({ hasText: name }).waitFor();
    const users = (await (await context.request.get(`${world.url}/api/users`)).json()).data;
    const made = await context.request.post(`${world.url}/api/tokens`, { headers: { origin: world.url }, data: { name, user_id: users.find((user) => user.username === name).id, role: "operator" } });
    tokens[name] = (await made.json()).data.token;
  }
  const sees = async (name) => (await (await fetch(`${world.url}/api/projects`, { headers: { authorization: `Bearer ${tokens[name]}` } })).json()).data.length;
  same([await sees("ben"), await sees("eve")], [1, 1], "projects that each sees before there are members");
  await visit(page, world, "projects");
  await page.getByRole("button", { name: "Members" }).click();
  await page.getByText("It is everybody's.").waitFor();
  await page.getByRole("button", { name: "Who: Choose a user" }).click();
  await page.getByRole("menuitem", { name: "ben" }).click();
  await page.getByRole("button", { name: "Add member" }).click();
  const member = page.getByRole("button", { name: "Role of ben here: operator" });
  await member.waitFor();
  same([await sees("ben"), await sees("eve")], [1, 0], "projects that each sees when ben is the member");
  await page.getByRole("listitem").filter({ has: member }).last().getByRole("button", { name: "Remove" }).click();
  await page.getByText("It is everybody's.").waitFor();
  same([await sees("ben"), await sees("eve")], [1, 1], "projects that each sees when nobody is a member any more");
});

test("a webhook is told, signed; what did not arrive is shown and sent again", async ({ open }) => {
  const heard = [];
  let status = 500;
  const listener = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      heard.push({ headers: request.headers, body, status });
      response.writeHead(status).end();
    });
  });
  await new Promise((begun) => listener.listen(0, "127.0.0.1", begun));
  try {
    const { world, page } = await open({ world: { definitions: ["waits.yaml"] }, before: (world) => (world.env.BATON_WEBHOOKS_ALLOW_PRIVATE = "true") });
    await visit(page, world, "webhooks");
    await page.getByLabel("Address").fill("ftp://example.com");
    await page.getByRole("button", { name: "Add webhook" }).click();
    await page.getByRole("alert").getByText(/https:\/\//).waitFor();
    await page.getByLabel("Address").fill(`http://127.0.0.1:${listener.address().port}/told`);
    await page.getByRole("button", { name: "Tell of: everything" }).click();
    await page.getByRole("menuitem", { name: /^waiting/ }).click();
    await page.getByRole("button", { name: "Add webhook" }).click();
    const secret = (await page.getByRole("status").filter({ hasText: "not shown again" }).locator(".cmd").innerText()).trim();
    const hook = page.getByRole("listitem").filter({ hasText: "/told" }).first();
    await hook.getByText("workflow.run.waiting of all projects").waitFor();
    await hook.getByRole("button", { name: "Deliveries" }).click();
    await hook.getByText("Nothing has been sent yet.").waitFor();

    world.baton("run", "waits", "--detach");
    // It shows by itself, refused as it was.
    const delivery = hook.getByRole("listitem").filter({ hasText: "workflow.run.waiting" });
    await delivery.getByText("500", { exact: true }).waitFor();
    await delivery.getByText("Waiting", { exact: true }).waitFor();
    status = 204;
    const before = heard.length;
    await delivery.getByRole("button", { name: "Send again" }).click();
    await until("the delivery to come again", () => heard.length > before);
    await hook.getByText("Delivered").first().waitFor();
    const { headers, body } = heard.at(-1);
    const key = Buffer.from(secret.replace("whsec_", ""), "base64");
    const proof = createHmac("sha256", key).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
    expect(headers["webhook-signature"].split(" ").includes(`v1,${proof}`), "a signature that the secret explains");
    await delivery.first().getByText("workflow.run.waiting").first().click();
    await hook.getByText('"reason":').first().waitFor();

    await hook.getByRole("button", { name: /More for/ }).click();
    await page.getByRole("menuitem", { name: /Remove/ }).click();
    await page.getByRole("button", { name: "Remove webhook" }).click();
    await page.getByText("Nobody is told yet.").waitFor();
  } finally {
    listener.closeAllConnections();
    listener.close();
  }
});

test("schedules and inbound webhooks of definitions are listed; a signed event starts a run", async ({ open }) => {
  const { world, page } = await open({
    world: { definitions: ["quick.yaml"] },
    before: (world) => {
      world.env.HOOK_SECRET = "made-up-secret";
      world.write(
        ".agent/workflows/definitions/nightly.yaml",
        "name: Nightly\ntriggers:\n  schedule: {cron: '0 6 * * 1-5', tz: Europe/Berlin}\n  webhook: {secret_env: HOOK_SECRET}\nsteps:\n  - {id: a, type: script, command: echo here}\n",
      );
    },
  });
  await visit(page, world, "triggers");
  const row = page.getByRole("listitem").filter({ hasText: "Nightly" });
  await row.getByText("0 6 * * 1-5").waitFor();
  await row.getByText(/^next /).waitFor();
  const address = (await row.locator(".cmd").innerText()).trim();
  const body = JSON.stringify({ ref: "refs/heads/main" });
  const signature = `sha256=${createHmac("sha256", world.env.HOOK_SECRET).update(body).digest("hex")}`;
  const refused = await fetch(address, { method: "POST", headers: { "content-type": "application/json", "x-hub-signature-256": "sha256=00" }, body });
  same(refused.status, 401, "an event with another signature");
  const taken = await fetch(address, { method: "POST", headers: { "content-type": "application/json", "x-hub-signature-256": signature }, body });
  same(taken.status, 201, "a signed event");
  await page.getByRole("link", { name: "Board", exact: true }).first().click();
  await page.getByRole("article", { name: /nightly/i }).waitFor();
});
