// A world to look at: a project with definitions, fake agents on the PATH, and the real binary serving it.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Front } from "./front.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(here, "../../target");
export const baton = process.env.BATON_BIN ?? join(target, "debug/baton");

/** Waits until this gives something; says what it waited for when it does not. */
export async function until(what, look, timeout = 60_000) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`timed out: ${what}${last ? ` (${last.message})` : ""}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}

export class World {
  constructor({ definitions = readdirSync(join(here, "definitions")), name = "quayside" } = {}) {
    this.dir = mkdtempSync(join(tmpdir(), "baton-web-"));
    this.project = join(this.dir, name);
    this.data = join(this.dir, "data");
    this.bin = join(this.dir, "bin");
    for (const each of [this.project, this.data, this.bin, join(this.dir, "home")]) mkdirSync(each, { recursive: true });
    for (const [agent, fake] of [["claude", "fake-claude"], ["codex", "fake-codex"], ["fake-acp", "fake-acp"]]) {
      symlinkSync(join(dirname(baton), fake), join(this.bin, agent));
    }
    const folder = join(this.project, ".agent/workflows/definitions");
    mkdirSync(folder, { recursive: true });
    for (const each of definitions) cpSync(join(here, "definitions", each), join(folder, each));
    mkdirSync(join(this.project, "src"));
    writeFileSync(join(this.project, "src/token.ts"), "export function issue(user: string) {\n  return { user, hash: hash(random(32)) };\n}\n\nexport async function refresh(presented: string) {\n  const row = await store.find(presented);\n  if (!row) throw new Unauthorized();\n  return issue(row.user);\n}\n");
    writeFileSync(join(this.project, "src/store.ts"), "export const store = {\n  async find(hash: string) { return rows.get(hash); },\n};\n");
    writeFileSync(join(this.project, "package.json"), "{}\n");
    // Where the fake agents keep what real ones keep at home.
    writeFileSync(join(this.project, ".gitignore"), ".fake-agent\n");
    this.env = {
      PATH: `${this.bin}:${process.env.PATH}`,
      HOME: join(this.dir, "home"),
      TMPDIR: this.dir,
      LANG: "C.UTF-8",
      BATON_DATA_DIR: this.data,
      ANTHROPIC_API_KEY: "sk-ant-fake-web",
      // Claude Code refuses to work as root without asking, but for sandboxes.
      IS_SANDBOX: "1",
      OPENAI_API_KEY: "sk-fake-web",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_AUTHOR_NAME: "Mira", GIT_AUTHOR_EMAIL: "mira@example.com", GIT_COMMITTER_NAME: "Mira", GIT_COMMITTER_EMAIL: "mira@example.com",
    };
    for (const words of [["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "Begin"]]) this.sh("git", words);
  }

  sh(program, words, input) {
    const done = spawnSync(program, words, { cwd: this.project, env: this.env, encoding: "utf8", input });
    if (done.status !== 0) throw new Error(`${program} ${words.join(" ")}: ${done.stderr || done.stdout || done.error}`);
    return done.stdout;
  }

  /** Starts the server in the project, or in a directory that is none; `link` signs a browser in. */
  async serve({ port = 0, inProject = true } = {}) {
    const child = spawn(baton, ["serve", "--listen", `127.0.0.1:${port}`], { cwd: inProject ? this.project : this.dir, env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    this.server = child;
    let said = "";
    child.stdout.on("data", (part) => (said += part));
    child.stderr.on("data", (part) => (said += part));
    this.link = await until("the link of baton serve", () => {
      if (child.exitCode !== null) throw new Error(`baton serve ended: ${said}`);
      return /https?:\/\/\S+#link=\S+/.exec(said)?.[0];
    });
    this.url = new URL(this.link).origin;
    this.port = Number(new URL(this.link).port);
    if (process.env.WEB_DIST) {
      this.front ??= await new Front().listen();
      this.front.behind = this.port;
      this.link = this.link.replace(this.url, this.front.origin);
      this.url = this.front.origin;
    }
    return this;
  }

  async kill(signal = "SIGKILL") {
    const child = this.server;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }

  write(path, text) {
    mkdirSync(dirname(join(this.project, path)), { recursive: true });
    writeFileSync(join(this.project, path), text);
  }

  has(path) {
    return existsSync(join(this.project, path));
  }

  remove(path) {
    rmSync(join(this.project, path), { force: true });
  }

  /** The command line, as JSON. */
  baton(...words) {
    const said = JSON.parse(this.sh(baton, [...words, "--json"]) || "null");
    return said?.data ?? said;
  }

  async close() {
    await this.kill("SIGTERM");
    await this.front?.close();
    // Shepherds and a host that started by itself leave with their data.
    for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const environment = readFileSync(`/proc/${entry}/environ`, "utf8");
        if (environment.includes(`BATON_DATA_DIR=${this.data}`)) process.kill(Number(entry), "SIGKILL");
      } catch {
        // Gone, or not ours.
      }
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

export const isBuilt = () => existsSync(baton);
