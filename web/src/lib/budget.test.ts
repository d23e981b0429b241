import { describe, expect, it } from "vitest";
import type { Run } from "~/api/types";
import { runningTime, spent } from "./budget";

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const NOW = Date.parse(at(60));
const step = (type: string, ...spans: [number, number | null][]) => ({ type, attempts: spans.map(([from, to]) => ({ started_at: at(from), ended_at: to === null ? null : at(to) })) });
const run = (more: object) => ({ steps: [], budget: null, cost_usd: null, cost_is_estimate: false, usage: { input: 0, output: 0 }, ...more }) as unknown as Run;

describe("a budget", () => {
  it("of minutes counts what ran at the same time once, and neither waits nor approvals", () => {
    const steps = [step("agent", [0, 10], [20, 25]), step("script", [5, 15]), step("approval", [25, 50]), step("wait", [0, 60]), step("function", [55, null])];
    expect(runningTime(run({ steps }), NOW) / 60_000).toBe(25);
  });

  it("says of each kind how much of it is used, and no more than all of it", () => {
    const found = spent(run({ budget: { usd: 5, tokens: 2_000_000, minutes: 20 }, cost_usd: 6, cost_is_estimate: true, usage: { input: 400_000, output: 12_000 }, steps: [step("script", [0, 5])] }), NOW);
    expect(found.map((each) => `${each.used} of ${each.of}`)).toEqual(["≈ $6.00 of $5.00", "412k of 2M tokens", "5 of 20 min"]);
    expect(found.map((each) => each.share)).toEqual([1, 0.206, 0.25]);
    expect(spent(run({}), NOW)).toEqual([]);
  });
});
