import { describe, expect, it } from "vitest";
import type { Run } from "~/api/types";
import { checkpointBefore, foldedAtFirst, shownRows, ticks, timeline, union } from "./timeline-model";

const second = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();
const attempt = (number: number, from: number, to: number | null, status: string) => ({ id: `a${number}`, number, cause: number === 1 ? "first" : "retry", status, error: null, exit_code: null, started_at: second(from), ended_at: to === null ? null : second(to) });
const run = {
  status: "completed",
  created_at: second(0),
  completed_at: second(60),
  progress: { ended: 2, known: 2 },
  workflow_definition: { phase_labels: { build: "Build" } },
  steps: [
    { id: "1", step_id: "a", name: "A", phase: "build", type: "script", status: "completed", started_at: second(0), completed_at: second(30), waiting: null, session: null, attempts: [attempt(1, 0, 10, "failed"), attempt(2, 20, 30, "completed")] },
    { id: "2", step_id: "ok", name: "OK", phase: "build", type: "approval", status: "completed", started_at: second(30), completed_at: second(50), waiting: null, session: null, attempts: [] },
  ],
} as unknown as Run;

describe("a run in time", () => {
  it("has attempts and the waits between them as bars, phases as bands", () => {
    const model = timeline(run, [], 0);
    expect(model.rows.map((row) => row.kind)).toEqual(["phase", "step", "step"]);
    const first = model.rows[1]!;
    expect(first.kind === "step" && first.bars.map((bar) => bar.kind)).toEqual(["fail", "retry", "done"]);
  });

  it("draws what is to come within the time that it usually takes, side by side what waits for the same", () => {
    const coming = (id: string, needs: string[]) => ({ id, step_id: id, name: id, phase: "build", type: "agent", agent: "codex", status: "pending", started_at: null, completed_at: null, waiting: null, session: null, attempts: [], needs });
    const going = { ...run, status: "running", completed_at: null, progress: { ended: 1, known: 5, estimate_ms: 60_000 }, steps: [{ ...run.steps[0]!, status: "running", completed_at: null, attempts: [attempt(1, 0, null, "running")] }, coming("x", ["a"]), coming("y", ["a"]), coming("z", ["x", "y"])] } as unknown as Run;
    const plan = (model: ReturnType<typeof timeline>) => model.rows.flatMap((row) => (row.kind === "step" && row.bars[0]?.kind === "plan" ? [[row.step.step_id, (row.bars[0].from - model.from) / 1000, (row.bars[0].to - model.from) / 1000]] : []));
    const now = Date.parse(second(30));
    expect(plan(timeline(going, [], now))).toEqual([["x", 40, 50], ["y", 40, 50], ["z", 50, 60]]);
    // Nobody knows how long one takes that is late.
    expect(plan(timeline(going, [], Date.parse(second(61))))).toEqual([]);
    expect(timeline(going, [], now).reasons.find((reason) => reason.key === "work")?.ms).toBe(30_000);
  });

  it("marks checkpoints at their step, and knows the one before a step", () => {
    const kept = { ...run, checkpoints: [{ number: 1, step_id: "a", created_at: second(30) }, { number: 2, step_id: "ok", created_at: second(50) }] } as unknown as Run;
    const marks = timeline(kept, [], 0).rows.map((row) => (row.kind === "step" ? row.checkpoints.length : 0));
    expect(marks).toEqual([0, 1, 1]);
    expect(checkpointBefore(kept, kept.steps[1]!)?.number).toBe(1);
    expect(checkpointBefore(kept, kept.steps[0]!)).toBeUndefined();
  });

  it("says where the time went, each second once", () => {
    const events = [
      { at: second(50), type: "run_paused", data: {} },
      { at: second(58), type: "run_resumed", data: {} },
    ];
    const model = timeline(run, events, 0);
    expect(Object.fromEntries(model.reasons.map((reason) => [reason.key, reason.ms / 1000]))).toEqual({ work: 20, you: 20, limit: 0, retry: 10, paused: 8 });
    expect(union([{ from: 5, to: 9 }, { from: 0, to: 6 }])).toEqual([{ from: 0, to: 9 }]);
  });

  it("marks round times that do not crowd", () => {
    const marks = ticks(Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1, 1), 800);
    expect(marks.length).toBeGreaterThan(3);
    expect(marks.length).toBeLessThan(12);
  });

  it("of many steps shows what is not over, folds the rest by phase, and finds a step wherever it is", () => {
    const many = {
      ...run,
      status: "running",
      completed_at: null,
      steps: Array.from({ length: 60 }, (_, n) => ({ ...run.steps[0]!, id: `s${n}`, step_id: `s${n}`, name: `Part ${n}`, phase: n < 50 ? "build" : "ship", status: n < 50 ? "completed" : "running" })),
    } as unknown as Run;
    const { rows } = timeline(many, [], Date.UTC(2026, 0, 1, 0, 2));
    const folded = foldedAtFirst(rows);
    const shown = shownRows(rows, folded, "");
    expect(shown.map((row) => row.kind === "phase" && `${row.label} ${row.done}/${row.steps}`).filter(Boolean)).toEqual(["Build 50/50", "Ship 0/10"]);
    expect(shown.length).toBe(12);
    expect(shownRows(rows, new Set(), "").length).toBe(62);
    expect(shownRows(rows, folded, "part 49").map((row) => (row.kind === "phase" ? row.label : row.step.name))).toEqual(["Build", "Part 49"]);
    expect(shownRows(rows, folded, "nothing")).toEqual([]);
  });
});
