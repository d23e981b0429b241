import { describe, expect, it } from "vitest";
import type { Run, Step } from "~/api/types";
import { hasMore, isOpenAtFirst, linesOf } from "./overview-model";
import { railRows } from "./steps-rail";

const todos = [
  { content: "Read", active_form: "Reading", status: "completed" },
  { content: "Write", active_form: "Writing", status: "in_progress" },
];
const step = (id: string, more: object = {}) => ({ id, step_id: id, name: id, phase: "work", status: "running", attempt: 1, attempts: [], session: null, parent_step_id: undefined, started_at: null, completed_at: null, ...more }) as unknown as Step;
const run = (steps: Step[]) => ({ status: "running", steps, workflow_definition: { phase_labels: {} } }) as unknown as Run;

describe("the overview", () => {
  const agent = step("agent", { session: { todos, questions: [] } });
  const loop = step("loop");
  const item = step("loop.0", { parent_step_id: "loop", session: { todos, questions: [] } });

  it("has todos below the step or item whose agent wrote them, once it is unfolded", () => {
    const kinds = (open: string[]) => linesOf(run([agent, loop, item]), new Set(open)).map((line) => (line.kind === "phase" ? line.label : `${line.kind} ${line.step.id}`));
    expect(kinds([])).toEqual(["Work", "step agent", "step loop"]);
    expect(kinds(["agent", "loop", "loop.0"])).toEqual(["Work", "step agent", "todos agent", "step loop", "step loop.0", "todos loop.0"]);
    expect(hasMore(agent, 0)).toBe(true);
    expect(hasMore(step("none"), 0)).toBe(false);
  });

  it("begins with what an agent is at unfolded, not with what is over", () => {
    expect(isOpenAtFirst(agent)).toBe(true);
    expect(isOpenAtFirst(step("over", { status: "completed", session: { todos } }))).toBe(false);
  });
});

describe("the rail", () => {
  const texts = (steps: Step[]) => railRows(run(steps)).flatMap((row) => (row.kind === "kid" ? [row.text] : []));

  it("names the todos of a step at work, and counts those of one that has ended", () => {
    expect(texts([step("a", { session: { todos, questions: [] } })])).toEqual(["Read", "Writing"]);
    expect(texts([step("a", { status: "completed", session: { todos: [todos[0]], questions: [] } })])).toEqual(["1 todo done"]);
    expect(texts([step("a", { status: "failed", session: { todos, questions: [] } })])).toEqual(["1 of 2 todos done"]);
  });
});
