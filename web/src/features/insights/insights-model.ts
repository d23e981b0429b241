/** Pure: the days of a time, also those on which nothing ran. */
import type { Insights } from "~/api/types";

export interface Day {
  /** As the server names it: 2026-01-31, in UTC. */
  key: string;
  completed: number;
  failed: number;
  other: number;
  cost: number;
}

const DAY = 24 * 3600 * 1000;

const nameOf = (at: number) => new Date(at).toISOString().slice(0, 10);

/** Where a time of so many days begins that ends today. */
export function begin(days: number, now: number): string {
  return `${nameOf(now - (days - 1) * DAY)}T00:00:00.000Z`;
}

export function everyDay(groups: Insights["groups"], days: number, now: number): Day[] {
  const known = new Map(groups.map((group) => [group.key, group]));
  return Array.from({ length: days }, (_, index) => {
    const key = nameOf(now - (days - 1 - index) * DAY);
    const { runs = 0, completed = 0, failed = 0, cost_usd: cost = 0 } = known.get(key) ?? {};
    return { key, completed, failed, other: runs - completed - failed, cost };
  });
}
