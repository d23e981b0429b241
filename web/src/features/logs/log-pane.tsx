/** The log beside the conversation: of the step that is at work, or the one chosen. */
import { useState } from "react";
import type { Run, Step } from "~/api/types";
import { count, money } from "~/lib/format";
import { stepState } from "~/lib/run-state";
import { StepIcon } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { Since } from "~/ui/time";
import { DownloadLog } from "./download-log";
import { LogView } from "./log-view";

export function LogPane({ run, step, onPick, onOpen }: { run: Run; step: Step; onPick: (key: string) => void; onOpen: () => void }) {
  const [attempt, setAttempt] = useState<number | undefined>(undefined);
  const shown = attempt !== undefined && attempt <= step.attempt ? attempt : step.attempt;
  const known = run.steps.filter((each) => each.started_at && (each.type === "script" || each.type === "agent" || each.type === "function"));
  return (
    <>
      <div className="pane-h">
        <Menu
          label="Step whose log is shown"
          trigger={
            <button type="button" className="pick pick--bare" aria-label={`Log of ${step.name}`}>
              <StepIcon state={stepState(step, run)} />
              <span className="cut">
                {step.name}
                {step.attempt > 1 ? `, attempt ${shown}` : ""}
              </span>
              <Icon name="down" size="xs" />
            </button>
          }
          items={[
            ...known.map((each) => ({
              key: each.id,
              label: each.parent_step_id ? each.step_id : each.name,
              checked: each.id === step.id,
              onSelect: () => {
                setAttempt(undefined);
                onPick(each.step_id);
              },
            })),
            ...(step.attempt > 1
              ? [
                  "line" as const,
                  ...Array.from({ length: step.attempt }, (_, index) => ({
                    key: `attempt-${index + 1}`,
                    label: `Attempt ${index + 1}`,
                    checked: shown === index + 1,
                    onSelect: () => setAttempt(index + 1),
                  })),
                ]
              : []),
          ]}
        />
        <span className="grow" />
        <DownloadLog step={step} type="output" attempt={attempt} />
        <Button size="sm" onClick={onOpen}>
          Open step
        </Button>
      </div>
      <Session step={step} />
      <LogView step={step} type="output" attempt={attempt} />
    </>
  );
}

/** A step's figures. */
export function Session({ step }: { step: Step }) {
  const { session } = step;
  const todos = session?.todos ?? [];
  const done = todos.filter((todo) => todo.status === "completed").length;
  const hasExit = step.type === "script" || step.type === "function" || step.type === "agent";
  const tokens = session ? session.usage.input + session.usage.output : 0;
  return (
    <dl className="sess">
      <div>
        <dt>Elapsed</dt>
        <dd className="num">{step.started_at ? <Since exact from={step.started_at} to={step.completed_at} /> : "not yet"}</dd>
      </div>
      <div>
        <dt>Attempt</dt>
        <dd className="num">
          {step.attempt || 1} of {Math.max(step.max_attempts, step.attempt, 1)}
        </dd>
      </div>
      {session ? (
        <>
          <div>
            <dt>{todos.length > 0 ? "Todos" : "Tokens"}</dt>
            <dd className="num">{todos.length > 0 ? `${done} of ${todos.length}` : count(tokens)}</dd>
          </div>
          <div>
            <dt>Cost</dt>
            <dd className="num">{session.cost_usd ? `${session.cost_is_estimate ? "≈ " : ""}${money(session.cost_usd)}` : "none yet"}</dd>
          </div>
        </>
      ) : (
        <>
          <div>
            <dt>{hasExit ? "Exit" : "Kind"}</dt>
            <dd className="num">{hasExit ? (step.exit_code ?? "–") : step.type}</dd>
          </div>
          <div>
            <dt>State</dt>
            <dd>{stepState(step) === "need" ? "waiting for you" : step.waiting ? "waiting" : step.status}</dd>
          </div>
        </>
      )}
    </dl>
  );
}
