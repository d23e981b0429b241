/** A line of figures above the board: what works now, what it has cost, how it went lately. */
import type { Run } from "~/api/types";
import { count, duration, money, timeOfDay } from "~/lib/format";
import { useNow } from "~/lib/now";
import { isOver } from "~/lib/run-state";
import { successRate } from "./board-model";

const WEEK = 7 * 24 * 3600 * 1000;

export function Strip({ runs }: { runs: Run[] | undefined }) {
  const now = useNow();
  if (!runs) return <div className="strip no-phone" />;
  const today = new Date(now).toDateString();
  const active = runs.flatMap((run) => (run.status === "running" ? run.steps.filter((step) => step.status === "running" && !step.waiting) : []));
  const spent = runs.filter((run) => new Date(run.created_at).toDateString() === today).reduce((sum, run) => sum + (run.cost_usd ?? 0), 0);
  const week = runs.filter((run) => now - Date.parse(run.created_at) < WEEK);
  const rate = successRate(week);
  const over = week.filter((run) => isOver(run) && run.status === "completed" && run.started_at && run.completed_at);
  const times = over.map((run) => Date.parse(run.completed_at!) - Date.parse(run.started_at!)).sort((a, b) => a - b);
  const limit = runs.find((run) => run.waiting?.reason === "usage_limit");
  const tokens = week.reduce((sum, run) => sum + run.usage.input + run.usage.output, 0);
  return (
    <div className="strip no-phone">
      <span>
        <b className="num">{active.length}</b> {active.length === 1 ? "step" : "steps"} at work
      </span>
      <span>
        Today <b className="num">{money(spent)}</b>
      </span>
      {limit ? (
        <span>
          Usage limit reached{limit.waiting?.until ? <>, resets <b className="num">{timeOfDay(limit.waiting.until)}</b></> : null}
          <span className="meter meter--warn">
            <i style={{ width: "100%" }} />
          </span>
        </span>
      ) : null}
      <span>
        7 days <b className="num">{week.length} runs</b>
        {rate === null ? null : (
          <>
            , <b className="num">{Math.round(rate * 100)} %</b> done
          </>
        )}
      </span>
      {times.length > 0 ? (
        <span>
          Median <b className="num">{duration(times[Math.floor(times.length / 2)]!)}</b>
        </span>
      ) : null}
      {tokens > 0 ? (
        <span>
          <b className="num">{count(tokens)}</b> tokens
        </span>
      ) : null}
    </div>
  );
}
