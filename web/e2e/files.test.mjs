import { readFileSync } from "node:fs";
import { same, test } from "./harness.mjs";

test("a file says how far it is, one that is refused stays with the reason, and goes with its message when tried again", async ({ open }) => {
  const { world, page } = await open({ world: { definitions: ["working.yaml"] } });
  world.write("src/limit.ts", "export {};\n");
  world.baton("run", "working", "--detach", "--name", "Rate limit");
  await page.getByRole("article", { name: "Rate limit" }).getByRole("link").click();
  const thread = page.getByRole("log", { name: "Conversation" });
  await thread.getByText("I have read the limiter.").waitFor();

  const uploads = /\/workflow-executions\/[^/]+\/artifacts$/;
  let letGo;
  const held = new Promise((done) => (letGo = done));
  let refuse = true;
  await page.route(uploads, async (route) => {
    await held;
    if (!refuse) return route.continue();
    refuse = false;
    return route.fulfill({ status: 413, contentType: "application/problem+json", body: JSON.stringify({ code: "too_large", detail: "the file is larger than 5 bytes" }) });
  });
  await page.locator("input[type=file]").setInputFiles([
    { name: "first.txt", mimeType: "text/plain", buffer: Buffer.from("the first file") },
    { name: "second.txt", mimeType: "text/plain", buffer: Buffer.from("the second file") },
  ]);
  await page.getByLabel("Message this run").fill("See both");
  await page.getByLabel("Message this run").press("Control+Enter");
  const files = page.getByRole("list", { name: "Files to send" });
  await files.getByRole("progressbar", { name: "Sending first.txt" }).waitFor();
  letGo();
  await files.getByText("the file is larger than 5 bytes").waitFor();
  const said = thread.locator(".msg", { hasText: "See both" });
  await said.getByText("second.txt").waitFor();
  same(await files.getByText(/\.txt/).allTextContents(), ["first.txt"], "files that were kept back");

  await files.getByRole("button", { name: "Try again" }).click();
  await said.getByText("first.txt").waitFor();
  await files.waitFor({ state: "detached" });
  same(await thread.locator(".msg", { hasText: "first.txt" }).count(), 1, "messages that name the file");

  await page.getByRole("navigation", { name: "Views of this run" }).getByRole("link", { name: "Artifacts" }).click();
  await page.getByRole("region", { name: "Files" }).getByRole("button", { name: /second.txt/ }).click();
  await page.getByRole("region", { name: "Preview of second.txt" }).getByText("the second file").waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  same((await download).suggestedFilename(), "second.txt", "the name of the download");
  same(readFileSync(await (await download).path(), "utf8"), "the second file", "what is downloaded");
});
