/** Pure: which runs stand in which column, in which order, and where the arrow keys lead. */
import type { Definition, Insights, Run } from "~/api/types";
import { phaseLabel } from "~/lib/format";
import { asks, runBadge } from "~/lib/run-state";

export type Show = "all" | "needs" | "running" | "waiting" | "failed" | "paused";

export interface Column {
  key: string;
  label: string;
  runs: Run[];
}

export interface Filter {
  definition: string | undefined;
  q: string;
  show: Show;
}

export function showOf(run: Run, now: number): Show {
  switch (runBadge(run, now).state) {
    case "needs":
      return "needs";
    case "failed":
      return "failed";
    case "paused":
    case "pausing":
      return "paused";
    case "waiting":
    case "retry":
    case "queued":
      return "waiting";
    default:
      return "running";
  }
}

export function fits(run: Run, filter: Filter, now: number): boolean {
  if (filter.definition && run.workflow_definition.key !== filter.definition) return false;
  if (filter.show !== "all" && (run.status === "completed" || run.status === "cancelled" || showOf(run, now) !== filter.show)) return false;
  const words = filter.q.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = `${run.name} ${run.number} ${run.id} ${run.workflow_definition.name} ${run.current_phase ?? ""} ${run.status} ${run.error_message ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The server looks for one piece of text; of what has it, `fits` keeps what has the other words too. */
export function longestWord(q: string): string {
  return q.trim().split(/\s+/).reduce((longest, word) => (word.length > longest.length ? word : longest), "");
}

export const isChild = (run: Run): boolean => !!run.parent_step_id;

/** The numbers of the runs that others come from. */
export function numbersOf(runs: Run[]): Map<string, number> {
  const wanted = new Set(runs.flatMap((run) => (run.parent_run_id ? [run.parent_run_id] : [])));
  return new Map(runs.filter((run) => wanted.has(run.id)).map((run) => [run.id, run.number]));
}

/** Whose child or fork a run is, in words; null of one that stands alone. */
export function family(run: Run, numbers: Map<string, number>): string | null {
  if (!run.parent_run_id) return null;
  const number = numbers.get(run.parent_run_id);
  const parent = number === undefined ? "another run" : `#${number}`;
  return isChild(run) ? `in ${parent}` : `fork of ${parent}`;
}

/** What the board knows, and what was found beyond it; of a run that is in both, the board knows more. */
export function withFound(runs: Run[], found: Run[] | undefined): Run[] {
  if (!found || found.length === 0) return runs;
  const known = new Set(runs.map((run) => run.id));
  const others = found.filter((run) => !known.has(run.id));
  return others.length === 0 ? runs : [...runs, ...others];
}

/** Needs-you first, then failed, then the newest. */
export function byUrgency(a: Run, b: Run): number {
  const rank = (run: Run) => (asks(run).length > 0 ? 0 : run.status === "failed" ? 1 : 2);
  return rank(a) - rank(b) || b.number - a.number;
}

const STATUSES: { key: string; label: string; has: (run: Run) => boolean }[] = [
  { key: "pending", label: "Queued", has: (run) => run.status === "pending" },
  { key: "running", label: "Running", has: (run) => run.status === "running" },
  { key: "paused", label: "Paused", has: (run) => run.status === "paused" },
  { key: "failed", label: "Failed", has: (run) => run.status === "failed" },
];

const isFinished = (run: Run) => run.status === "completed" || run.status === "cancelled";

/** Columns are the phases of the chosen definition; without one, the statuses. Finished runs leave for the last. */
export function columns(runs: Run[], definition: Definition | undefined): Column[] {
  const finished = runs.filter(isFinished).sort((a, b) => (b.completed_at ?? "").localeCompare(a.completed_at ?? "") || b.number - a.number);
  const last: Column = { key: "finished", label: "Finished", runs: finished };
  const open = runs.filter((run) => !isFinished(run));
  if (!definition) {
    return [...STATUSES.map((each) => ({ key: each.key, label: each.label, runs: open.filter(each.has).sort(byUrgency) })), last];
  }
  const phases = definition.phases.length > 0 ? definition.phases : ["steps"];
  const place = (run: Run) => {
    // Runs keep the phases they started with; a phase that is gone stands where its neighbours do.
    const phase = run.current_phase ?? run.steps.findLast((step) => step.status === "failed")?.phase ?? run.workflow_definition.phases[0] ?? "";
    const at = phases.indexOf(phase);
    return at >= 0 ? at : 0;
  };
  return [
    ...phases.map((phase, index) => ({
      key: phase,
      label: phaseLabel(phase, definition.phase_labels),
      runs: open.filter((run) => place(run) === index).sort(byUrgency),
    })),
    last,
  ];
}

export interface Counts {
  needs: number;
  running: number;
  waiting: number;
  paused: number;
  failed: number;
  open: number;
}

export function counts(runs: Run[], now: number): Counts {
  const found: Counts = { needs: 0, running: 0, waiting: 0, paused: 0, failed: 0, open: 0 };
  for (const run of runs) {
    if (isFinished(run)) continue;
    found.open += 1;
    const show = showOf(run, now);
    if (show !== "all") found[show] += 1;
  }
  return found;
}

export type Direction = "up" | "down" | "left" | "right";

/** The run that this key leads to. Empty columns are stepped over. */
export function neighbour(all: Column[], from: string | null, direction: Direction): string | null {
  const column = all.findIndex((each) => each.runs.some((run) => run.id === from));
  if (column < 0) return all.find((each) => each.runs.length > 0)?.runs[0]?.id ?? null;
  const runs = all[column]!.runs;
  const row = runs.findIndex((run) => run.id === from);
  if (direction === "up" || direction === "down") return runs[row + (direction === "down" ? 1 : -1)]?.id ?? from;
  const step = direction === "right" ? 1 : -1;
  for (let next = column + step; next >= 0 && next < all.length; next += step) {
    const beside = all[next]!.runs;
    if (beside.length > 0) return beside[Math.min(row, beside.length - 1)]!.id;
  }
  return from;
}

export interface Lately {
  runs: number;
  rate: number | null;
  median: number | null;
  tokens: number;
  /** What was spent today, in dollars. */
  today: number;
}

/**
 * The figures of the last days, from all runs. Today's cost is that of the rows, which are newer, unless rows of today
 * are not among them.
 */
export function lately(insights: Insights, runs: Run[], hasOlder: boolean, now: number): Lately {
  const day = new Date(now).toDateString();
  const isOfToday = (run: Run) => new Date(run.created_at).toDateString() === day;
  const isWhole = !hasOlder || runs.some((run) => isFinished(run) && !isOfToday(run));
  const known = runs.filter(isOfToday).reduce((sum, run) => sum + (run.cost_usd ?? 0), 0);
  const told = insights.groups.find((group) => group.key === new Date(now).toISOString().slice(0, 10))?.cost_usd ?? 0;
  return { runs: insights.runs, rate: insights.success_rate, median: insights.median_ms, tokens: insights.tokens, today: isWhole ? known : Math.max(known, told) };
}
