/** A step, as a dialog with an address: what went in, what came out, what its session did. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { keys, queries } from "~/api/queries";
import type { ActivityRow, Run, Step } from "~/api/types";
import { CopyLog, DownloadLog } from "~/features/logs/download-log";
import { LogView } from "~/features/logs/log-view";
import { Session } from "~/features/logs/log-pane";
import { useOrders, wish } from "~/features/orders/use-orders";
import { ThreadItem } from "~/features/thread/thread-item";
import { thread } from "~/features/thread/thread-model";
import { useMe } from "~/features/project/use-project";
import { count, cut, money } from "~/lib/format";
import { canAct, canSkipWait } from "~/lib/run-can";
import { stepState } from "~/lib/run-state";
import { agentName, StepIcon, WorkerTag } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Copy, CopyButton } from "~/ui/copy";
import { Dialog } from "~/ui/dialog";
import { Json } from "~/ui/json";
import { Pick } from "~/ui/menu";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { useRefusal } from "~/ui/toast";
import { Summary } from "./summary";

type View = "summary" | "input" | "output" | "session" | "events" | "raw" | "comments";

export default function StepDialog({ run, stepKey, onClose }: { run: Run; stepKey: string; onClose: () => void }) {
  const row = run.steps.find((step) => step.step_id === stepKey || step.id === stepKey);
  const [view, setView] = useState<View>("summary");
  const [chosen, setChosen] = useState<number | null>(null);
  const orders = useOrders();
  const me = useMe();
  if (!row) {
    return (
      <Dialog open onClose={onClose} title="Step">
        <Empty title="There is no such step in this run" text={`It has no step “${cut(stepKey, 64)}”.`} />
      </Dialog>
    );
  }
  const isAgent = row.type === "agent";
  const hasLog = ["agent", "script", "function", "remote"].includes(row.type);
  const views: { value: View; label: string }[] = [
    { value: "summary", label: "Summary" },
    ...(hasLog ? [{ value: "input" as const, label: "Input" }, { value: "output" as const, label: "Output" }] : []),
    ...(isAgent ? [{ value: "session" as const, label: "Session" }] : []),
    ...(hasLog ? [{ value: "events" as const, label: "Events" }] : []),
    ...(isAgent ? [{ value: "raw" as const, label: "Raw" }] : []),
    { value: "comments", label: "Comments" },
  ];
  const state = stepState(row, run);
  // The newest is not named, so that it stays the newest when another begins.
  const attempt = chosen !== null && chosen < row.attempt ? chosen : undefined;
  const isLog = view === "input" || view === "output" || view === "events" || view === "raw";
  return (
    <Dialog
      open
      onClose={onClose}
      size="lg"
      about={`Step ${row.step_id} of ${run.name}`}
      title={
        <span className="row">
          <StepIcon state={state} />
          <span className="cut">{row.name}</span>
        </span>
      }
      head={
        <>
          <span className="row muted t12 no-phone">
            <WorkerTag step={row} />
            {row.session?.model}
          </span>
          {row.attempt > 1 && (isLog || view === "session") ? (
            <Pick
              small
              label="Attempt"
              value={String(attempt ?? row.attempt)}
              options={Array.from({ length: row.attempt }, (_, index) => ({ value: String(index + 1), label: `Attempt ${index + 1} of ${row.attempt}` }))}
              onPick={(value) => setChosen(Number(value))}
            />
          ) : null}
        </>
      }
      footer={
        <>
          <span className="m11 muted cut">{row.step_id}</span>
          <span className="grow" />
          {row.waiting && canSkipWait(row, me) === true ? (
            <Button size="sm" onClick={() => void orders.skipWait(row)}>
              Go on now
            </Button>
          ) : null}
          {view === "output" || view === "events" || view === "raw" ? <CopyLog step={row} type={view} attempt={attempt} /> : null}
          {isLog ? <DownloadLog step={row} type={view} attempt={attempt} /> : null}
          {view === "summary" && row.completed_at ? <DownloadLog step={row} type="summary" label="Download the summary" /> : null}
        </>
      }
    >
      <Session step={row} />
      <div className="tabs tabs--in" role="tablist" aria-label="Parts of the step">
        {views.map((each) => (
          <button key={each.value} type="button" role="tab" aria-selected={view === each.value} onClick={() => setView(each.value)}>
            {each.label}
          </button>
        ))}
      </div>
      <div className="step-body" role="tabpanel" aria-label={views.find((each) => each.value === view)?.label}>
        {view === "summary" ? <Summary run={run} row={row} /> : null}
        {view === "input" ? <Input step={row} attempt={attempt} /> : null}
        {view === "output" || view === "events" || view === "raw" ? <LogView key={`${view}-${attempt ?? ""}`} step={row} type={view} attempt={attempt} /> : null}
        {view === "session" ? <SessionView run={run} step={row} attempt={attempt ?? row.attempt} /> : null}
        {view === "comments" ? <Comments run={run} step={row} /> : null}
      </div>
    </Dialog>
  );
}

function Input({ step, attempt }: { step: Step; attempt: number | undefined }) {
  const log = useQuery(queries.log(step.id, "input", attempt));
  if (log.error) return <Failure error={log.error} what="The input" />;
  if (!log.data) return <Skeleton />;
  if (log.data.content === "") return <Empty title="It has not begun" />;
  let value: unknown;
  try {
    value = JSON.parse(log.data.content);
  } catch {
    return <pre className="block step-pad">{cut(log.data.content, 200_000)}</pre>;
  }
  const prompt = typeof value === "object" && value !== null && "prompt" in value ? (value as { prompt: unknown }).prompt : undefined;
  return (
    <div className="step-sum">
      {typeof prompt === "string" ? (
        <section className="part">
          <div className="row">
            <h3>Prompt</h3>
            <span className="grow" />
            <CopyButton text={prompt} label="Copy the prompt" />
          </div>
          <pre className="block">{cut(prompt, 100_000)}</pre>
        </section>
      ) : null}
      <section className="part">
        <div className="row">
          <h3>Input</h3>
          <span className="grow" />
          <CopyButton text={log.data.content} label="Copy the input" />
        </div>
        <Json value={value} />
      </section>
    </div>
  );
}

function SessionView({ run, step, attempt }: { run: Run; step: Step; attempt: number }) {
  const acts = useQuery({ ...queries.activities(step.id, attempt), enabled: attempt > 0 });
  const { session } = step;
  if (!session) return <Empty title="The session has not begun" />;
  const rows: ActivityRow[] = acts.data ?? [];
  const items = thread([], [{ step, attempt: step.attempt, rows }]);
  const { usage } = session;
  return (
    <div className="step-sum">
      <dl className="kv">
        <Pair name="Agent">{agentName(session.agent ?? "agent")}</Pair>
        {session.model ? <Pair name="Model">{session.model}</Pair> : null}
        {session.native_session_id ? (
          <Pair name="Session">
            <Copy text={session.native_session_id} />
          </Pair>
        ) : null}
        <Pair name="Tokens">
          {count(usage.input)} in, {count(usage.output)} out{usage.cache_read ? `, ${count(usage.cache_read)} from cache` : ""}
        </Pair>
        {session.cost_usd !== null ? (
          <Pair name="Cost">
            {session.cost_is_estimate ? "≈ " : ""}
            {money(session.cost_usd)}
          </Pair>
        ) : null}
        {session.context_used ? <Pair name="Context">{count(session.context_used)} tokens</Pair> : null}
        {session.transcript_path ? (
          <Pair name="Transcript">
            <Copy text={session.transcript_path} />
          </Pair>
        ) : null}
      </dl>
      <section className="part">
        <h3>
          What it did <span className="muted num">{rows.length}</span>
        </h3>
        {acts.error ? <Failure error={acts.error} what="The session" /> : null}
        {acts.isPending ? <Skeleton /> : null}
        <div className="step-thread">
          {items.slice(-200).map((item) => (
            <ThreadItem key={item.key} item={item} run={run} onStep={() => undefined} />
          ))}
        </div>
        {items.length > 200 ? <p className="muted t12">The last 200 of {items.length}; Events has all.</p> : null}
      </section>
    </div>
  );
}

function Comments({ run, step }: { run: Run; step: Step }) {
  const messages = useQuery(queries.messages(run.id));
  const cache = useQueryClient();
  const me = useMe();
  const refused = useRefusal();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const own = (messages.data ?? []).filter((message) => message.step_id === step.step_id);
  const send = async () => {
    if (!text.trim() || canAct(me) !== true) return;
    setBusy(true);
    try {
      await write("POST", endpoints.comments(run.id), { text: text.trim(), step_id: step.step_id, comment_type: "user" }, wish());
      setText("");
      void cache.invalidateQueries({ queryKey: keys.messages(run.id) });
    } catch (error) {
      refused(error, "The comment was not sent");
    }
    setBusy(false);
  };
  return (
    <div className="step-sum">
      <div className="step-thread">
        {own.length === 0 ? <p className="muted">Nobody has said anything about this step.</p> : null}
        {thread(own, []).map((item) => (
          <ThreadItem key={item.key} item={item} run={run} onStep={() => undefined} />
        ))}
      </div>
      <div className="field">
        <label htmlFor="step-comment">Comment</label>
        <textarea
          id="step-comment"
          className="input"
          rows={3}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void send();
          }}
        />
      </div>
      <div>
        <Button kind="pri" icon="send" busy={busy} can={canAct(me) !== true ? canAct(me) : text.trim() ? true : "Write something first"} onClick={() => void send()}>
          Comment
        </Button>
      </div>
    </div>
  );
}

function Pair({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="kv-row">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
