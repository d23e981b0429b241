import { describe, expect, it } from "vitest";
import type { Definition, Run } from "~/api/types";
import { columns, counts, fits, neighbour } from "./board-model";

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
