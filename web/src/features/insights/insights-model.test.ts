import { describe, expect, it } from "vitest";
import type { Insights } from "~/api/types";
import { begin, everyDay } from "./insights-model";

const now = Date.parse("2026-03-02T00:30:00Z");
const sums = { cancelled: 0, median_ms: null, p90_ms: null, success_rate: null, tokens: 0 };

describe("the days of a time", () => {
  it("have their figures, also where nothing ran", () => {
    const groups: Insights["groups"] = [{ ...sums, key: "2026-03-01", label: "2026-03-01", runs: 5, completed: 3, failed: 1, cost_usd: 1.5 }];
    expect(everyDay(groups, 3, now)).toEqual([
      { key: "2026-02-28", completed: 0, failed: 0, other: 0, cost: 0 },
      { key: "2026-03-01", completed: 3, failed: 1, other: 1, cost: 1.5 },
      { key: "2026-03-02", completed: 0, failed: 0, other: 0, cost: 0 },
    ]);
  });

  it("begin at midnight, as the server counts them", () => {
    expect(begin(7, now)).toBe("2026-02-24T00:00:00.000Z");
  });
});
