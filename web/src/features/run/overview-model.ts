/** Pure: the lines of the overview: phases, steps, and what is below a step that is unfolded. */
import type { Run, Step } from "~/api/types";
import { phaseLabel } from "~/lib/format";

export type Line = { kind: "phase"; label: string; steps: Step[] } | { kind: "step"; step: Step; items: number; depth: number } | { kind: "attempts" | "todos"; step: Step };

const todosOf = (step: Step) => step.session?.todos ?? [];

export function hasMore(step: Step, items: number): boolean {
  return items > 0 || (step.attempts ?? []).length > 0 || todosOf(step).length > 0;
}

/** What failed, what is tried again, and what an agent is at. */
export function isOpenAtFirst(step: Step): boolean {
  return step.status === "failed" || (step.status === "running" && (step.attempt > 1 || todosOf(step).length > 0));
}

function below(step: Step): Line[] {
  const lines: Line[] = [];
  if (todosOf(step).length > 0) lines.push({ kind: "todos", step });
  if ((step.attempts ?? []).length > 0) lines.push({ kind: "attempts", step });
  return lines;
}

export function linesOf(run: Run, open: Set<string>): Line[] {
  const labels = run.workflow_definition.phase_labels ?? {};
  const lines: Line[] = [];
  const items = new Map<string, Step[]>();
  for (const step of run.steps) if (step.parent_step_id) items.set(step.parent_step_id, [...(items.get(step.parent_step_id) ?? []), step]);
  let phase: string | null | undefined;
  for (const step of run.steps) {
    if (step.parent_step_id) continue;
    if (step.phase && step.phase !== phase) {
      lines.push({ kind: "phase", label: phaseLabel(step.phase, labels), steps: run.steps.filter((each) => each.phase === step.phase && !each.parent_step_id) });
    }
    phase = step.phase;
    const own = items.get(step.id) ?? [];
    lines.push({ kind: "step", step, items: own.length, depth: 0 });
    if (!open.has(step.id)) continue;
    lines.push(...below(step));
    for (const item of own) {
      lines.push({ kind: "step", step: item, items: 0, depth: 1 });
      if (open.has(item.id)) lines.push(...below(item));
    }
  }
  return lines;
}
