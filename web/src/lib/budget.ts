/** Pure: what a run has used of its budgets. */
import type { Run } from "~/api/types";
import { count, money } from "./format";

export interface Spent {
  kind: "usd" | "tokens" | "minutes";
  used: string;
  /** Of how much, in words. */
  of: string;
  /** 0 to 1, also where it has been granted again. */
  share: number;
}

const PROCESSES = new Set(["agent", "script", "function"]);

/** How long processes of a run have run, in milliseconds: at the same time counts once. Attempts are known of whole runs only. */
export function runningTime(run: Run, now: number): number {
  const spans = run.steps
    .filter((step) => PROCESSES.has(step.type))
    .flatMap((step) => (step.attempts ?? []).map((attempt) => [Date.parse(attempt.started_at), attempt.ended_at ? Date.parse(attempt.ended_at) : now] as const))
    .sort((a, b) => a[0] - b[0]);
  let sum = 0;
  let until = -Infinity;
  for (const [from, to] of spans) {
    sum += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}

export function spent(run: Run, now: number): Spent[] {
  const { usd, tokens, minutes } = run.budget ?? {};
  const found: Spent[] = [];
  const add = (kind: Spent["kind"], used: string, of: string, share: number) => found.push({ kind, used, of, share: Math.min(1, share) });
  if (usd) add("usd", `${run.cost_is_estimate && run.cost_usd ? "≈ " : ""}${money(run.cost_usd ?? 0)}`, money(usd), (run.cost_usd ?? 0) / usd);
  if (tokens) {
    const used = run.usage.input + run.usage.output;
    add("tokens", count(used), `${count(tokens)} tokens`, used / tokens);
  }
  if (minutes) {
    const used = runningTime(run, now) / 60_000;
    add("minutes", String(Math.floor(used)), `${minutes} min`, used / minutes);
  }
  return found;
}
