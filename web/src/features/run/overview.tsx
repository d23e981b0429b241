/** All steps of a run with their attempts and items, as a table that stays readable when there are many. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { queries } from "~/api/queries";
import type { Run, Step } from "~/api/types";
import { count, cut, dayAndTime, localTimes, money, plural, sentence } from "~/lib/format";
import { stepState, todoState, todoText } from "~/lib/run-state";
import { StepIcon, WorkerTag } from "~/ui/badge";
import { Icon } from "~/ui/icon";
import { Since } from "~/ui/time";
import { NoSteps } from "./no-steps";
import { hasMore, isOpenAtFirst, type Line, linesOf } from "./overview-model";

export default function Overview({ run, onStep }: { run: Run; onStep: (key: string) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<Set<string>>(() => new Set(run.steps.filter(isOpenAtFirst).map((step) => step.id)));
  const lines = useMemo(() => linesOf(run, open), [run, open]);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => (lines[index]!.kind === "phase" ? 36 : lines[index]!.kind === "step" ? 48 : 60),
    overscan: 10,
  });
  const toggle = (id: string) =>
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <div className="overview">
      <div className="ov-list" ref={box} tabIndex={0} role="region" aria-label="Steps">
        {run.steps.length === 0 ? <NoSteps run={run} /> : null}
        <div className="virtual" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const line = lines[row.index]!;
            return (
              <div key={row.key} data-index={row.index} ref={rows.measureElement} className="virtual-row" style={{ transform: `translateY(${row.start}px)` }}>
                {line.kind === "phase" ? (
                  <div className="ov-phase">
                    <h2>{line.label}</h2>
                    <span className="muted num">
                      {line.steps.filter((step) => step.status === "completed").length} of {line.steps.length}
                    </span>
                  </div>
                ) : line.kind === "step" ? (
                  <Row run={run} line={line} isOpen={open.has(line.step.id)} toggle={() => toggle(line.step.id)} onStep={onStep} />
                ) : line.kind === "attempts" ? (
                  <Attempts step={line.step} />
                ) : (
                  <Todos step={line.step} />
                )}
              </div>
            );
          })}
        </div>
      </div>
      <Aside run={run} />
    </div>
  );
}

function Row({ run, line, isOpen, toggle, onStep }: { run: Run; line: Extract<Line, { kind: "step" }>; isOpen: boolean; toggle: () => void; onStep: (key: string) => void }) {
  const { step, items, depth } = line;
  const todos = step.session?.todos ?? [];
  const current = todos.find((todo) => todo.status === "in_progress");
  const unfolds = hasMore(step, items);
  const about =
    step.status === "failed"
      ? (step.error_message ?? "failed")
      : (step.waiting?.detail ?? current?.active_form ?? current?.content ?? (step.status === "running" ? step.session?.tool?.title : null) ?? (step.skip_reason ? `skipped: ${sentence(step.skip_reason).toLowerCase()}` : null));
  return (
    <div className={`ov-row ${depth > 0 ? "ov-row--sub" : ""}`} data-status={step.status}>
      <button type="button" className={`ov-fold ${isOpen ? "is-open" : ""}`} aria-expanded={isOpen} aria-label={`More of ${step.name}`} disabled={!unfolds} onClick={toggle}>
        {unfolds ? <Icon name="right" size="xs" /> : null}
      </button>
      <StepIcon state={stepState(step, run)} />
      <button type="button" className="ov-main" onClick={() => onStep(step.step_id)}>
        <span className="row">
          <span className="medium cut">{depth > 0 ? step.step_id : step.name}</span>
          {items > 0 ? <span className="pill">{plural(items, "item")}</span> : null}
          {step.attempt > 1 ? <span className="pill">{step.attempt} attempts</span> : null}
        </span>
        {about ? <span className={`t12 cut ov-about ${step.status === "failed" ? "is-bad" : ""}`}>{cut(localTimes(about).split("\n", 1)[0]!, 240)}</span> : null}
      </button>
      <span className="ov-who no-phone">
        <WorkerTag step={step} />
        {step.session?.model ? <span className="muted t11 cut">{step.session.model}</span> : null}
      </span>
      <span className="ov-n num muted no-phone">{step.session?.cost_usd ? money(step.session.cost_usd) : ""}</span>
      <span className="ov-n num">
        {step.child_run_id ? (
          <Link className="link" to="/runs/$run/$tab" params={{ run: step.child_run_id, tab: "overview" }}>
            child run
          </Link>
        ) : step.started_at ? (
          <Since exact from={step.started_at} to={step.completed_at} />
        ) : (
          <span className="muted">{step.status === "pending" ? "" : step.status}</span>
        )}
      </span>
      <span className="sr">{step.status}</span>
    </div>
  );
}

function Attempts({ step }: { step: Step }) {
  return (
    <ul className="ov-attempts">
      {(step.attempts ?? []).map((attempt) => (
        <li key={attempt.id}>
          <StepIcon state={attempt.status === "completed" ? "done" : attempt.status === "running" ? "run" : attempt.status === "failed" ? "fail" : attempt.status === "usage_limit" ? "wait" : "hold"} />
          <span className="grow">
            Attempt {attempt.number} <span className="muted">{sentence(attempt.status).toLowerCase()}{attempt.cause === "first" ? "" : `, after ${sentence(attempt.cause).toLowerCase()}`}{attempt.exit_code !== null ? `, exit ${attempt.exit_code}` : ""}</span>
            {attempt.error ? <span className="ov-error">{cut(attempt.error.message, 1000)}</span> : null}
          </span>
          <Since exact from={attempt.started_at} to={attempt.ended_at} />
        </li>
      ))}
    </ul>
  );
}

function Todos({ step }: { step: Step }) {
  return (
    <ul className="ov-attempts" aria-label={`Todos of ${step.name}`}>
      {(step.session?.todos ?? []).map((todo, index) => (
        <li key={index}>
          <StepIcon state={todoState(todo)} />
          <span className="anywhere">{todoText(todo)}</span>
        </li>
      ))}
    </ul>
  );
}

function Aside({ run }: { run: Run }) {
  const args = Object.entries(run.args ?? {});
  const tokens = run.usage;
  return (
    <aside className="ov-side" aria-label="About this run">
      <section>
        <h2 className="eyebrow">Run</h2>
        <dl className="kv">
          <Pair name="Number">#{run.number}</Pair>
          <Pair name="Definition">
            <Link className="link" to="/workflows" search={{ open: run.workflow_definition.key }}>
              {run.workflow_definition.name}
            </Link>
          </Pair>
          <Pair name="Created">{dayAndTime(run.created_at)}</Pair>
          {run.completed_at ? <Pair name="Ended">{dayAndTime(run.completed_at)}</Pair> : null}
          {run.parent_run_id ? (
            <Pair name={run.parent_step_id ? "Child of" : "Fork of"}>
              <Parent id={run.parent_run_id} />
            </Pair>
          ) : null}
          {run.worktree?.branch ? <Pair name="Branch"><span className="m11 anywhere">{run.worktree.branch}</span></Pair> : null}
          {run.worktree ? <Pair name="Files"><span className="m11 anywhere">{run.worktree.path}</span></Pair> : null}
          {run.worktree?.finished?.detail ? <Pair name="Finish">{run.worktree.finished.detail}</Pair> : null}
        </dl>
      </section>
      {run.instruction ? (
        <section>
          <h2 className="eyebrow">Standing instruction</h2>
          <p className="prose anywhere">{cut(run.instruction, 4000)}</p>
        </section>
      ) : null}
      <section>
        <h2 className="eyebrow">Arguments</h2>
        {args.length === 0 ? (
          <p className="muted t12">none</p>
        ) : (
          <dl className="kv">
            {args.map(([name, value]) => (
              <Pair key={name} name={name}>
                <span className="anywhere">{cut(typeof value === "string" ? value : JSON.stringify(value), 400)}</span>
              </Pair>
            ))}
          </dl>
        )}
      </section>
      {tokens.input + tokens.output > 0 ? (
        <section>
          <h2 className="eyebrow">Tokens</h2>
          <dl className="kv">
            <Pair name="In">{count(tokens.input)}</Pair>
            <Pair name="Out">{count(tokens.output)}</Pair>
            <Pair name="From cache">{count(tokens.cache_read)}</Pair>
            {run.cost_usd ? <Pair name="Cost">{`${run.cost_is_estimate ? "≈ " : ""}${money(run.cost_usd)}`}</Pair> : null}
          </dl>
        </section>
      ) : null}
      {(run.children ?? []).length > 0 ? (
        <section>
          <h2 className="eyebrow">Children and forks</h2>
          <ul className="kids-list">
            {(run.children ?? []).map((child) => (
              <li key={child.id}>
                <Link className="link cut" to="/runs/$run/$tab" params={{ run: String(child.number), tab: "overview" }}>
                  #{child.number} {child.name}
                </Link>
                <span className="muted t12">{child.status}</span>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
    </aside>
  );
}

function Parent({ id }: { id: string }) {
  const { data } = useQuery(queries.run(id));
  return (
    <Link className="link" to="/runs/$run/$tab" params={{ run: id, tab: "overview" }}>
      {data ? `#${data.number} ${data.name}` : "another run"}
    </Link>
  );
}

function Pair({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="kv-row">
      <dt className="anywhere">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
