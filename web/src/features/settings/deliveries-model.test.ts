import { describe, expect, it } from "vitest";
import type { Delivery } from "~/api/types";
import { SOON, untilNext } from "./deliveries-model";

const NOW = Date.parse("2026-01-01T12:00:00.000Z");
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
const one = (state: Delivery["state"], next: number | null) => ({ state, next_attempt_at: next === null ? null : at(next), last_attempt_at: null, created_at: at(-3600) }) as Delivery;

describe("deliveries", () => {
  it("are not looked at again when none waits", () => {
    expect(untilNext(undefined, NOW)).toBe(false);
    expect(untilNext([one("delivered", null), one("failed", null)], NOW)).toBe(false);
  });

  it("are looked at once the next attempt is due", () => {
    expect(untilNext([one("waiting", 300), one("waiting", 60), one("delivered", 1)], NOW)).toBe(60_000 + SOON);
  });

  it("that are late are asked for ever less often: 100 times fewer than once a second within the first hour", () => {
    let late = 1;
    let asked = 0;
    while (late < 3600) {
      late += (untilNext([one("waiting", -late)], NOW) as number) / 1000;
      asked += 1;
    }
    expect(asked).toBeLessThan(36);
    expect(untilNext([one("waiting", null)], NOW)).toBe(3_600_000);
  });
});
