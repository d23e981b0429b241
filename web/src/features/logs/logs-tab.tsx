/** The logs tab: a list of steps, and the log of one, whole width. */
import { useState } from "react";
import type { Run } from "~/api/types";
import { StepsRail } from "~/features/run/steps-rail";
import { stepInView } from "~/features/run/conversation";
import { useMedia } from "~/lib/media";
import { Pick } from "~/ui/menu";
import { Empty } from "~/ui/state";
import { Segmented } from "~/ui/tabs";
import { DownloadLog } from "./download-log";
import { LogView } from "./log-view";
import type { LogType } from "./use-log";

export default function LogsTab({ run }: { run: Run }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const [type, setType] = useState<LogType>("output");
  const [attempt, setAttempt] = useState<number | undefined>(undefined);
  const hasSteps = useMedia("(min-width: 900px)");
  const step = stepInView(run, chosen);
  if (!step) return <Empty icon="terminal" title="There is no step yet" />;
  const isAgent = step.type === "agent";
  const shown = isAgent ? type : type === "raw" ? "output" : type;
  const pick = (key: string) => {
    setChosen(key);
    setAttempt(undefined);
  };
  return (
    <div className="panes panes--logs">
      {hasSteps ? (
        <aside className="pane pane--steps" aria-label="Steps">
          <div className="pane-h">
            <h2 className="strong">Steps</h2>
          </div>
          <StepsRail run={run} current={step.step_id} onStep={pick} />
        </aside>
      ) : null}
      <section className="pane pane--log" aria-label={`Log of ${step.name}`}>
        <div className="pane-h">
          {hasSteps ? <h2 className="strong cut">{step.name}</h2> : <Pick small label="Step" value={step.step_id} options={run.steps.map((each) => ({ value: each.step_id, label: each.parent_step_id ? each.step_id : each.name }))} onPick={pick} />}
          {step.attempt > 1 ? (
            <Pick
              small
              label="Attempt"
              value={String(attempt ?? step.attempt)}
              options={Array.from({ length: step.attempt }, (_, index) => ({ value: String(index + 1), label: `Attempt ${index + 1}` }))}
              onPick={(value) => setAttempt(Number(value))}
            />
          ) : null}
          <span className="grow" />
          <Segmented<LogType>
            label="What is shown"
            value={shown}
            onPick={setType}
            options={[{ value: "output", label: "Output" }, { value: "events", label: "Events" }, ...(isAgent ? [{ value: "raw" as const, label: "Raw" }] : [])]}
          />
          <DownloadLog step={step} type={shown} attempt={attempt} />
        </div>
        <LogView key={`${step.id}-${shown}`} step={step} type={shown} attempt={attempt} />
      </section>
    </div>
  );
}
