/** Pure: a run in time: phases as bands, steps as rows, attempts and waits as bars, and where the time went. */
import type { Checkpoint, Run, Step } from "~/api/types";
import { phaseLabel } from "~/lib/format";
import { stepState } from "~/lib/run-state";
import { agentName } from "~/ui/badge";

export type BarKind = "done" | "run" | "fail" | "need" | "answered" | "wait" | "retry" | "plan";

export interface Bar {
  kind: BarKind;
  from: number;
  to: number;
  text: string;
}

export type Row =
  | { kind: "phase"; key: string; label: string; from: number | null; to: number | null; steps: number; done: number; isEnded: boolean; isOver: boolean }
  | { kind: "step"; key: string; step: Step; bars: Bar[]; isItem: boolean; checkpoints: number[] };

export interface Pause {
  from: number;
  to: number;
}

export interface Reason {
  key: "work" | "you" | "limit" | "paused" | "retry";
  ms: number;
}

export interface Model {
  from: number;
  to: number;
  now: number;
  rows: Row[];
  pauses: Pause[];
  reasons: Reason[];
}

export interface JournalEvent {
  at: string;
  type: string;
  data: unknown;
}

const time = (iso: string) => Date.parse(iso);

export function timeline(run: Run, events: JournalEvent[], now: number): Model {
  const isOver = run.completed_at !== null;
  const from = time(run.created_at);
  const last = isOver ? time(run.completed_at!) : now;
  const estimate = run.progress.estimate_ms;
  const to = Math.max(last, !isOver && estimate ? from + estimate : 0, from + 1000);
  const rows = rowsOf(run, last);
  if (!isOver && estimate) addPlan(rows, last, from + estimate);
  const pauses = pausesOf(events, last);
  return { from, to, now: isOver ? to : now, rows, pauses, reasons: reasons(rows, pauses) };
}

function rowsOf(run: Run, now: number): Row[] {
  const labels = run.workflow_definition.phase_labels ?? {};
  const rows: Row[] = [];
  const taken = new Map<string, number[]>();
  for (const { step_id: key, created_at: at } of run.checkpoints ?? []) taken.set(key, [...(taken.get(key) ?? []), time(at)]);
  let phase: string | null | undefined;
  for (const step of run.steps) {
    if (step.phase && step.phase !== phase && !step.parent_step_id) {
      const own = run.steps.filter((each) => each.phase === step.phase && each.started_at);
      const begins = own.map((each) => time(each.started_at!));
      const ends = own.map((each) => (each.completed_at ? time(each.completed_at) : now));
      rows.push({
        kind: "phase",
        key: `phase-${step.phase}-${rows.length}`,
        label: phaseLabel(step.phase, labels),
        from: begins.length > 0 ? Math.min(...begins) : null,
        to: ends.length > 0 ? Math.max(...ends) : null,
        ...tally(run.steps.filter((each) => each.phase === step.phase && !each.parent_step_id)),
      });
    }
    if (!step.parent_step_id) phase = step.phase;
    rows.push({ kind: "step", key: step.id, step, bars: bars(step, now), isItem: step.parent_step_id !== undefined, checkpoints: taken.get(step.step_id) ?? [] });
  }
  return rows;
}

/**
 * What is to come, within what the run usually takes. How long each step takes is not known: those that wait for the
 * same share alike, what is at work counts as one of them.
 */
function addPlan(rows: Row[], now: number, until: number): void {
  const coming = rows.flatMap((row) => (row.kind === "step" && row.step.status === "pending" && !row.isItem ? [row] : []));
  if (coming.length === 0 || until <= now) return;
  const pending = new Map(coming.map((row) => [row.step.step_id, row.step]));
  const layers = new Map<string, number>();
  const layer = (step: Step): number => {
    const known = layers.get(step.step_id);
    if (known !== undefined) return known;
    const found = Math.max(-1, ...step.needs.flatMap((key) => (pending.has(key) ? [layer(pending.get(key)!)] : []))) + 1;
    layers.set(step.step_id, found);
    return found;
  };
  const isAtWork = rows.some((row) => row.kind === "step" && row.step.status === "running");
  const deepest = Math.max(...coming.map((row) => layer(row.step)));
  const share = (until - now) / (deepest + 1 + (isAtWork ? 1 : 0));
  for (const row of coming) {
    const begin = now + share * (layer(row.step) + (isAtWork ? 1 : 0));
    row.bars = [{ kind: "plan", from: begin, to: begin + share, text: row.step.agent ? agentName(row.step.agent) : "" }];
  }
}

/** The checkpoint that holds what was before a step, if there is one. */
export function checkpointBefore(run: Run, step: Step): Checkpoint | undefined {
  const { started_at: begin } = step;
  if (!begin) return undefined;
  return (run.checkpoints ?? []).filter((each) => each.step_id !== step.step_id && time(each.created_at) <= time(begin)).reduce<Checkpoint | undefined>((last, each) => (!last || each.number > last.number ? each : last), undefined);
}

function tally(steps: Step[]): { steps: number; done: number; isEnded: boolean; isOver: boolean } {
  const done = steps.filter((step) => step.status === "completed").length;
  const isOver = steps.every((step) => step.status === "completed" || step.status === "skipped");
  const isEnded = steps.every((step) => step.status !== "running" && step.status !== "pending");
  return { steps: steps.length, done, isEnded, isOver };
}

/** With more steps than this, phases that are over begin folded. */
export const MANY = 40;

/** The phases that begin folded. */
export function foldedAtFirst(rows: Row[]): Set<string> {
  const phases = rows.flatMap((row) => (row.kind === "phase" ? [row] : []));
  if (rows.length - phases.length <= MANY) return new Set();
  const over = phases.filter((phase) => phase.isOver);
  return new Set((over.length === phases.length ? over.slice(0, -1) : over).map((phase) => phase.key));
}

/** The rows that are shown: of folded phases the phase alone, of a search what it finds, whatever is folded. */
export function shownRows(rows: Row[], folded: Set<string>, query: string): Row[] {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const isFound = (step: Step) => {
    const text = `${step.name} ${step.status}`.toLowerCase();
    return words.every((word) => text.includes(word)) || step.step_id.toLowerCase().includes(words.join(" "));
  };
  const found: Row[] = [];
  let phase: Extract<Row, { kind: "phase" }> | null = null;
  let isHeadShown = true;
  for (const row of rows) {
    if (row.kind === "phase") {
      phase = row;
      isHeadShown = words.length === 0;
      if (isHeadShown) found.push(row);
      continue;
    }
    if (words.length > 0 ? !isFound(row.step) : phase !== null && folded.has(phase.key)) continue;
    if (phase && !isHeadShown) found.push(phase);
    isHeadShown = true;
    found.push(row);
  }
  return found;
}

function bars(step: Step, now: number): Bar[] {
  if (!step.started_at || step.status === "skipped") return [];
  const end = step.completed_at ? time(step.completed_at) : now;
  const state = stepState(step);
  if (step.type === "approval") {
    const text = state === "need" ? "Needs you" : step.status === "failed" ? "Rejected" : "";
    return [{ kind: state === "need" ? "need" : step.status === "failed" ? "fail" : "answered", from: time(step.started_at), to: end, text }];
  }
  if (step.type === "wait") return [{ kind: step.status === "running" ? "wait" : "done", from: time(step.started_at), to: end, text: "Timer" }];
  const attempts = step.attempts ?? [];
  if (attempts.length === 0) {
    return [{ kind: step.status === "failed" ? "fail" : step.status === "running" ? "run" : "done", from: time(step.started_at), to: end, text: "" }];
  }
  const found: Bar[] = [];
  for (const [index, attempt] of attempts.entries()) {
    const before = attempts[index - 1];
    const begin = time(attempt.started_at);
    if (before?.ended_at && begin - time(before.ended_at) > 500) {
      found.push({ kind: before.status === "usage_limit" ? "wait" : "retry", from: time(before.ended_at), to: begin, text: before.status === "usage_limit" ? "Limit" : "" });
    }
    const isFailed = ["failed", "lost", "session_lost"].includes(attempt.status);
    found.push({
      kind: attempt.ended_at === null ? (state === "need" ? "need" : "run") : isFailed ? "fail" : "done",
      from: begin,
      to: attempt.ended_at ? time(attempt.ended_at) : end,
      text: attempts.length > 1 ? String(attempt.number) : state === "need" && attempt.ended_at === null ? "Needs you" : "",
    });
  }
  const last = attempts.at(-1)!;
  if (last.ended_at && step.status === "running" && step.waiting) {
    found.push({ kind: step.waiting.reason === "retry" ? "retry" : "wait", from: time(last.ended_at), to: now, text: step.waiting.reason === "usage_limit" ? "Limit" : "" });
  }
  return found;
}

function pausesOf(events: JournalEvent[], now: number): Pause[] {
  const found: Pause[] = [];
  let since: number | null = null;
  for (const event of events) {
    if (event.type === "run_paused") since = time(event.at);
    else if (event.type === "run_resumed" && since !== null) {
      found.push({ from: since, to: time(event.at) });
      since = null;
    }
  }
  if (since !== null) found.push({ from: since, to: now });
  return found;
}

/** How long it worked, and for what it waited. Times that overlap count once, work before waits. */
function reasons(rows: Row[], pauses: Pause[]): Reason[] {
  const all = rows.flatMap((row) => (row.kind === "step" ? row.bars : []));
  const of = (...kinds: BarKind[]) => all.filter((bar) => kinds.includes(bar.kind)).map((bar): Pause => ({ from: bar.from, to: bar.to }));
  const parts: [Reason["key"], Pause[]][] = [
    ["work", of("done", "run", "fail")],
    ["you", of("need", "answered")],
    ["limit", of("wait")],
    ["retry", of("retry")],
    ["paused", pauses],
  ];
  let covered: Pause[] = [];
  return parts.map(([key, spans]) => {
    const before = length(covered);
    covered = union([...covered, ...spans]);
    return { key, ms: length(covered) - before };
  });
}

export function union(spans: Pause[]): Pause[] {
  const found: Pause[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = found.at(-1);
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else found.push({ ...span });
  }
  return found;
}

const length = (spans: Pause[]) => spans.reduce((sum, span) => sum + Math.max(0, span.to - span.from), 0);

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400].map((seconds) => seconds * 1000);

/** Where the axis has its marks: round times, at least so many pixels apart. */
export function ticks(from: number, to: number, width: number, apart = 84): number[] {
  const least = ((to - from) * apart) / Math.max(width, 1);
  const step = STEPS.find((each) => each >= least) ?? STEPS.at(-1)! * Math.ceil(least / STEPS.at(-1)!);
  const offset = new Date(from).getTimezoneOffset() * 60_000;
  const found: number[] = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to && found.length < 400; at += step) found.push(at);
  return found;
}
