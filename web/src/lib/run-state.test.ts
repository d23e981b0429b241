import { describe, expect, it } from "vitest";
import type { Run } from "~/api/types";
import { barWords, estimateWords } from "./run-state";

const at = (minute: number) => `2026-01-01T10:${String(minute).padStart(2, "0")}:00.000Z`;
const now = (minute: number) => Date.parse(at(minute));
const run = (more: object) =>
  ({ status: "running", created_at: at(0), started_at: at(0), completed_at: null, cancel_requested_at: null, progress: { ended: 4, known: 8, ratio: 0.5, estimate_ms: 600_000 }, steps: [], ...more }) as unknown as Run;
const asking = { steps: [{ id: "s", name: "Ok", status: "running", session: null, waiting: { reason: "approval", since: at(4), until: null, detail: null } }] };

describe("how long a run will take yet", () => {
  it("is said with how far it is", () => {
    expect(barWords(run({}), now(3))).toBe("4 of 8 steps, about 7 min left");
    expect(barWords(run({}), now(12))).toBe("4 of 8 steps, longer than usual");
  });

  it("does not count the time that it waits for a person, nor call that long", () => {
    expect(barWords(run(asking), now(50))).toBe("4 of 8 steps, about 6 min after your answer");
    expect(estimateWords(run({ ...asking, progress: { ended: 4, known: 8, ratio: 0.5, estimate_ms: 60_000 } }), now(50))).toBeNull();
  });

  it("is not said without history, or of a run that is over", () => {
    expect(barWords(run({ progress: { ended: 1, known: 1, ratio: 1, estimate_ms: null } }), now(3))).toBe("1 of 1 step");
    expect(estimateWords(run({ status: "completed" }), now(3))).toBeNull();
  });
});
