import { expect, fits, settled, test } from "./harness.mjs";

const WORD = "W".repeat(100_000);
const EVIL = `<img src=x onerror="alert(1)"><script>alert(2)</script> [x](javascript:alert(3)) ![p](http://evil.example/p.png) <svg onload=alert(4)> </div></main>`;

test("nothing a run, agent or file contains runs, reaches out or breaks the page", async ({ open }) => {
  const { world, page } = await open({
    world: { definitions: ["quick.yaml"] },
    before: (world) => {
      world.write(
        ".agent/workflows/definitions/evil.yaml",
        `name: ${JSON.stringify(EVIL)}
worktree: worktree
steps:
  - id: say
    name: ${JSON.stringify(`${EVIL} ${"N".repeat(300)}`)}
    type: agent
    agent: claude
    permission: bypassPermissions
    prompt: |
      @say ${EVIL}
      @say **bold** \`code\` <b onclick=alert(5)>b</b>
      @big 100000
      @write <img-src=x-onerror=alert(6)>.svg <svg xmlns="http://www.w3.org/2000/svg" onload="alert(7)"><script>alert(8)</script></svg>
      @answer ${EVIL}
  - id: print
    type: script
    command: |
      printf '\\033]0;title\\007\\033]8;;javascript:alert(9)\\033\\\\link\\033]8;;\\033\\\\ %s\\n' '<img src=x onerror=alert(10)>'
      head -c 100000 /dev/zero | tr '\\0' W
      echo; printf 'caf\\303\\n\\342\\200\\256reversed\\n'; exit 1
`,
      );
    },
  });
  world.baton("run", "evil", "--detach", "--name", `${EVIL} ${"x".repeat(120)}`.slice(0, 200));
  world.baton("run", "quick", "--detach", "--arg", `who=${EVIL}`, "--name", "W".repeat(200));
  await page.getByText("Failed", { exact: true }).nth(1).waitFor();
  const views = ["conversation", "overview", "timeline", "graph", "logs", "changes", "artifacts", "result"];
  for (const size of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    await page.setViewportSize(size);
    await page.goto(world.url);
    await page.getByRole("article").first().waitFor();
    await fits(page);
    for (const run of [1, 2]) {
      for (const view of views) {
        await page.goto(`${world.url}/runs/${run}/${view}`);
        await page.getByRole("navigation", { name: "Views of this run" }).waitFor();
        await settled(page);
        await fits(page);
      }
    }
    await page.goto(`${world.url}/runs/1/conversation?step=print`);
    await page.getByRole("tab", { name: "Output" }).click();
    await page.getByText("98,000 more characters").first().waitFor();
    await fits(page);
    await page.goto(`${world.url}/workflows?open=evil`);
    await page.getByText("@say").first().waitFor();
    await fits(page);
  }
  // A message of 100,000 characters without a space, and one that is all markup.
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto(`${world.url}/runs/2/conversation`);
  for (const words of [WORD, EVIL]) {
    await page.getByLabel("Message this run").fill(words);
    await page.getByLabel("Message this run").press("Control+Enter");
    await page.getByText("Stays in the thread").waitFor();
    await page.getByRole("log", { name: "Conversation" }).getByText(words.slice(0, 10)).first().waitFor();
    await fits(page);
  }
  // Files with names and contents that would act.
  await page.locator("input[type=file]").first().setInputFiles([
    { name: `<svg onload=alert(11)>${"n".repeat(180)}.svg`, mimeType: "image/svg+xml", buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(12)"><script>alert(13)</script><image href="http://evil.example/i.png"/></svg>') },
    { name: "\u202egpj.exe<b>.html", mimeType: "text/html", buffer: Buffer.from(`<script>alert(14)</script>${EVIL}`) },
  ]);
  await page.getByLabel("Message this run").fill("Two files");
  await page.getByLabel("Message this run").press("Control+Enter");
  await page.getByRole("log", { name: "Conversation" }).getByText("Two files").waitFor();
  await page.goto(`${world.url}/runs/2/artifacts`);
  const rows = page.getByRole("region", { name: "Files" }).getByRole("listitem").getByRole("button");
  await rows.first().waitFor();
  for (let n = 0; n < Math.min(4, await rows.count()); n += 1) {
    await rows.nth(n).click();
    await settled(page);
    await fits(page);
  }
  const inside = await page.evaluate(() => document.querySelectorAll("main script, main img, main iframe, main object, main svg script").length);
  expect(inside === 0, "no element of somebody else's making");
  const token = (await page.context().cookies())[0]?.value ?? "-";
  expect(!(await page.content()).includes(token), "the session's secret to be nowhere in the page");
});
