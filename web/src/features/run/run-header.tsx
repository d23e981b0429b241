/** A run's name, how it stands, why it waits, how far it is, and what can be done with it. */
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Run } from "~/api/types";
import { useOrders } from "~/features/orders/use-orders";
import { useMe } from "~/features/project/use-project";
import { clock, count, duration, localTimes, money, timeOfDay } from "~/lib/format";
import { spent as spentOf } from "~/lib/budget";
import { useNow } from "~/lib/now";
import { paths } from "~/lib/paths";
import { canCancel, canDelete, canFork, canPause, canResume, canRetry, canSkipWait } from "~/lib/run-can";
import { asks, barWords, elapsed, estimateWords, isOver, runBadge, runningShare, segments } from "~/lib/run-state";
import { Badge, Bar } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Coded } from "~/ui/coded";
import { useCopy } from "~/ui/copy";
import { Confirm } from "~/ui/dialog";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { ForkDialog } from "./fork-dialog";

interface Props {
  run: Run;
  onCancel: () => void;
  onLook: () => void;
  isConversation: boolean;
}

export function RunHeader({ run, onCancel, onLook, isConversation }: Props) {
  const orders = useOrders();
  const me = useMe();
  const navigate = useNavigate();
  const copy = useCopy();
  const [forking, setForking] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const badge = runBadge(run, useNow(run.waiting?.reason === "retry"));
  const resumes = run.status === "paused" || (run.pause_requested_at !== null && run.status === "running");
  const retries = run.status === "failed" || run.status === "cancelled";

  return (
    <header className="run-h">
      <div className="run-t">
        <nav className="crumb" aria-label="Where this is">
          <Link to={paths.board()}>Board</Link>
          <Icon name="right" size="xs" />
          <Link className="no-phone" to="/workflows" search={{ open: run.workflow_definition.key }}>
            {run.workflow_definition.name}
          </Link>
          <Icon name="right" size="xs" className="no-phone" />
        </nav>
        <h1 className="run-name" title={run.name}>
          {run.name}
        </h1>
        <Badge state={badge.state} words={badge.words} />
        <div className="act">
          <Button icon="fork" can={canFork(run, me)} onClick={() => setForking(true)} className="no-phone">
            Fork
          </Button>
          {retries ? (
            <Button kind="pri" icon="retry" can={canRetry(run, me)} onClick={() => void orders.retry(run)} className="no-phone">
              Retry
            </Button>
          ) : resumes ? (
            <Button kind={run.status === "paused" ? "pri" : "default"} icon="play" keys="P" can={canResume(run, me)} onClick={() => void orders.resume(run)} className="no-phone">
              {run.status === "paused" ? "Resume" : "Do not pause"}
            </Button>
          ) : isOver(run) ? null : (
            <Button icon="pause" keys="P" can={canPause(run, me)} onClick={() => void orders.pause(run)} className="no-phone">
              Pause
            </Button>
          )}
          {isOver(run) ? null : (
            <Button kind="bad" icon="stop" keys="X" can={canCancel(run, me)} onClick={onCancel} className="no-phone">
              Cancel
            </Button>
          )}
          <Menu
            align="end"
            label="More"
            trigger={
              <button type="button" className="btn btn--icon" aria-label="More to do with this run">
                <Icon name="more" size="sm" />
              </button>
            }
            items={[
              ...(resumes
                ? [{ key: "resume", label: "Resume", icon: "play" as const, can: canResume(run, me), onSelect: () => void orders.resume(run) }]
                : [
                    { key: "pause", label: "Pause at the next safe point", icon: "pause" as const, can: canPause(run, me), onSelect: () => void orders.pause(run) },
                    { key: "pause-now", label: "Pause now", hint: "Interrupts the agents; they go on in their sessions", icon: "pause" as const, can: canPause(run, me), onSelect: () => void orders.pause(run, { immediate: true }) },
                  ]),
              { key: "retry", label: "Retry", icon: "retry", can: canRetry(run, me), onSelect: () => void orders.retry(run) },
              { key: "fork", label: "Fork…", icon: "fork", can: canFork(run, me), onSelect: () => setForking(true) },
              { key: "rewind", label: "Rewind…", icon: "rewind", onSelect: () => void navigate({ to: "/runs/$run/$tab", params: { run: String(run.number), tab: "changes" } }) },
              "line",
              { key: "link", label: "Copy link", icon: "copy", onSelect: () => void copy(new URL(paths.run(run.number), location.origin).href) },
              { key: "id", label: "Copy id", icon: "copy", onSelect: () => void copy(run.id) },
              "line",
              { key: "cancel", label: "Cancel…", icon: "stop", bad: true, can: canCancel(run, me), onSelect: onCancel },
              { key: "delete", label: "Delete…", icon: "trash", bad: true, can: canDelete(run, me), onSelect: () => setDeleting(true) },
            ]}
          />
        </div>
      </div>
      <Why run={run} onLook={onLook} isConversation={isConversation} />
      <Facts run={run} />
      {forking ? <ForkDialog run={run} onClose={() => setForking(false)} /> : null}
      <Confirm
        open={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={() => {
          void orders.remove(run).then((done) => {
            if (done) void navigate({ to: paths.board() });
          });
        }}
        title={`Delete run ${run.number}?`}
        text="Its thread, logs, checkpoints and files are removed. Its branch stays in git. This cannot be taken back."
        act="Delete run"
        bad
      />
    </header>
  );
}

/** Why it does not advance, in a sentence. */
function Why({ run, onLook, isConversation }: { run: Run; onLook: () => void; isConversation: boolean }) {
  const orders = useOrders();
  const me = useMe();
  const now = useNow(!!run.waiting?.until);
  const waiting = asks(run);
  const first = waiting[0];
  if (first) {
    const others = run.steps.filter((step) => step.status === "running" && step.id !== first.step.id && !step.waiting).map((step) => step.name);
    return (
      <div className="why" role="status">
        <Icon name="baton" />
        <span className="cut">
          <b className="strong">Waiting for you</b> {first.kind === "approval" ? "to approve" : "to answer"} <code>{first.step.step_id}</code>
          <span className="soft no-phone">
            , since {timeOfDay(first.since)}.{others.length > 0 ? ` ${others.slice(0, 2).join(" and ")} ${others.length === 1 ? "keeps" : "keep"} running.` : " What follows starts after your answer."}
          </span>
        </span>
        <span className="grow" />
        {isConversation ? null : (
          <Button size="sm" onClick={onLook}>
            Look and decide
          </Button>
        )}
      </div>
    );
  }
  if (run.cancel_requested_at && !isOver(run)) {
    return <Line kind="fail" icon="cancelling" title="Cancelling" text={run.waiting?.detail ?? "ending its processes"} />;
  }
  if (run.pause_requested_at && run.status === "running") {
    const step = run.steps.find((each) => each.status === "running");
    return <Line kind="hold" icon="pausing" title="Pausing at the next safe point" text={step ? `after “${step.name}”` : ""} />;
  }
  if (run.status === "paused") {
    const reason = run.pause_reason === "budget" ? "its budget is used up; resuming grants it once more" : run.pause_reason && run.pause_reason !== "request" ? run.pause_reason : "nothing runs, nothing is lost";
    return <Line kind="hold" icon="paused" title="Paused" text={`${run.paused_at ? `since ${timeOfDay(run.paused_at)}: ` : ""}${reason}`} />;
  }
  if (run.status === "failed") return <Line kind="fail" icon="failed" title="Failed" text={run.error_message ?? "a step failed"} />;
  const wait = run.waiting;
  if (!wait) return null;
  const left = wait.until ? Date.parse(wait.until) - now : 0;
  const step = run.steps.find((each) => each.waiting?.reason === wait.reason);
  return (
    <div className={`why why--wait`} role="status">
      <Icon name={wait.reason === "retry" ? "retry" : "clock"} />
      <span className="cut">
        <b className="strong">{waitTitle[wait.reason]}</b>
        <span className="soft">
          {wait.detail ? `: ${localTimes(wait.detail).split("\n", 1)[0]!.slice(0, 240)}` : ""}
          {left > 0 ? `. Goes on by itself in ${left < 90_000 ? clock(left) : duration(left)}` : ""}
        </span>
      </span>
      <span className="grow" />
      {step && canSkipWait(step, me) === true ? (
        <Button size="sm" onClick={() => void orders.skipWait(step)}>
          Go on now
        </Button>
      ) : null}
    </div>
  );
}

const waitTitle: Record<string, string> = {
  approval: "Waiting for an approval",
  question: "Waiting for an answer",
  usage_limit: "Usage limit reached",
  timer: "Waiting for a time",
  remote: "Waiting for a remote service",
  retry: "Trying again soon",
  worker: "Waiting for a worker",
  concurrency: "In the queue",
  child: "Waiting for a child run",
  cancelling: "Cancelling",
};

function Line({ kind, icon, title, text }: { kind: string; icon: "cancelling" | "pausing" | "paused" | "failed"; title: string; text: string }) {
  return (
    <div className={`why why--${kind}`} role="status">
      <Icon name={icon} />
      <span className="why-t">
        <b className="strong">{title}</b>
        {text ? (
          <span className="soft">
            , <Coded text={text.slice(0, 600)} />
          </span>
        ) : null}
      </span>
    </div>
  );
}

function Facts({ run }: { run: Run }) {
  const now = useNow(!isOver(run));
  const total = run.progress.known || run.steps.length;
  const tokens = run.usage.input + run.usage.output;
  const spent = elapsed(run, now);
  const estimate = estimateWords(run, now);
  const budgets = spentOf(run, now);
  return (
    <div className="facts">
      {total > 0 ? (
        <span className="row">
          <Bar large segments={segments(run)} share={runningShare(run, now)} label={barWords(run, now)} />
          <b className="num">
            {run.progress.ended} of {total}
          </b>
        </span>
      ) : null}
      {estimate ? (
        <span>
          <b>{estimate.time}</b> {estimate.then}
        </span>
      ) : null}
      <span>
        <b className="num">{duration(spent)}</b>
      </span>
      {run.cost_usd !== null && run.cost_usd > 0 && !run.budget?.usd ? (
        <span title={run.cost_is_estimate ? "An estimate, from list prices" : undefined}>
          <b className="num">
            {run.cost_is_estimate ? "≈ " : ""}
            {money(run.cost_usd)}
          </b>
        </span>
      ) : null}
      {budgets.map(({ kind, used, of, share }) => (
        <span key={kind} title={kind === "usd" && run.cost_is_estimate ? "An estimate, from list prices" : undefined}>
          <b className="num">{used}</b> of {of}
          <span className={`meter ${share > 0.8 ? "meter--warn" : ""}`}>
            <i style={{ width: `${share * 100}%` }} />
          </span>
        </span>
      ))}
      {tokens > 0 && !run.budget?.tokens ? (
        <span className="no-phone">
          <b className="num">{count(tokens)}</b> tokens
        </span>
      ) : null}
      {run.worktree?.branch ? (
        <span className="row no-phone cut" title={run.worktree.path}>
          <Icon name="fork" size="sm" />
          <span className="m11 cut">{run.worktree.branch}</span>
        </span>
      ) : null}
      <span className="num no-phone">#{run.number}</span>
    </div>
  );
}
