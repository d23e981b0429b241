/** What a run came to: its outputs, the last words of its agents, and what happened to its branch. */
import type { Run, Worktree } from "~/api/types";
import { cut, duration, money, plural } from "~/lib/format";
import { elapsed, isOver } from "~/lib/run-state";
import { agentName, Badge, StepIcon } from "~/ui/badge";
import { Coded } from "~/ui/coded";
import { CopyButton } from "~/ui/copy";
import { Json } from "~/ui/json";
import { Output } from "~/ui/output";
import { Markdown } from "~/ui/markdown";
import { Empty } from "~/ui/state";

export default function Result({ run }: { run: Run }) {
  const said = run.steps.filter((step) => step.result && step.status === "completed" && !step.parent_step_id);
  const failed = run.steps.filter((step) => step.status === "failed" && !step.parent_step_id);
  if (!isOver(run) && said.length === 0) {
    return <Empty icon="running" title="There is no result yet" text="What its steps say is gathered here as they end; outputs come when the run is done." />;
  }
  const done = run.steps.filter((step) => step.status === "completed").length;
  const finished = run.worktree?.finished;
  return (
    <div className="result">
      <div className="result-in">
        <section className="result-h">
          <Badge
            state={run.status === "completed" ? "done" : run.status === "failed" ? "failed" : run.status === "cancelled" ? "cancelled" : "running"}
            words={run.status === "completed" ? "Done" : run.status === "failed" ? "Failed" : run.status === "cancelled" ? "Cancelled" : "So far"}
          />
          <span className="soft">
            {plural(done, "step")} done in {duration(elapsed(run, Date.now()))}
            {run.cost_usd ? `, ${money(run.cost_usd)}` : ""}
          </span>
        </section>
        {run.error_message ? (
          <section className="sum">
            <StepIcon state="fail" />
            <span className="anywhere">
              <Coded text={cut(run.error_message, 4000)} />
            </span>
          </section>
        ) : null}
        {failed.map((step) => (
          <section key={step.id} className="part">
            <h2>{step.name} failed</h2>
            <Output text={step.error_message ?? ""} most={8000} />
          </section>
        ))}
        {hasOutputs(run.outputs) ? (
          <section className="part">
            <div className="row">
              <h2>Outputs</h2>
              <CopyButton text={JSON.stringify(run.outputs, null, 2)} label="Copy the outputs" />
            </div>
            <Outputs value={run.outputs} />
          </section>
        ) : null}
        {finished ? (
          <section className="part">
            <h2>Branch</h2>
            <p className="soft anywhere">
              {finished.merged_into ? `Merged into ${finished.merged_into}. ` : ""}
              {finished.branch && !finished.detail?.includes(finished.branch) ? (
                <>
                  <code className="m11">{finished.branch}</code>{" "}
                </>
              ) : null}
              <Coded text={aboutBranch(finished)} />
            </p>
            {finished.conflicts.length > 0 ? (
              <ul className="conflicts" aria-label="Files in conflict">
                {finished.conflicts.map((path) => (
                  <li key={path} className="m11 anywhere">
                    {path}
                  </li>
                ))}
              </ul>
            ) : null}
          </section>
        ) : null}
        {said.toReversed().map((step) => (
          <section key={step.id} className="part">
            <div className="row">
              <h2 className="cut">{step.name}</h2>
              {step.session?.agent ? <span className="muted t12">{agentName(step.session.agent)}</span> : null}
              <span className="grow" />
              <CopyButton text={step.result ?? ""} label={`Copy what ${step.name} said`} />
            </div>
            {step.type === "agent" ? <Markdown text={step.result ?? ""} /> : <Output text={step.result ?? ""} />}
          </section>
        ))}
      </div>
    </div>
  );
}

/** The server's sentence, without the files that are listed below it. */
function aboutBranch({ branch, detail, conflicts }: NonNullable<Worktree["finished"]>): string {
  const text = (detail ?? "").replace(`: ${conflicts.join(", ")}.`, ":");
  return branch ? text.replace(branch, `\`${branch}\``) : text;
}

function hasOutputs(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function Outputs({ value }: { value: unknown }) {
  if (typeof value === "string") return <Markdown text={value} />;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return <Json value={value} />;
  return (
    <dl className="outputs">
      {Object.entries(value).map(([name, each]) => (
        <div key={name}>
          <dt className="m11 muted">{name}</dt>
          <dd>{typeof each === "string" ? <Markdown text={each} /> : <Json value={each} />}</dd>
        </div>
      ))}
    </dl>
  );
}
