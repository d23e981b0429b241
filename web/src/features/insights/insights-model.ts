/** Pure: figures of many runs: by day, by definition, by agent, and what they waited for. */
import type { Run } from "~/api/types";

export interface Group {
  key: string;
  label: string;
  runs: number;
  completed: number;
  failed: number;
  medianMs: number | null;
  slowMs: number | null;
  cost: number;
  tokens: number;
}

export interface Day {
  at: number;
  completed: number;
  failed: number;
  other: number;
  cost: number;
}

export interface Insights {
  runs: number;
  rate: number | null;
  medianMs: number | null;
  cost: number;
  tokens: number;
  days: Day[];
  definitions: Group[];
  agents: Group[];
  waits: { key: string; ms: number }[];
}

const DAY = 24 * 3600 * 1000;

export function quantile(values: number[], q: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

const length = (from: string | null, to: string | null) => (from && to ? Math.max(0, Date.parse(to) - Date.parse(from)) : 0);

export function insights(all: Run[], days: number, now: number): Insights {
  const runs = all.filter((run) => now - Date.parse(run.created_at) < days * DAY);
  const ended = runs.filter((run) => run.status === "completed" || run.status === "failed");
  const completed = runs.filter((run) => run.status === "completed");
  return {
    runs: runs.length,
    rate: ended.length === 0 ? null : completed.length / ended.length,
    medianMs: quantile(completed.map((run) => length(run.started_at, run.completed_at)), 0.5),
    cost: runs.reduce((sum, run) => sum + (run.cost_usd ?? 0), 0),
    tokens: runs.reduce((sum, run) => sum + run.usage.input + run.usage.output, 0),
    days: perDay(runs, days, now),
    definitions: byDefinition(runs),
    agents: byAgent(runs),
    waits: waits(runs, now),
  };
}

function perDay(runs: Run[], days: number, now: number): Day[] {
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  return Array.from({ length: days }, (_, index) => {
    const from = new Date(midnight);
    from.setDate(from.getDate() - (days - 1 - index));
    const to = new Date(from);
    to.setDate(to.getDate() + 1);
    const own = runs.filter((run) => {
      const at = Date.parse(run.created_at);
      return at >= from.getTime() && at < to.getTime();
    });
    const completed = own.filter((run) => run.status === "completed").length;
    const failed = own.filter((run) => run.status === "failed").length;
    return { at: from.getTime(), completed, failed, other: own.length - completed - failed, cost: own.reduce((sum, run) => sum + (run.cost_usd ?? 0), 0) };
  });
}

function group(key: string, label: string, runs: Run[]): Group {
  const times = runs.filter((run) => run.status === "completed").map((run) => length(run.started_at, run.completed_at));
  return {
    key,
    label,
    runs: runs.length,
    completed: runs.filter((run) => run.status === "completed").length,
    failed: runs.filter((run) => run.status === "failed").length,
    medianMs: quantile(times, 0.5),
    slowMs: quantile(times, 0.9),
    cost: runs.reduce((sum, run) => sum + (run.cost_usd ?? 0), 0),
    tokens: runs.reduce((sum, run) => sum + run.usage.input + run.usage.output, 0),
  };
}

function byDefinition(runs: Run[]): Group[] {
  const groups = new Map<string, Run[]>();
  for (const run of runs) groups.set(run.workflow_definition.key, [...(groups.get(run.workflow_definition.key) ?? []), run]);
  return [...groups].map(([key, own]) => group(key, own[0]!.workflow_definition.name, own)).sort((a, b) => b.runs - a.runs);
}

/** By agent it is steps that are counted: a run may have several agents. */
function byAgent(runs: Run[]): Group[] {
  const groups = new Map<string, Group & { times: number[] }>();
  for (const step of runs.flatMap((run) => run.steps)) {
    const { session } = step;
    if (!session?.agent || !step.started_at) continue;
    const key = session.model ? `${session.agent} ${session.model}` : session.agent;
    const found = groups.get(key) ?? { key, label: key, runs: 0, completed: 0, failed: 0, medianMs: null, slowMs: null, cost: 0, tokens: 0, times: [] };
    found.runs += 1;
    if (step.status === "completed") found.completed += 1;
    if (step.status === "failed") found.failed += 1;
    found.cost += session.cost_usd ?? 0;
    found.tokens += session.usage.input + session.usage.output;
    if (step.completed_at) found.times.push(length(step.started_at, step.completed_at));
    groups.set(key, found);
  }
  return [...groups.values()]
    .map(({ times, ...rest }) => ({ ...rest, medianMs: quantile(times, 0.5), slowMs: quantile(times, 0.9) }))
    .sort((a, b) => b.runs - a.runs);
}

/** For what runs waited: approvals and timers from their steps, what waits now from its reason. */
function waits(runs: Run[], now: number): { key: string; ms: number }[] {
  const found = new Map<string, number>();
  const add = (key: string, ms: number) => ms > 0 && found.set(key, (found.get(key) ?? 0) + ms);
  for (const run of runs) {
    for (const step of run.steps) {
      if (!step.started_at) continue;
      const ms = length(step.started_at, step.completed_at ?? (step.status === "running" ? new Date(now).toISOString() : null));
      if (step.type === "approval") add("approval", ms);
      else if (step.type === "wait") add("timer", ms);
      else if (step.waiting) add(step.waiting.reason, now - Date.parse(step.waiting.since));
    }
    if (run.paused_at) add("paused", now - Date.parse(run.paused_at));
    if (run.waiting?.reason === "concurrency") add("concurrency", now - Date.parse(run.waiting.since));
  }
  return [...found].map(([key, ms]) => ({ key, ms })).sort((a, b) => b.ms - a.ms);
}
