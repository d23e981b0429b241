/** What a step came to: how it stands, its result, attempts and files. */
import { Link } from "@tanstack/react-router";
import type { Run, Step } from "~/api/types";
import { ArtifactChip } from "~/features/artifacts/artifact-chip";
import { UploadButton } from "~/features/artifacts/uploads";
import { AskDock } from "~/features/thread/ask";
import { cut, localTimes, sentence } from "~/lib/format";
import { stepState, todoState, todoText } from "~/lib/run-state";
import { Badge, StepIcon } from "~/ui/badge";
import { CopyButton } from "~/ui/copy";
import { Json } from "~/ui/json";
import { Markdown } from "~/ui/markdown";
import { Output } from "~/ui/output";
import { At } from "~/ui/time";

export function Summary({ run, row }: { run: Run; row: Step }) {
  const step = run.steps.find((each) => each.id === row.id) ?? row;
  const todos = step.session?.todos ?? [];
  return (
    <div className="step-sum">
      <div className="row wrap">
        <Badge state={badgeOf(step)} words={stepState(step) === "need" ? "Waiting for you" : step.waiting ? "Waiting" : sentence(step.status)} />
        {step.waiting && stepState(step) !== "need" ? <span className="soft">{cut(localTimes(step.waiting.detail ?? sentence(step.waiting.reason)), 300)}</span> : null}
        {step.skip_reason ? <span className="soft">{sentence(step.skip_reason)}</span> : null}
      </div>
      <AskDock run={{ ...run, steps: [step] }} />
      {step.child_run_id ? (
        <section className="part">
          <h3>Child run</h3>
          <Link className="link" to="/runs/$run/$tab" params={{ run: step.child_run_id, tab: "overview" }}>
            {step.workflow ?? "Open it"}
          </Link>
        </section>
      ) : null}
      {step.error_message ? (
        <section className="part">
          <h3>What went wrong</h3>
          <Output text={step.error_message} most={8000} bad />
        </section>
      ) : null}
      {todos.length > 0 ? (
        <section className="part">
          <h3>Todos</h3>
          <ul className="todos">
            {todos.map((todo, index) => (
              <li key={index} data-status={todo.status}>
                <StepIcon state={todoState(todo)} />
                <span className="anywhere">{todoText(todo)}</span>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      {step.result ? (
        <section className="part">
          <div className="row">
            <h3>Result</h3>
            <span className="grow" />
            <CopyButton text={step.result} label="Copy the result" />
          </div>
          {step.type === "agent" || step.type === "approval" ? <Markdown text={step.result} /> : <Output text={step.result} />}
        </section>
      ) : null}
      {step.data !== undefined && step.data !== null ? (
        <section className="part">
          <div className="row">
            <h3>Data</h3>
            <span className="grow" />
            <CopyButton text={JSON.stringify(step.data, null, 2)} label="Copy the data" />
          </div>
          <Json value={step.data} />
        </section>
      ) : null}
      {step.outputs !== undefined && step.outputs !== null ? (
        <section className="part">
          <h3>Outputs</h3>
          <Json value={step.outputs} />
        </section>
      ) : null}
      {step.stderr ? (
        <section className="part">
          <h3>Errors it printed</h3>
          <Output text={step.stderr} most={8000} />
        </section>
      ) : null}
      {(step.warnings ?? []).length > 0 ? (
        <section className="part">
          <h3>Warnings</h3>
          {(step.warnings ?? []).map((warning) => (
            <p key={warning} className="soft anywhere">
              {warning}
            </p>
          ))}
        </section>
      ) : null}
      {(step.attempts ?? []).length > 0 ? (
        <section className="part">
          <h3>Attempts</h3>
          <ul className="attempts">
            {(step.attempts ?? []).map((attempt) => (
              <li key={attempt.id}>
                <b className="num medium">{attempt.number}</b>
                <span className="grow">
                  {sentence(attempt.status)}
                  <span className="muted">
                    {attempt.cause === "first" ? "" : `, after ${sentence(attempt.cause).toLowerCase()}`}
                    {attempt.exit_code !== null ? `, exit ${attempt.exit_code}` : ""}
                  </span>
                  {attempt.error ? <span className="block-line soft anywhere">{cut(attempt.error.message, 600)}</span> : null}
                </span>
                <At at={attempt.started_at} seconds />
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      {(step.artifacts ?? []).length > 0 || step.started_at ? (
        <section className="part">
          <h3>Artifacts</h3>
          <div className="row wrap">
            {(step.artifacts ?? []).map((artifact) => (
              <ArtifactChip key={artifact.id ?? artifact.name} artifact={artifact} />
            ))}
            <UploadButton run={run} step={step}>
              Add a file
            </UploadButton>
          </div>
        </section>
      ) : null}
      {!step.result && !step.error_message && (step.attempts ?? []).length === 0 && todos.length === 0 && !step.waiting ? <p className="muted">It has not begun. {step.needs.length > 0 ? `It needs ${step.needs.join(", ")}.` : ""}</p> : null}
    </div>
  );
}

function badgeOf(step: Step) {
  const state = stepState(step);
  return ({ done: "done", fail: "failed", run: "running", need: "needs", wait: "waiting", retry: "retry", hold: "paused", todo: "queued", skip: "skipped" } as const)[state];
}
