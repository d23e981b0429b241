/** Pure: how a definition's runs went, from its own figures or from the runs that are known. */
import type { Definition, Run } from "~/api/types";

export interface Figures {
  history: { kind: "done" | "failed" | "cancelled" | "open"; height: number }[];
  rate: number | null;
  median: number | null;
  cost: number | null;
  running: number;
  last: string | null;
}

const SHOWN = 12;

function middle(values: number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? null : sorted[Math.floor(sorted.length / 2)]!;
}

export function figures(definition: Definition, all: Run[]): Figures {
  const runs = all.filter((run) => run.workflow_definition.key === definition.key).sort((a, b) => b.number - a.number);
  const length = (run: Run) => (run.started_at && run.completed_at ? Date.parse(run.completed_at) - Date.parse(run.started_at) : 0);
  const completed = runs.filter((run) => run.status === "completed");
  const ended = runs.filter((run) => run.status === "completed" || run.status === "failed");
  const shown = runs.slice(0, SHOWN).reverse();
  const longest = Math.max(1, ...shown.map(length));
  const kind = (run: Run) =>
    run.status === "completed" ? "done" : run.status === "failed" ? "failed" : run.status === "cancelled" ? "cancelled" : ("open" as const);
  const stats = definition.stats;
  const costs = completed.map((run) => run.cost_usd).filter((cost): cost is number => cost !== null && cost > 0);
  return {
    history: shown.map((run) => ({ kind: kind(run), height: 35 + Math.round((length(run) / longest) * 65) })),
    rate: stats?.success_rate ?? (ended.length === 0 ? null : completed.length / ended.length),
    median: stats?.median_ms ?? middle(completed.map(length).filter((ms) => ms > 0)),
    cost: stats?.median_cost_usd ?? middle(costs),
    running: runs.filter((run) => run.status === "running" || run.status === "pending").length,
    last: runs[0]?.created_at ?? null,
  };
}
