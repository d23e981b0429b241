import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Live } from "./live";
import { queries } from "./queries";
import type { ActivityRow } from "./types";

/** A socket whose other end is the test. */
class Socket {
  static OPEN = 1;
  static all: Socket[] = [];
  readyState = 1;
  onopen?: () => void;
  onmessage?: (message: { data: string }) => void;
  onclose?: () => void;
  constructor() {
    Socket.all.push(this);
  }
  send(): void {}
  close(): void {}
  says(type: string, data: object): void {
    this.onmessage?.({ data: JSON.stringify({ type, data, ts: "2026-01-01T00:00:00Z" }) });
  }
}

const row = (offset: number, text: string): ActivityRow => ({ attempt: "att_1", offset, at: null, parent: null, raw_offset: null, activity: { kind: "message", text } });
const told = (offset: number, text: string) => ({ ...row(offset, text), execution_id: "run_1", project_id: "prj_1", step_id: "step_1" });

let file: ActivityRow[] = [];
/** So many rows are given at once. */
const PAGE = 200;
/** What the server's answer waits for. */
let answer: Promise<void> | undefined;

function shown() {
  const cache = new QueryClient();
  const live = new Live(cache);
  live.socket.open();
  live.socket.subscribe("run:run_1");
  Socket.all[0]!.onopen!();
  const observer = new QueryObserver(cache, queries.activities("step_1", 1));
  const stop = observer.subscribe(() => undefined);
  return { live, cache, stop, said: () => (observer.getCurrentResult().data ?? []).map((each) => (each.activity as { text: string }).text) };
}

describe("what a session did", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    Socket.all = [];
    answer = undefined;
    vi.stubGlobal("location", { href: "http://baton.example/" });
    vi.stubGlobal("WebSocket", Socket);
    for (const name of ["addEventListener", "removeEventListener"]) vi.stubGlobal(name, () => undefined);
    vi.stubGlobal("document", { addEventListener: () => undefined, removeEventListener: () => undefined, visibilityState: "visible" });
    vi.stubGlobal("fetch", async (path: string) => {
      const after = new URL(path, "http://baton.example").searchParams.get("after");
      const data = file.filter((each) => after === null || each.offset > Number(after)).slice(0, PAGE);
      const last = data.at(-1);
      const body = JSON.stringify({ data, next_cursor: last && last !== file.at(-1) ? String(last.offset) : null });
      await answer;
      return new Response(body, { headers: { "content-type": "application/json" } });
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("is read again when the link was away, for nobody tells it afterwards", async () => {
    file = [row(0, "before")];
    const { live, stop, said } = shown();
    await vi.advanceTimersByTimeAsync(100);
    expect(said()).toEqual(["before"]);
    Socket.all[0]!.onclose!();
    file = [row(0, "before"), row(10, "meanwhile")];
    await vi.advanceTimersByTimeAsync(1000);
    Socket.all[1]!.onopen!();
    await vi.advanceTimersByTimeAsync(100);
    Socket.all[1]!.says("workflow.step.activity", told(20, "afterwards"));
    await vi.advanceTimersByTimeAsync(100);
    expect(said()).toEqual(["before", "meanwhile", "afterwards"]);
    stop();
    live.socket.close();
  });

  it("loses nothing that is told while it is read, first or again, and has it once", async () => {
    file = [row(0, "one")];
    let give!: () => void;
    answer = new Promise((done) => (give = done));
    const { live, cache, stop, said } = shown();
    await vi.advanceTimersByTimeAsync(10);
    Socket.all[0]!.says("workflow.step.activity", told(10, "two"));
    await vi.advanceTimersByTimeAsync(100);
    expect(said()).toEqual([]);
    give();
    await vi.advanceTimersByTimeAsync(100);
    expect(said()).toEqual(["one", "two"]);

    file = [row(0, "one"), row(10, "two")];
    answer = new Promise((done) => (give = done));
    void cache.invalidateQueries({ queryKey: ["activities"] });
    await vi.advanceTimersByTimeAsync(10);
    Socket.all[0]!.says("workflow.step.activity", told(20, "three"));
    await vi.advanceTimersByTimeAsync(100);
    expect(said()).toEqual(["one", "two", "three"]);
    give();
    await vi.advanceTimersByTimeAsync(100);
    expect(said()).toEqual(["one", "two", "three"]);
    stop();
    live.socket.close();
  });

  it("is there to its end, and told on from there, however long it is", async () => {
    file = Array.from({ length: 12_345 }, (_, n) => row(n, `word ${n}`));
    const { live, stop, said } = shown();
    await vi.advanceTimersByTimeAsync(1000);
    expect([said().length, said().at(-1)]).toEqual([10_000, "word 12344"]);
    Socket.all[0]!.says("workflow.step.activity", told(12_345, "one more"));
    await vi.advanceTimersByTimeAsync(100);
    expect([said().length, said()[0], said().at(-1)]).toEqual([10_000, "word 2346", "one more"]);
    stop();
    live.socket.close();
  });
});
