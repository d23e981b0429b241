/** A run on the board. */
import { memo } from "react";
import type { Run } from "~/api/types";
import { useOrders } from "~/features/orders/use-orders";
import { useMe } from "~/features/project/use-project";
import { count, money } from "~/lib/format";
import { useNow } from "~/lib/now";
import { paths } from "~/lib/paths";
import { canRetry } from "~/lib/run-can";
import { agentOf, barWords, isOver, nowLine, runBadge, runningShare, segments } from "~/lib/run-state";
import { AgentTag, Badge, Bar } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Coded } from "~/ui/coded";
import { Go } from "~/ui/go";
import { At, RunElapsed } from "~/ui/time";
import { CardMenu } from "./card-menu";

interface Props {
  run: Run;
  /** Whose child or fork it is, in words. */
  family: string | null;
  isFocused: boolean;
  onFocus: (id: string) => void;
  onOpen: (run: Run) => void;
}

export const Card = memo(function Card({ run, family, isFocused, onFocus, onOpen }: Props) {
  const badge = <CardBadge run={run} />;
  const needsYou = runBadge(run, 0).state === "needs";
  const line = nowLine(run);
  const agent = agentOf(run);
  const isQuiet = run.status === "completed" || run.status === "cancelled";
  const steps = run.steps.filter((step) => !step.parent_step_id).length;
  return (
    <article
      className={`card ${needsYou ? "card--you" : ""} ${isQuiet ? "card--quiet" : ""}`}
      data-run={run.id}
      aria-label={run.name}
      onFocus={() => onFocus(run.id)}
    >
      <div className="card-h">
        {badge}
        <span className="row num">
          {run.unread > 0 ? (
            <span className="unread" title={`${run.unread} unread`}>
              {run.unread}
            </span>
          ) : null}
          {isQuiet && run.completed_at ? <At at={run.completed_at} /> : <RunElapsed run={run} />}
          <CardMenu run={run} />
        </span>
      </div>
      <h3 title={run.name}>
        <Go
          className="card-link"
          href={paths.run(run.number, "conversation")}
          tabIndex={isFocused ? 0 : -1}
          data-card={run.id}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              onOpen(run);
            }
          }}
        >
          {run.name}
        </Go>
      </h3>
      {line.text ? (
        <div className="now">
          <span>
            <Coded text={line.text} />
          </span>
          {line.todos ? <span className="num">{line.todos}</span> : null}
        </div>
      ) : null}
      {isQuiet ? null : (
        <div className="card-b">
          <CardBar run={run} />
          <span className="num">
            {run.progress.ended}/{run.progress.known || steps}
          </span>
        </div>
      )}
      <div className="card-f">
        <span className="cut">{family ? <span className="card-kin num">{family}</span> : null}{agent ? <AgentTag agent={agent.name} model={agent.model} /> : null}</span>
        <span className="end row">
          {run.cost_usd !== null && run.cost_usd > 0 ? (
            <span className="num" title={run.cost_is_estimate ? "An estimate, from list prices" : undefined}>
              {run.cost_is_estimate ? "≈ " : ""}
              {money(run.cost_usd)}
              {run.budget?.usd ? <i>/{run.budget.usd}</i> : null}
            </span>
          ) : null}
          {run.budget?.tokens ? (
            <span className="num" title="Tokens used of its budget">
              {count(run.usage.input + run.usage.output)}
              <i>/{count(run.budget.tokens)}</i>
            </span>
          ) : run.cost_usd ? null : (
            <span className="num muted">#{run.number}</span>
          )}
        </span>
      </div>
      {needsYou ? (
        <div className="card-act">
          <Button size="sm" tabIndex={isFocused ? 0 : -1} onClick={() => onOpen(run)} keys="↵">
            Look and decide
          </Button>
        </div>
      ) : null}
      {run.status === "failed" ? <Again run={run} tabIndex={isFocused ? 0 : -1} /> : null}
    </article>
  );
});

/** What can be done with one that failed. */
function Again({ run, tabIndex }: { run: Run; tabIndex: number }) {
  const me = useMe();
  const orders = useOrders();
  return (
    <div className="card-act">
      <Button size="sm" icon="retry" tabIndex={tabIndex} can={canRetry(run, me)} onClick={() => void orders.retry(run)}>
        Retry
      </Button>
      <Go className="btn btn--sm" tabIndex={tabIndex} href={paths.run(run.number, "changes")}>
        Rewind
      </Go>
    </div>
  );
}

function CardBadge({ run }: { run: Run }) {
  const now = useNow(run.waiting?.reason === "retry");
  const { state, words } = runBadge(run, now);
  return <Badge state={state} words={words} />;
}

function CardBar({ run }: { run: Run }) {
  const now = useNow(run.status === "running" && !isOver(run) && !!run.progress.estimate_ms);
  return <Bar segments={segments(run)} share={runningShare(run, now)} label={barWords(run, now)} />;
}
