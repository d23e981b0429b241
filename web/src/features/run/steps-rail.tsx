/** The steps beside the conversation: attempts and todos below the one that is at work. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import type { Run, Step } from "~/api/types";
import { cut, localTimes, money, phaseLabel, plural, sentence } from "~/lib/format";
import { stepState, todoState, todoText } from "~/lib/run-state";
import { StepIcon, WorkerTag } from "~/ui/badge";
import { Since } from "~/ui/time";

type Row = { kind: "phase"; label: string } | { kind: "step"; step: Step } | { kind: "kid"; state: string; text: string; from: string | null; to: string | null; key: string };

/** Pure: the lines of the rail. */
export function railRows(run: Run): Row[] {
  const rows: Row[] = [];
  let phase: string | null | undefined;
  const labels = run.workflow_definition.phase_labels ?? {};
  const children = new Map<string, Step[]>();
  for (const step of run.steps) if (step.parent_step_id) children.set(step.parent_step_id, [...(children.get(step.parent_step_id) ?? []), step]);
  for (const step of run.steps) {
    if (step.parent_step_id) continue;
    if (step.phase !== phase && step.phase) rows.push({ kind: "phase", label: phaseLabel(step.phase, labels) });
    phase = step.phase;
    rows.push({ kind: "step", step });
    const attempts = step.attempts ?? [];
    if (attempts.length > 1) {
      for (const attempt of attempts.slice(-4)) {
        const state = attempt.status === "completed" ? "done" : attempt.status === "running" ? stepState(step) : attempt.status === "failed" ? "fail" : attempt.status === "usage_limit" ? "wait" : "hold";
        const why = attempt.error ? `, ${cut(attempt.error.message.split("\n", 1)[0]!, 80)}` : "";
        rows.push({ kind: "kid", key: attempt.id, state, text: `Attempt ${attempt.number}${why}`, from: attempt.started_at, to: attempt.ended_at });
      }
    }
    const todos = step.session?.todos ?? [];
    if (step.status === "running" && todos.length > 0) {
      const done = todos.filter((todo) => todo.status === "completed").length;
      if (done > 3) rows.push({ kind: "kid", key: `${step.id}-done`, state: "done", text: `${plural(done, "todo")} done`, from: null, to: null });
      for (const [index, todo] of todos.entries()) {
        if (todo.status === "completed" && done > 3) continue;
        rows.push({ kind: "kid", key: `${step.id}-todo-${index}`, state: todoState(todo), text: todoText(todo), from: null, to: null });
      }
    } else if (todos.length > 0) {
      const done = todos.filter((todo) => todo.status === "completed").length;
      const text = done === todos.length ? `${plural(done, "todo")} done` : `${done} of ${plural(todos.length, "todo")} done`;
      rows.push({ kind: "kid", key: `${step.id}-done`, state: done === todos.length ? "done" : "todo", text, from: null, to: null });
    }
    for (const item of children.get(step.id) ?? []) {
      rows.push({ kind: "kid", key: item.id, state: stepState(item, run), text: item.step_id, from: item.started_at, to: item.completed_at });
    }
  }
  return rows;
}

const HEIGHT: Record<Row["kind"], number> = { phase: 28, step: 44, kid: 22 };

export function StepsRail({ run, current, onStep }: { run: Run; current: string | null; onStep: (key: string) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => railRows(run), [run]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => HEIGHT[rows[index]!.kind],
    getItemKey: (index) => {
      const row = rows[index]!;
      return row.kind === "phase" ? `phase-${index}` : row.kind === "step" ? row.step.id : row.key;
    },
    overscan: 12,
  });
  return (
    <div className="steps" ref={box}>
      <div className="virtual" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index]!;
          return (
            <div key={item.key} data-index={item.index} ref={virtual.measureElement} className="virtual-row" style={{ transform: `translateY(${item.start}px)` }}>
              {row.kind === "phase" ? (
                <div className="ph">{row.label}</div>
              ) : row.kind === "step" ? (
                <StepRow run={run} step={row.step} isCurrent={row.step.step_id === current} onStep={onStep} />
              ) : (
                <div className="kids">
                  <div className={`kid ${row.state === "done" ? "is-done" : ""}`}>
                    <StepIcon state={row.state as never} />
                    <span className="cut" title={row.text}>
                      {row.text}
                    </span>
                    {row.from ? <Since exact from={row.from} to={row.to} /> : <span />}
                  </div>
                </div>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

export function StepRow({ run, step, isCurrent, onStep }: { run: Run; step: Step; isCurrent: boolean; onStep: (key: string) => void }) {
  const state = stepState(step, run);
  const sub = subLine(step);
  return (
    <button type="button" className={`step ${step.status === "pending" ? "step--todo" : ""}`} aria-current={isCurrent || undefined} onClick={() => onStep(step.step_id)} data-step={step.step_id}>
      <StepIcon state={state} />
      <span className="nm cut" title={step.name}>
        {step.name}
      </span>
      <span className="num">{step.started_at && step.status !== "pending" ? <Since exact from={step.started_at} to={step.completed_at} /> : <WorkerTag step={step} />}</span>
      {sub ? <span className="sub cut">{sub}</span> : null}
      <span className="sr">{step.status}</span>
    </button>
  );
}

function subLine(step: Step) {
  if (step.status === "pending" && !step.started_at) return null;
  if (step.status === "skipped") return step.skip_reason ? `skipped: ${sentence(step.skip_reason).toLowerCase()}` : "skipped";
  if (step.status === "failed") return cut(step.error_message?.split("\n", 1)[0] ?? "failed", 90);
  if (step.waiting) return cut(localTimes(step.waiting.detail ?? "").split("\n", 1)[0] || step.waiting.reason, 90);
  const parts = [
    step.session?.cost_usd ? money(step.session.cost_usd) : null,
    step.attempt > 1 ? (step.status === "running" ? `attempt ${step.attempt} of ${Math.max(step.max_attempts, step.attempt)}` : `${step.attempt} attempts`) : null,
    step.status === "running" && step.session?.tool?.title ? cut(step.session.tool.title, 60) : null,
  ].filter(Boolean);
  if (!step.session && parts.length === 0) return null;
  return (
    <>
      {step.session ? <WorkerTag step={step} /> : null}
      <span className="cut">{parts.join(", ")}</span>
    </>
  );
}
