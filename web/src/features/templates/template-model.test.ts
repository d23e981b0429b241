import { describe, expect, it } from "vitest";
import type { Definition } from "~/api/types";
import { statusBadge, usually } from "./template-model";

const stats = { runs: 9, completed: 8, failed: 1, cancelled: 0, success_rate: 0.888, median_ms: 38 * 60_000, median_cost_usd: 2.1, p90_ms: null, last_runs: [] } satisfies Definition["stats"];

describe("a template", () => {
  it("says in a line how it usually goes, and nothing that is not known", () => {
    expect(usually(stats)).toBe("89 % done, 38 min, $2.10");
    expect(usually({ ...stats, median_ms: null, median_cost_usd: null })).toBe("89 % done");
    expect(usually({ ...stats, success_rate: null, median_ms: null, median_cost_usd: null })).toBe("");
    expect(usually(null)).toBe("");
  });

  it("names the status of a last run as cards do", () => {
    expect(statusBadge("completed")).toEqual({ state: "done", words: "Done" });
    expect(statusBadge("pending").words).toBe("Queued");
  });
});
