/** Below the timeline: where the time went, and what can be done from the step that is selected. */
import { useState } from "react";
import type { Run, Step } from "~/api/types";
import { Rewind } from "~/features/changes/rewind";
import { useMe } from "~/features/project/use-project";
import { ForkDialog } from "~/features/run/fork-dialog";
import { clock, count, duration, money } from "~/lib/format";
import { canFork, canRewind } from "~/lib/run-can";
import { isOver } from "~/lib/run-state";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { checkpointBefore, type Model, type Reason } from "./timeline-model";

const words: Record<Reason["key"], string> = { work: "work", you: "waiting for you", limit: "limits and timers", paused: "paused", retry: "retries" };

export function Dock({ run, model, step }: { run: Run; model: Model; step: Step | undefined }) {
  const time = (ms: number) => clock(ms, isOver(run));
  const total = model.reasons.reduce((sum, reason) => sum + reason.ms, 0);
  const work = model.reasons.find((reason) => reason.key === "work")?.ms ?? 0;
  if (total === 0 && !step) return null;
  return (
    <div className={`dock dock--time ${step ? "dock--step" : ""}`}>
      <div>
        <h3 className="eyebrow">Where {time(model.now - model.from)} went</h3>
        <div className="dock-n">{duration(work)} work</div>
        <div className="muted t12">{duration(Math.max(0, total - work))} waiting</div>
      </div>
      <div>
        <h3 className="eyebrow">By reason</h3>
        <div className="stack" role="img" aria-label={model.reasons.filter((reason) => reason.ms > 0).map((reason) => `${words[reason.key]} ${time(reason.ms)}`).join(", ")}>
          {model.reasons.map((reason) => (reason.ms > 0 ? <i key={reason.key} className={`why-${reason.key}`} style={{ flexGrow: reason.ms / total, flexBasis: 0, minWidth: 3 }} /> : null))}
        </div>
        <div className="dock-l soft t12">
          {model.reasons.map((reason) =>
            reason.ms > 0 ? (
              <span key={reason.key}>
                <i className={`dot why-${reason.key}`} aria-hidden="true" />
                {words[reason.key]} <span className="num">{time(reason.ms)}</span>
              </span>
            ) : null,
          )}
        </div>
      </div>
      {step ? <Selected key={step.id} run={run} step={step} /> : null}
    </div>
  );
}

function Selected({ run, step }: { run: Run; step: Step }) {
  const me = useMe();
  const [doing, setDoing] = useState<"rewind" | "fork" | null>(null);
  const before = checkpointBefore(run, step);
  const top = run.steps.find((each) => each.id === step.parent_step_id) ?? step;
  const may = canRewind(run, me);
  const { session } = step;
  const tokens = session ? session.usage.input + session.usage.output : 0;
  return (
    <section aria-label="The step that is selected">
      <h3 className="eyebrow">Selected: {step.name}</h3>
      <div className="muted t12">
        {[step.attempt > 1 ? `${step.attempt} attempts` : "", session?.cost_usd ? money(session.cost_usd) : "", tokens > 0 ? `${count(tokens)} tokens` : ""].filter(Boolean).join(", ") || step.status}
      </div>
      <div className="row wrap">
        <Button size="sm" icon="rewind" can={may !== true ? may : before ? true : "There is no checkpoint before it: fork instead"} onClick={() => setDoing("rewind")}>
          Rewind to before
        </Button>
        <Button size="sm" icon="fork" can={canFork(run, me)} onClick={() => setDoing("fork")}>
          Fork
        </Button>
      </div>
      {doing === "rewind" && before ? (
        <Dialog open onClose={() => setDoing(null)} size="sm" title={`Rewind to before ${step.name}`}>
          <div className="dialog-b">
            <Rewind run={run} checkpoint={before} name={run.steps.find((each) => each.step_id === before.step_id)?.name ?? before.step_id} onClose={() => setDoing(null)} />
          </div>
        </Dialog>
      ) : null}
      {doing === "fork" ? <ForkDialog run={run} from={top.step_id} onClose={() => setDoing(null)} /> : null}
    </section>
  );
}
