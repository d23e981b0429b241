/** Pure: how a definition's runs went: the server's figures, and the newest runs as a picture. */
import type { Definition, Run, RunStatus } from "~/api/types";
import { duration, money } from "~/lib/format";
import type { BadgeState } from "~/lib/run-state";

export interface Figures {
  history: { kind: "done" | "failed" | "cancelled" | "open"; height: number }[];
  rate: number | null;
  median: number | null;
  cost: number | null;
  running: number;
  last: string | null;
}

const SHOWN = 12;

export function figures(definition: Definition, all: Run[]): Figures {
  const runs = all.filter((run) => run.workflow_definition.key === definition.key).sort((a, b) => b.number - a.number);
  const length = (run: Run) => (run.started_at && run.completed_at ? Date.parse(run.completed_at) - Date.parse(run.started_at) : 0);
  const shown = runs.slice(0, SHOWN).reverse();
  const longest = Math.max(1, ...shown.map(length));
  const kind = (run: Run) =>
    run.status === "completed" ? "done" : run.status === "failed" ? "failed" : run.status === "cancelled" ? "cancelled" : ("open" as const);
  const stats = definition.stats;
  return {
    history: shown.map((run) => ({ kind: kind(run), height: 35 + Math.round((length(run) / longest) * 65) })),
    rate: stats?.success_rate ?? null,
    median: stats?.median_ms ?? null,
    cost: stats?.median_cost_usd ?? null,
    running: runs.filter((run) => run.status === "running" || run.status === "pending").length,
    last: runs[0]?.created_at ?? stats?.last_runs[0]?.created_at ?? null,
  };
}

/** How it usually goes, in a line; empty when it has never run to an end. */
export function usually(stats: Definition["stats"]): string {
  if (!stats) return "";
  const parts = [
    stats.success_rate === null ? "" : `${Math.round(stats.success_rate * 100)} % done`,
    stats.median_ms === null ? "" : duration(stats.median_ms),
    stats.median_cost_usd === null ? "" : money(stats.median_cost_usd),
  ];
  return parts.filter(Boolean).join(", ");
}

const words = { pending: "Queued", running: "Running", paused: "Paused", completed: "Done", failed: "Failed", cancelled: "Cancelled" } as const;
const looks = { pending: "queued", running: "running", paused: "paused", completed: "done", failed: "failed", cancelled: "cancelled" } as const;

/** The badge of a run of which only its status is known. */
export function statusBadge(status: RunStatus): { state: BadgeState; words: string } {
  return { state: looks[status], words: words[status] };
}
