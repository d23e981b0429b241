import { describe, expect, it } from "vitest";
import type { Step } from "~/api/types";
import { begunAfter } from "./graph-model";

const step = (id: string, from: number | null, to: number | null) => {
  const at = (second: number | null) => (second === null ? null : `2026-01-01T00:00:${String(second).padStart(2, "0")}.000Z`);
  return { step_id: id, started_at: at(from), completed_at: at(to) } as Step;
};

const pairs = (steps: Step[]) => begunAfter(steps).map(([from, to]) => `${from}>${to}`);

describe("the steps of a program", () => {
  it("come after each other when they began after each other", () => {
    expect(pairs([step("a", 0, 2), step("b", 2, 4), step("c", 5, null)])).toEqual(["a>b", "b>c"]);
  });

  it("stand beside each other when they ran together", () => {
    const steps = [step("plan", 0, 1), step("left", 1, 5), step("right", 1, 4), step("join", 5, 6)];
    expect(pairs(steps)).toEqual(["plan>left", "plan>right", "right>join", "left>join"]);
  });

  it("are joined to nothing before they have begun", () => {
    expect(pairs([step("a", 0, 1), step("b", null, null)])).toEqual([]);
  });
});
