/** The conversation tab: steps, thread with what is asked and the composer, and the log of what runs. */
import { useState } from "react";
import type { Run } from "~/api/types";
import { LogPane } from "~/features/logs/log-pane";
import { Thread } from "~/features/thread/thread";
import { AskDock } from "~/features/thread/ask";
import { Composer } from "~/features/thread/composer";
import { useMedia } from "~/lib/media";
import { useShortcuts } from "~/lib/shortcuts";
import { StepsRail } from "./steps-rail";

/** The step whose log is shown: the one chosen, else the one at work, else the last that was. */
export function stepInView(run: Run, chosen: string | null) {
  const found = chosen ? run.steps.find((step) => step.step_id === chosen) : undefined;
  return (
    found ??
    run.steps.find((step) => step.status === "running" && !step.waiting && step.type !== "approval") ??
    run.steps.findLast((step) => step.started_at !== null && (step.type === "script" || step.type === "agent")) ??
    run.steps[0]
  );
}

export function Conversation({ run, onStep }: { run: Run; onStep: (key: string) => void }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const hasSteps = useMedia("(min-width: 900px)");
  const hasLog = useMedia("(min-width: 1240px)");
  const step = stepInView(run, chosen);
  const keys = run.steps.filter((each) => !each.parent_step_id).map((each) => each.step_id);
  const move = (by: number) => {
    const at = keys.indexOf(chosen ?? step?.step_id ?? "");
    const next = keys[Math.min(keys.length - 1, Math.max(0, at + by))];
    if (next) setChosen(next);
  };
  useShortcuts([
    { keys: "j", does: "Next step", run: () => move(1) },
    { keys: "k", does: "Step before", run: () => move(-1) },
    {
      keys: "Enter",
      does: "Open the step",
      run: (event) => {
        if (event.target instanceof HTMLElement && event.target.closest("a, button, summary")) {
          (event.target.closest("a, button, summary") as HTMLElement).click();
          return;
        }
        if (step) onStep(step.step_id);
      },
    },
  ]);
  return (
    <div className="panes">
      {hasSteps ? (
        <aside className="pane pane--steps" aria-label="Steps">
          <div className="pane-h">
            <h2 className="strong">Steps</h2>
          </div>
          <StepsRail
            run={run}
            current={step?.step_id ?? null}
            onStep={(key) => {
              if (key === chosen || !hasLog) onStep(key);
              setChosen(key);
            }}
          />
        </aside>
      ) : null}
      <section className="pane" aria-label="Conversation">
        <Thread run={run} onStep={onStep} />
        <AskDock run={run} />
        <Composer run={run} />
      </section>
      {hasLog && step ? (
        <aside className="pane pane--log" aria-label={`Log of ${step.name}`}>
          <LogPane run={run} step={step} onPick={setChosen} onOpen={() => onStep(step.step_id)} />
        </aside>
      ) : null}
    </div>
  );
}
