import { describe, expect, it } from "vitest";
import type { ActivityRow, Message, Step } from "~/api/types";
import { summary, thread } from "./thread-model";

const step = { step_id: "plan", name: "Plan", started_at: "2026-01-01T00:00:00.000Z", session: { agent: "claude" } } as unknown as Step;
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
    expect(thread(said, [{ step, rows: [row(0, 1, { kind: "message", text: "Hi" })] }]).map((item) => item.kind)).toEqual(["said"]);
  });

  it("counts what was done in words", () => {
    const tool = (kind: string, status = "success") => ({ kind: "tool_use", tool: kind, status }) as never;
    expect(summary([tool("read"), tool("read"), tool("edit"), tool("execute", "failed")])).toEqual({ title: "4 actions", text: "2 reads, 1 edit, 1 command (1 failed)" });
  });
});
