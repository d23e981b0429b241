import { describe, expect, it } from "vitest";
import type { ActivityRow, Message, Step } from "~/api/types";
import { sessions, summary, thread } from "./thread-model";

const step = { step_id: "plan", name: "Plan", attempt: 1, started_at: "2026-01-01T00:00:00.000Z", session: { agent: "claude" } } as unknown as Step;
const message = (id: number, type: Message["message_type"], content: string, second: number, more: Partial<Message> = {}) =>
  ({ id, message_type: type, content, created_at: `2026-01-01T00:00:${String(second).padStart(2, "0")}.000Z`, step_id: null, metadata: null, agent_type: null, action_type: "comment", action_status: "processed", ...more }) as Message;
const row = (offset: number, second: number, activity: unknown) => ({ attempt: "att_1", offset, at: `2026-01-01T00:00:${String(second).padStart(2, "0")}.000Z`, parent: null, activity }) as ActivityRow;

describe("the thread", () => {
  it("has messages and sessions in the order of time, what was done folded", () => {
    const items = thread(
      [message(1, "user", "Use cookies", 3), message(2, "system", "Workflow paused", 9)],
      [
        {
          step,
          attempt: 1,
          rows: [
            row(0, 1, { kind: "tool_use", id: "t1", tool: "read", status: "running", name: "Read", paths: ["a.ts"] }),
            row(1, 1, { kind: "tool_use", id: "t1", tool: "read", status: "success", name: "Read", paths: ["a.ts"] }),
            row(2, 2, { kind: "tool_use", id: "t2", tool: "execute", status: "failed", name: "Bash", command: "make", exit_code: 2 }),
            row(3, 5, { kind: "message", text: "Understood" }),
          ],
        },
      ],
    );
    expect(items.map((item) => item.kind)).toEqual(["tools", "message", "said", "message"]);
    const fold = items[0]!;
    expect(fold.kind === "tools" && fold.tools.map((tool) => tool.status)).toEqual(["success", "failed"]);
  });

  it("folds what agents say they do, unless their session says it better", () => {
    const said = [message(1, "agent", "Reading file: package.json", 1, { step_id: "plan" }), message(2, "agent", "Reading file: src/index.ts", 2, { step_id: "plan" })];
    const folded = thread(said, []);
    expect(folded.map((item) => item.kind)).toEqual(["comments"]);
    expect(thread(said, [{ step, attempt: 1, rows: [row(0, 1, { kind: "message", text: "Hi" })] }]).map((item) => item.kind)).toEqual(["said"]);
  });

  it("says how long a pause was, once it is over", () => {
    const says = (id: number, content: string, second: number) => message(id, "system", content, second);
    const lasted = (said: Message[]) => thread(said, []).map((item) => item.kind === "message" && item.lasted);
    const paused = says(1, "Workflow paused at user request", 1);
    expect(lasted([paused, message(2, "user", "More", 2), says(3, "Workflow paused for more than 1 d: it stays", 3)])).toEqual([undefined, undefined, undefined]);
    expect(lasted([paused, says(3, "Workflow paused for more than 1 d: it stays", 3), says(4, "Workflow resumed", 40), says(5, "Workflow resumed", 50)])).toEqual(["resumed 0:39 later", undefined, undefined, undefined]);
    expect(lasted([paused, says(4, "Workflow cancelled", 11)])[0]).toBe("cancelled 0:10 later");
  });

  it("says where the beginning of a very long session is", () => {
    const rows = Array.from({ length: 10_000 }, (_, n) => row(n, 1, { kind: "thinking", text: "hm" }));
    expect(thread([], [{ step, attempt: 1, rows }])[0]).toMatchObject({ kind: "system", isGap: true });
    expect(thread([], [{ step, attempt: 1, rows: rows.slice(1) }])).toEqual([]);
  });

  describe("of a step that was tried again", () => {
    const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, "0")}.000Z`;
    const again = {
      ...step,
      attempt: 2,
      attempts: [
        { number: 1, started_at: at(0), ended_at: at(10) },
        { number: 2, started_at: at(20), ended_at: null },
      ],
    } as unknown as Step;
    const first = { step: again, attempt: 1, rows: [row(0, 1, { kind: "message", text: "I begin" })] };
    const second = { step: again, attempt: 2, rows: [{ ...row(0, 21, { kind: "message", text: "I go on" }), attempt: "att_2" }] };
    const did = (id: number, second: number) => message(id, "agent", "Reading file: package.json", second, { step_id: "plan" });
    const words = (items: ReturnType<typeof thread>) => items.map((item) => (item.kind === "said" ? item.text : item.kind));

    it("has what both attempts did, in order", () => {
      expect(words(thread([did(1, 2), message(2, "system", "Limit", 12), did(3, 22)], [second, first]))).toEqual(["I begin", "message", "I go on"]);
    });

    it("keeps the comments of an attempt whose session is not there", () => {
      expect(words(thread([did(1, 2), did(2, 22)], [second]))).toEqual(["comments", "I go on"]);
      expect(words(thread([did(1, 2), did(2, 22)], [first]))).toEqual(["I begin", "comments"]);
    });

    it("shows nothing of the first attempt as the second's", () => {
      const early = { ...second, rows: [...second.rows, { ...row(5, 1, { kind: "message", text: "I begin" }), attempt: "att_2" }] };
      expect(words(thread([], [first, early]))).toEqual(["I begin", "I go on"]);
    });

    it("asks for the newest attempts of all steps, and for one that has just begun", () => {
      const other = { ...step, step_id: "build", attempts: [{ number: 1, started_at: at(30), ended_at: null }] } as unknown as Step;
      const numbers = (most: number, steps: Step[]) => sessions(steps, most).map((each) => `${each.step.step_id} ${each.number}`);
      expect(numbers(9, [other, again])).toEqual(["plan 1", "plan 2", "build 1"]);
      expect(numbers(2, [other, again])).toEqual(["plan 2", "build 1"]);
      expect(numbers(9, [{ ...again, attempt: 3 }])).toEqual(["plan 1", "plan 2", "plan 3"]);
      expect(numbers(9, [{ ...again, session: null, agent: "claude" }])).toEqual([]);
    });
  });

  it("counts what was done in words", () => {
    const tool = (kind: string, status = "success") => ({ kind: "tool_use", tool: kind, status }) as never;
    expect(summary([tool("read"), tool("read"), tool("edit"), tool("execute", "failed")])).toEqual({ title: "4 actions", text: "2 reads, 1 edit, 1 command (1 failed)" });
  });
});
