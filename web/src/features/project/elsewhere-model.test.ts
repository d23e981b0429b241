import { describe, expect, it } from "vitest";
import type { Run, Told } from "~/api/types";
import { mayNeed, withRun } from "./elsewhere-model";

const told = (type: string, data: object = {}): Told => ({ type, data: data as Record<string, unknown>, ts: "2026-01-01T00:00:00Z" });
const waiting = (reason: string) => told("workflow.run.waiting", { waiting: { reason } });
const asked = (answered: boolean) => told("workflow.step.session", { session: { questions: [{ answered }] } });

describe("a run of another project", () => {
  it("is looked at when it may begin to need a person", () => {
    expect([waiting("approval"), waiting("question"), asked(false), told("workflow.step.started")].map((each) => mayNeed(each, false))).toEqual([true, true, true, true]);
    expect([waiting("timer"), asked(true), told("workflow.step.completed"), told("message:new"), told("workflow.step.activity")].map((each) => mayNeed(each, false))).toEqual([false, false, false, false, false]);
  });

  it("is looked at after all that may end that, once it needs one", () => {
    expect([told("workflow.run.waiting", { waiting: null }), asked(true), told("workflow.step.completed"), told("workflow.execution.status_changed")].map((each) => mayNeed(each, true))).toEqual([true, true, true, true]);
    expect(mayNeed(told("workflow.step.activity"), true)).toBe(false);
  });

  it("is counted as long as it needs one", () => {
    const run = (id: string, reason: string | null) => ({ id, status: "running", cancel_requested_at: null, steps: [{ id: "s", name: "Ok", status: "running", session: null, waiting: reason && { reason, since: "2026-01-01T00:00:00Z", until: null } }] }) as unknown as Run;
    const one = withRun([], "a", run("a", "approval"));
    expect(one.map((each) => each.id)).toEqual(["a"]);
    expect(withRun(one, "a", run("a", "approval"))).toHaveLength(1);
    expect(withRun(one, "a", run("a", null))).toEqual([]);
    expect(withRun(one, "a", null)).toEqual([]);
    expect(withRun(one, "b", run("b", "timer"))).toEqual(one);
  });
});
