import { describe, expect, it } from "vitest";
import type { Definition, Insights, Run } from "~/api/types";
import { columns, counts, family, fits, lately, longestWord, neighbour, numbersOf, withFound } from "./board-model";

const base = {
  steps: [],
  waiting: null,
  pause_requested_at: null,
  cancel_requested_at: null,
  pause_reason: null,
  error_message: null,
  current_phase: null,
  worktree: null,
  workflow_definition: { key: "build", name: "Build", phases: ["build", "test"] },
};
let number = 0;
const run = (more: Partial<Run>): Run => ({ ...base, id: `run_${++number}`, number, name: `Run ${number}`, status: "running", completed_at: null, ...more }) as unknown as Run;
const definition = { key: "build", phases: ["build", "test"], phase_labels: { test: "Try it" } } as unknown as Definition;

describe("the board", () => {
  it("has the phases as columns, and a last one for what is finished; failed runs stay where they failed", () => {
    const failed = run({ status: "failed", current_phase: "test" });
    const done = run({ status: "completed", current_phase: null, completed_at: "2026-01-01T00:00:00.000Z" });
    const running = run({ current_phase: "build" });
    const all = columns([failed, done, running], definition);
    expect(all.map((column) => column.label)).toEqual(["Build", "Try it", "Finished"]);
    expect(all.map((column) => column.runs.map((each) => each.id))).toEqual([[running.id], [failed.id], [done.id]]);
  });

  it("shows what needs you first", () => {
    const quiet = run({});
    const asking = run({ steps: [{ status: "running", waiting: { reason: "approval", since: "2026-01-01T00:00:00.000Z" }, session: null, name: "Ship" }] as unknown as Run["steps"] });
    const later = run({});
    const [, running] = columns([quiet, asking, later], undefined);
    expect(running!.runs.map((each) => each.id)).toEqual([asking.id, later.id, quiet.id]);
    expect(counts([quiet, asking, later], 0)).toMatchObject({ needs: 1, running: 2, open: 3 });
  });

  it("finds a run by any words of it", () => {
    const found = run({ name: "Rotate refresh tokens", number: 42 });
    const filter = { definition: undefined, show: "all" as const };
    expect(fits(found, { ...filter, q: "tokens 42" }, 0)).toBe(true);
    expect(fits(found, { ...filter, q: "tokens 43" }, 0)).toBe(false);
    expect(fits(found, { ...filter, definition: "other", q: "" }, 0)).toBe(false);
  });

  it("keeps its own row of a run that a search found too, and looks for the longest word", () => {
    const known = run({ name: "As told since" });
    const older = run({ name: "Older" });
    expect(withFound([known], [{ ...known, name: "As it was" }, older])).toEqual([known, older]);
    expect(longestWord(" #4 rotate tokens ")).toBe("rotate");
    expect(longestWord("")).toBe("");
  });

  it("says whose child or fork a run is", () => {
    const parent = run({});
    const child = run({ parent_run_id: parent.id, parent_step_id: "stp_1" });
    const fork = run({ parent_run_id: parent.id, parent_step_id: null });
    const orphan = run({ parent_run_id: "run_gone", parent_step_id: "stp_2" });
    const numbers = numbersOf([parent, child, fork, orphan]);
    expect([parent, child, fork, orphan].map((each) => family(each, numbers))).toEqual([null, `in #${parent.number}`, `fork of #${parent.number}`, "in another run"]);
  });

  it("tells how it went lately of all runs, and today's cost also when runs of today are not loaded", () => {
    const now = Date.parse("2026-03-05T12:00:00.000Z");
    const sums = { runs: 400, success_rate: 0.9, median_ms: 1000, tokens: 5, groups: [{ key: "2026-03-05", cost_usd: 70 }] } as unknown as Insights;
    const today = run({ status: "completed", cost_usd: 30, created_at: "2026-03-05T11:59:00.000Z" });
    const before = run({ status: "completed", cost_usd: 9, created_at: "2026-03-01T09:00:00.000Z" });
    expect(lately(sums, [today, before], true, now)).toEqual({ runs: 400, rate: 0.9, median: 1000, tokens: 5, today: 30 });
    expect(lately(sums, [today], true, now).today).toBe(70);
    expect(lately(sums, [today], false, now).today).toBe(30);
  });

  it("leads with the arrows over empty columns and stops at its edges", () => {
    const [a, b, c] = [run({}), run({}), run({ status: "failed" })];
    const all = [
      { key: "1", label: "", runs: [a!, b!] },
      { key: "2", label: "", runs: [] },
      { key: "3", label: "", runs: [c!] },
    ];
    expect(neighbour(all, null, "down")).toBe(a!.id);
    expect(neighbour(all, a!.id, "down")).toBe(b!.id);
    expect(neighbour(all, b!.id, "down")).toBe(b!.id);
    expect(neighbour(all, b!.id, "right")).toBe(c!.id);
    expect(neighbour(all, c!.id, "right")).toBe(c!.id);
    expect(neighbour(all, c!.id, "left")).toBe(a!.id);
  });
});
