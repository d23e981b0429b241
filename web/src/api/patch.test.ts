import { describe, expect, it } from "vitest";
import { isWorthReading, patchRun, withActionStatus, withActivity, withLater, withMessage } from "./patch";
import type { ActivityRow, Message, Run, Told } from "./types";

const run = {
  id: "run_1",
  status: "running",
  pause_requested_at: null,
  cancel_requested_at: null,
  waiting: null,
  progress: { ended: 0, known: 2, ratio: 0 },
  unread: 0,
  _count: { comments: 0, artifacts: 0 },
  steps: [{ id: "step_1", status: "pending", started_at: null, completed_at: null, waiting: null, session: null }],
} as unknown as Run;

const told = (type: string, data: Record<string, unknown>): Told => ({ type, data, ts: "2026-01-01T00:00:00.000Z" });
const message = (id: number) => ({ id, content: String(id), action_status: "pending" }) as Message;

describe("what an event changes", () => {
  it("says pausing before it says paused", () => {
    const pausing = patchRun(run, told("workflow.execution.status_changed", { status: "running", pause_requested: true, cancel_requested: false }));
    expect(pausing.status).toBe("running");
    expect(pausing.pause_requested_at).not.toBeNull();
    const paused = patchRun(pausing, told("workflow.execution.status_changed", { status: "paused", pause_requested: false, cancel_requested: false }));
    expect(paused.status).toBe("paused");
    expect(paused.is_paused).toBe(true);
    const going = patchRun(paused, told("workflow.execution.status_changed", { status: "running", pause_requested: false, cancel_requested: false }));
    expect(going.pause_requested_at).toBeNull();
    expect(going.paused_at).toBeNull();
  });

  it("moves a step, and leaves other runs' steps alone", () => {
    const started = patchRun(run, told("workflow.step.started", { step_id: "step_1", status: "running" }));
    expect(started.steps[0]).toMatchObject({ status: "running", started_at: "2026-01-01T00:00:00.000Z" });
    expect(patchRun(run, told("workflow.step.started", { step_id: "step_9", status: "running" })).steps).toEqual(run.steps);
  });

  it("puts a step back that waits for nothing any more", () => {
    const started = patchRun(run, told("workflow.step.started", { step_id: "step_1", status: "running" }));
    const back = told("workflow.step.reset", { step_id: "step_1", status: "pending" });
    expect(patchRun(started, back).steps[0]).toMatchObject({ status: "pending", waiting: null, completed_at: null });
    expect(isWorthReading(back)).toBe(true);
  });

  it("counts what agents and Baton say as unread, and has what people say looked up", () => {
    const said = (type: Message["message_type"]) => told("message:new", { message: { ...message(1), message_type: type } });
    const after = [said("agent"), said("system"), said("user")].reduce(patchRun, run);
    expect(after.unread).toBe(2);
    expect(after._count.comments).toBe(3);
    expect([said("agent"), said("system"), said("user")].map(isWorthReading)).toEqual([false, false, true]);
  });

  it("changes nothing for an event it does not know", () => {
    expect(patchRun(run, told("workflow.later", {}))).toBe(run);
  });
});

describe("the thread", () => {
  it("takes a message once, in its place", () => {
    const thread = [message(1), message(5)];
    expect(withMessage(thread, message(5))).toBe(thread);
    expect(withMessage(thread, message(3)).map((said) => said.id)).toEqual([1, 3, 5]);
    expect(withMessage(thread, message(9)).map((said) => said.id)).toEqual([1, 5, 9]);
    expect(withActionStatus(thread, 5, "processed")[1]!.action_status).toBe("processed");
  });

  it("loses nothing that came while the thread was read", () => {
    const said = (id: number) => ({ id }) as Message;
    const ids = (thread: Message[]) => thread.map((each) => each.id);
    expect(ids(withLater([said(1), said(2)], [said(1), said(2), said(3)]))).toEqual([1, 2, 3]);
    expect(ids(withLater([said(1), said(2), said(4)], [said(1)]))).toEqual([1, 2, 4]);
    expect(ids(withLater([], undefined))).toEqual([]);
  });
});

describe("what a session did", () => {
  const row = (offset: number, at = "a", attempt = "att_1") => ({ attempt, offset, at }) as ActivityRow;
  const offsets = (rows: ActivityRow[]) => rows.map((each) => `${each.offset}${each.at}`);

  it("is taken once, in its place", () => {
    const rows = [row(0), row(20)];
    expect(withActivity(rows, row(20))).toBe(rows);
    expect(withActivity(rows, row(30, "a", "att_2"))).toBe(rows);
    expect(offsets(withActivity(rows, row(30)))).toEqual(["0a", "20a", "30a"]);
    expect(offsets(withActivity(rows, row(10)))).toEqual(["0a", "10a", "20a"]);
  });

  it("takes the place of what was read from the attempt before", () => {
    expect(offsets(withActivity([row(0), row(20)], row(0, "b")))).toEqual(["0b", "20a"]);
  });
});
